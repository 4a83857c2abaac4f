/** Which categories incidents fall in, out of counts that a store keeps by all kinds at once. Pure. */
import type { Incident, IncidentState, Severity } from '../../messages/types.ts';

export const CATEGORY_KINDS = ['camera', 'rule', 'zone', 'type', 'severity', 'label'] as const;
export type CategoryKind = (typeof CATEGORY_KINDS)[number];

/** What is kept by category, and can be chosen by. */
export interface CategoryFilter {
  site?: string;
  camera?: string;
  rule?: string;
  /** Any of these. */
  severity?: readonly Severity[];
  /** Any of these. */
  state?: readonly IncidentState[];
}

export interface CategoryValues {
  /** The most frequent first, at most `MAX_VALUES`. */
  values: { value: string; total: number; byState: Record<IncidentState, number> }[];
  /** How many values there are beyond those. */
  more: number;
}

/** How many of the incidents that are stored fall in which category. */
export type Categories = Record<CategoryKind, CategoryValues>;

/** Incidents that are alike in all of this; with a label those that have it, which are counted without it as well. */
export interface Category {
  site: string;
  camera: string;
  rule: string;
  /** Null for the whole picture and for lines. */
  zone: string | null;
  type: Incident['type'];
  severity: Severity;
  state: IncidentState;
  label: string | null;
  count: number;
}

/** Values that are told of a kind; more than a fleet has cameras. */
export const MAX_VALUES = 2_000;

/** @returns for each kind its values under the other kinds' filters. */
export function categoriesOf(counted: Iterable<Category>, filter: CategoryFilter): Categories {
  const found = new Map(CATEGORY_KINDS.map((kind) => [kind, new Map<string, Record<IncidentState, number>>()]));
  for (const one of counted) {
    // With a label it was counted without it as well.
    const kinds: readonly CategoryKind[] = one.label === null ? CATEGORY_KINDS : ['label'];
    for (const kind of kinds) {
      const value = one[kind];
      if (value === null || !passes(one, filter, kind)) continue;
      const values = found.get(kind);
      const byState = values?.get(value) ?? { open: 0, unobserved: 0, closed: 0 };
      byState[one.state] += one.count;
      values?.set(value, byState);
    }
  }
  const told = (kind: CategoryKind): CategoryValues => most(found.get(kind) ?? new Map());
  return {
    ...{ camera: told('camera'), rule: told('rule'), zone: told('zone') },
    ...{ type: told('type'), severity: told('severity'), label: told('label') },
  };
}

/** The most frequent first. */
function most(values: ReadonlyMap<string, Record<IncidentState, number>>): CategoryValues {
  const all = [...values].map(([value, byState]) => {
    return { value, total: byState.open + byState.unobserved + byState.closed, byState };
  });
  all.sort((a, b) => b.total - a.total || (a.value < b.value ? -1 : 1));
  return { values: all.slice(0, MAX_VALUES), more: Math.max(0, all.length - MAX_VALUES) };
}

function passes(one: Category, filter: CategoryFilter, kind: CategoryKind): boolean {
  return (
    (filter.site === undefined || filter.site === one.site) &&
    (kind === 'camera' || filter.camera === undefined || filter.camera === one.camera) &&
    (kind === 'rule' || filter.rule === undefined || filter.rule === one.rule) &&
    (kind === 'severity' || filter.severity === undefined || filter.severity.includes(one.severity)) &&
    (filter.state === undefined || filter.state.includes(one.state))
  );
}
