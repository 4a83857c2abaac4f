/** What the boards have in common: variables, links to one another and to the console. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  type AnnotationQuery,
  AnnotationQueryBuilder,
  AnnotationTargetBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  TextBoxVariableBuilder,
  type VariableModel,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { BAD, WARN } from './colors.ts';
import { DATASOURCE, type Link, type Target } from './panels.ts';
import { CAMERA, of } from './queries.ts';

const TAG = 'banksman';
/** Of Grafana 11.0: 11 and 12 bring what is as old as that up to date themselves. */
const SCHEMA_VERSION = 39;

/** Address of a board below Grafana's own. */
export const uidOf = (name: string): string => `${TAG}-${name}`;

export interface Board {
  /** File and end of the address: never changes, bookmarks lead there. */
  name: string;
  title: string;
  description: string;
  from: string;
  refresh: string;
  variables: readonly Builder<VariableModel>[];
  rows: readonly { title: string; panels: readonly Builder<Panel>[] }[];
  /** Incidents are marked on every panel with time; by these tags Grafana finds those that were sent to it. */
  marks?: readonly string[];
}

export function build(board: Board): Dashboard {
  const builder = new DashboardBuilder(board.title)
    .uid(uidOf(board.name))
    .description(board.description)
    .tags([TAG])
    .editable()
    .timezone('browser')
    .time({ from: board.from, to: 'now' })
    .refresh(board.refresh)
    .tooltip(DashboardCursorSync.Crosshair)
    .variables([source(), ...board.variables, consoleAddress()])
    .annotations(board.marks ? [openings(), lasting(), sent(board.marks)] : [])
    .link(
      new DashboardLinkBuilder('Boards')
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .includeVars(true)
        .keepTime(true),
    )
    .link(
      new DashboardLinkBuilder('Console')
        .type(DashboardLinkType.Link)
        .url('${console}/')
        .icon('external link')
        .tooltip('Pictures, incidents, judgements and mutes')
        .targetBlank(true),
    );
  for (const { title, panels } of board.rows) {
    builder.withRow(new RowBuilder(title));
    for (const panel of panels) builder.withPanel(panel);
  }
  const dashboard = { ...builder.build(), schemaVersion: SCHEMA_VERSION };
  for (const [index, panel] of (dashboard.panels ?? []).entries()) panel.id = index + 1;
  // In sight, not in a menu, which is what the builders say unasked.
  for (const shown of [...(dashboard.links ?? []), ...(dashboard.annotations?.list ?? [])]) delete shown.placement;
  return dashboard;
}

/** Which Prometheus: the only one that there is, in most places. */
function source(): Builder<VariableModel> {
  return new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus');
}

function consoleAddress(): Builder<VariableModel> {
  return new TextBoxVariableBuilder('console')
    .label('Console')
    .description('Where the console of banksman is, as browsers reach it')
    .defaultValue('http://127.0.0.1:8080');
}

/** The values that a label has, one or many of them. */
function choice(name: string, label: string, series: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(DATASOURCE)
    .query({ query: `label_values(${series}, ${name})`, refId: name })
    .definition(`label_values(${series}, ${name})`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.NaturalAsc);
}

/** All also means what has no such label. */
const many = (variable: QueryVariableBuilder): Builder<VariableModel> =>
  variable
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ text: ['All'], value: ['$__all'], selected: true });

export const site = (): Builder<VariableModel> =>
  many(choice('site', 'Site', 'banksman_build_info').description('By the label that the scrape configuration gives'));
export const cameras = (): Builder<VariableModel> => many(choice('camera', 'Camera', of('camera_watched')));
export const oneCamera = (): Builder<VariableModel> => choice('camera', 'Camera', of('camera_watched'));
export const rule = (): Builder<VariableModel> => many(choice('rule', 'Rule', of('incidents_total', CAMERA)));
export const severity = (): Builder<VariableModel> =>
  many(choice('severity', 'Severity', of('incidents_total', CAMERA)));

/** From a camera's name to all about it, and to its picture. */
export const CAMERA_LINKS: readonly Link[] = [
  {
    label: 'camera',
    title: 'All about ${__data.fields.camera}',
    url: `/d/${uidOf('camera')}?\${datasource:queryparam}&\${site:queryparam}&var-camera=\${__data.fields.camera}&\${__url_time_range}`,
  },
  { label: 'camera', title: 'Its picture in the console', url: '${console}/#camera=${__data.fields.camera}' },
];

const listIn = (label: string, incidents: 'open' | 'all', title: string): Link => ({
  label,
  title,
  url: `\${console}/#incidents=${incidents}&camera=\${__data.fields.camera}&rule=\${__data.fields.rule}`,
});
const OPEN = 'Open incidents of this camera and rule, in the console';

/** Of a table with camera and rule: from either to what is open there, which metrics cannot name. */
export const OPEN_INCIDENT_LINKS: readonly Link[] = [
  listIn('rule', 'open', OPEN),
  listIn('camera', 'open', OPEN),
  ...CAMERA_LINKS,
];

/** Of a table with camera and rule: to what was there, open or not. */
export const INCIDENT_LINKS: readonly Link[] = [
  listIn('rule', 'all', 'Incidents of this camera and rule, in the console'),
  ...CAMERA_LINKS,
];

/** Of a figure, about all cameras or the one that the board is about. */
export const openInConsole = (camera = ''): Target => ({
  title: 'Open incidents, in the console',
  url: `\${console}/#incidents=open${camera}`,
});

/** Also of those that end as they begin, as a crossed line. */
function openings(): AnnotationQueryBuilder {
  return mark('Incidents opened', WARN, `increase(${of('incidents_total', CAMERA)}[1m]) > 0`);
}

function lasting(): AnnotationQueryBuilder {
  return mark('Incidents open', BAD, of('incident_opened_timestamp_seconds', CAMERA));
}

/** What the alerts channel `grafana` writes; off, since without the channel there is none, and with it all is twice. */
function sent(tags: readonly string[]): Builder<AnnotationQuery> {
  const query = new AnnotationQueryBuilder()
    .name('Incidents sent here')
    .datasource({ type: 'grafana', uid: '-- Grafana --' })
    .enable(false)
    .iconColor(WARN);
  const target = new AnnotationTargetBuilder()
    .type('tags')
    .tags([...tags])
    .matchAny(false)
    .limit(100);
  // The builder takes queries of data sources alone, which its types tell by this; JSON leaves it out.
  const variant = { _implementsDataqueryVariant: () => undefined };
  return { build: () => ({ ...query.build(), target: { ...target.build(), ...variant } }) };
}

function mark(name: string, color: string, expr: string): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name(name)
    .datasource(DATASOURCE)
    .enable(true)
    .iconColor(color)
    .expr(expr)
    .step('60s')
    .titleFormat('{{rule}}')
    .textFormat('{{camera}} {{zone}}')
    .tagKeys('severity,rule');
}
