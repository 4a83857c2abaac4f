/** What an edit of the site file changes, and what must start anew for it to hold. Pure. */
import { canonicalJson } from './hash.ts';
import type { Restart } from './scalars.ts';
import { siteSchema } from './schema.ts';
import { restartsAt } from './schema_walk.ts';
import type { CameraConfig, RuleConfig, SiteConfig } from './site.ts';
import type { Path } from './tree.ts';

export interface EntryChange {
  id: string;
  /** Options that differ, as `sampling.active_fps` or `zones.road`. */
  options: string[];
}

export interface CameraChange extends EntryChange {
  /** It must connect anew; otherwise its connection stays. */
  reconnects: boolean;
}

export interface EntryDiff<C extends EntryChange> {
  added: string[];
  changed: C[];
  removed: string[];
}

export interface SiteDiff {
  cameras: EntryDiff<CameraChange>;
  rules: EntryDiff<EntryChange>;
  /** Options of whole sections that differ, as `alerts.webhooks`. */
  sections: string[];
  /** Roles that must start anew; `up`: the whole daemon, by a person. */
  restarts: Exclude<Restart, 'camera'>[];
  /** Nothing differs in effect. */
  same: boolean;
  /** For people, one change a line. */
  lines: string[];
}

const ROLES = ['up', 'ingest', 'process', 'sink', 'console'] as const;

export function diffSites(before: SiteConfig, after: SiteConfig): SiteDiff {
  const cameras = diffEntries(before.cameras, after.cameras, (id, options) => ({
    id,
    options,
    reconnects: options.some((option) =>
      restartsAt(siteSchema, ['cameras', id, ...option.split('.')], null).includes('camera'),
    ),
  }));
  const rules = diffEntries(rulesById(before.rules), rulesById(after.rules), (id, options) => ({ id, options }));
  const { cameras: _c, rules: _r, schedules: _s, ...oldSections } = before;
  const { cameras: _c2, rules: _r2, schedules: _s2, ...newSections } = after;
  const changes = differences(oldSections, newSections, []);
  const needed = new Set(changes.flatMap((path) => restartsAt(siteSchema, path, null)));
  const restarts = ROLES.filter((role) => needed.has(role));
  const sections = changes.map((path) => path.join('.'));
  const lines = [
    ...changeLines(cameras, rules),
    ...changes.map((path) => {
      const roles = restartsAt(siteSchema, path, null);
      const effect = roles.includes('up')
        ? 'holds after banksman up is started anew'
        : `restarts ${roles.join(' and ')}`;
      return `${path.join('.')} changed: ${roles.length === 0 ? 'holds at once' : effect}`;
    }),
  ];
  return { cameras, rules, sections, restarts, same: lines.length === 0, lines };
}

/** What two records of one camera differ in; `configHash` aside. */
export function cameraChange(id: string, before: object, after: object): CameraChange {
  const options = differences(without(before), without(after), []).map((path) => path.join('.'));
  const isOfSession = (option: string): boolean =>
    restartsAt(siteSchema, ['cameras', id, ...option.split('.')], null).includes('camera');
  return { id, options, reconnects: options.some(isOfSession) };
}

/** The same for a rule. */
export function ruleChange(id: string, before: object, after: object): EntryChange {
  return { id, options: differences(without(before), without(after), []).map((path) => path.join('.')) };
}

function without(record: object): object {
  return { ...record, configHash: null };
}

/** One change a line. */
export function changeLines(cameras: EntryDiff<CameraChange>, rules: EntryDiff<EntryChange>): string[] {
  return [
    ...linesOf('camera', cameras, (change) => (change.reconnects ? ', connects anew' : '')),
    ...linesOf('rule', rules, () => ''),
  ];
}

function rulesById(rules: readonly RuleConfig[]): Record<string, RuleConfig> {
  return Object.fromEntries(rules.map((rule) => [rule.id, rule]));
}

function diffEntries<T extends CameraConfig | RuleConfig, C extends EntryChange>(
  before: Readonly<Record<string, T>>,
  after: Readonly<Record<string, T>>,
  describe: (id: string, options: string[]) => C,
): EntryDiff<C> {
  const changed: C[] = [];
  for (const [id, now] of Object.entries(after)) {
    const was = Object.hasOwn(before, id) ? before[id] : undefined;
    const options = was ? differences(was, now, []).map((path) => path.join('.')) : [];
    if (options.length > 0) changed.push(describe(id, options));
  }
  return {
    added: Object.keys(after).filter((id) => !Object.hasOwn(before, id)),
    changed,
    removed: Object.keys(before).filter((id) => !Object.hasOwn(after, id)),
  };
}

/** Values that are one thing to a person: shown whole, not by their parts. */
const WHOLE = new Set(['username', 'password', 'sentinel_password', 'schedule', 'bind', 'secret', 'token', 'accounts']);

/** Paths of the deepest maps' keys that differ; lists are compared whole. */
function differences(before: unknown, after: unknown, path: string[]): Path[] & string[][] {
  if (canonicalJson(before ?? null) === canonicalJson(after ?? null)) return [];
  if (!isMap(before) || !isMap(after) || WHOLE.has(path.at(-1) ?? '')) return [path];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => differences(before[key], after[key], [...path, key]));
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function linesOf<C extends EntryChange>(what: string, diff: EntryDiff<C>, note: (change: C) => string): string[] {
  return [
    ...diff.added.map((id) => `${what} ${id} added`),
    ...diff.changed.map((change) => `${what} ${change.id} changed: ${change.options.join(', ')}${note(change)}`),
    ...diff.removed.map((id) => `${what} ${id} removed`),
  ];
}
