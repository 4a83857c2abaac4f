/** The queries of the boards as Grafana sends them, for tests. */
import type { AnnotationQuery, Dashboard, Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { BOARDS } from './boards.ts';
import { type Board, build } from './frame.ts';

export interface BoardQuery {
  /** `board / panel / letter`, and no two alike. */
  key: string;
  expr: string;
  /** What its labels are shown as. */
  legend: string;
  /** Drawn over time, not as it is now. */
  range: boolean;
}

interface Target {
  datasource?: unknown;
  refId?: string;
  expr?: string;
  legendFormat?: string;
  range?: boolean;
}

/** Rows are no panels. */
export function panelsOf(dashboard: Dashboard): Panel[] {
  return (dashboard.panels ?? []).flatMap((panel) => ('targets' in panel ? [panel] : []));
}

/** Those that Prometheus is asked for. */
export const annotationsOf = (dashboard: Dashboard): AnnotationQuery[] =>
  (dashboard.annotations?.list ?? []).filter(({ target }) => target === undefined);

/** The SDK knows of a panel's queries only that they are some; here all are of Prometheus. */
export const targetsOf = (panel: Panel): Target[] => (panel.targets ?? []) as Target[];

export function queriesOf(board: Board): BoardQuery[] {
  const dashboard = build(board);
  const drawn = panelsOf(dashboard).flatMap((panel) =>
    targetsOf(panel).map(({ refId, expr = '', legendFormat = '', range = false }) => ({
      key: `${board.name} / ${panel.title}${panel.type === 'table' ? ' (table)' : ''} / ${refId}`,
      expr,
      legend: legendFormat,
      range,
    })),
  );
  const marked = annotationsOf(dashboard).map(({ name, expr = '', titleFormat = '', textFormat = '' }) => ({
    key: `${board.name} / ${name}`,
    expr,
    legend: `${titleFormat} ${textFormat}`,
    range: true,
  }));
  const chosen = (dashboard.templating?.list ?? []).flatMap(({ name, definition = '' }) => {
    const [, expr = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(definition) ?? [];
    return expr === '' ? [] : [{ key: `${board.name} / $${name}`, expr, legend: `{{${label}}}`, range: false }];
  });
  return [...drawn, ...marked, ...chosen];
}

export const allQueries = (): BoardQuery[] => BOARDS.flatMap(queriesOf);

/** What Grafana would put in for variables. @throws where one has no value. */
export function fill(expr: string, values: Readonly<Record<string, string>>): string {
  return expr.replaceAll(/\$(\w+)/g, (variable, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${variable} in ${expr}`);
    return value;
  });
}

/** Everything is chosen, as on a board that was just opened. */
export const ALL: Readonly<Record<string, string>> = {
  ...{ site: '.*', camera: '.*', rule: '.*', severity: '.*' },
  ...{ __rate_interval: '1m', __range: '1h', __interval: '15s' },
};
