/** Panels as these boards have them: none without a unit and a description that says what to do. */
import { PanelBuilder as BarGauge } from '@grafana/grafana-foundation-sdk/bargauge';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  type DataSourceRef,
  GraphDrawStyle,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TableSortByFieldStateBuilder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type DynamicConfigValue,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  type Panel,
  type ThresholdsConfig,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatPanel } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimeline } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TablePanel } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeSeries } from '@grafana/grafana-foundation-sdk/timeseries';
import { BAD, GOOD, PLAIN, WARN } from './colors.ts';

export const DATASOURCE: DataSourceRef = { type: 'prometheus', uid: '${datasource}' };

/** From which value on which colour; the first from below everything. */
export type Steps = readonly (readonly [from: number | null, color: string])[];
export type Words = Readonly<Record<number, readonly [text: string, color: string]>>;

export interface PanelOptions {
  title: string;
  /** Which question it answers, and what to do about the answer. */
  description: string;
  /** As Grafana names them: `s`, `percentunit`, … */
  unit: string;
  /** Of 24. */
  width: number;
  height?: number;
  steps?: Steps;
  words?: Words;
  decimals?: number;
}

export interface Query {
  expr: string;
  /** With labels as `{{camera}}`. */
  legend?: string;
}

interface Common {
  title(title: string): this;
  description(description: string): this;
  unit(unit: string): this;
  span(width: number): this;
  height(height: number): this;
  datasource(datasource: DataSourceRef): this;
  thresholds(thresholds: Builder<ThresholdsConfig>): this;
  mappings(mappings: ValueMapping[]): this;
  decimals(decimals: number): this;
  noValue(text: string): this;
}

export const FINE_AT_ZERO: Steps = [
  [null, GOOD],
  [1, BAD],
];
export const WARN_ABOVE = (limit: number): Steps => [
  [null, GOOD],
  [limit, WARN],
];
export const NO_STEPS: Steps = [[null, PLAIN]];

function common<B extends Common>(panel: B, options: PanelOptions, height: number): B {
  panel
    .title(options.title)
    .description(options.description)
    .unit(options.unit)
    .span(options.width)
    .height(options.height ?? height)
    .datasource(DATASOURCE)
    .thresholds(thresholds(options.steps ?? NO_STEPS));
  if (options.words) panel.mappings([mappingOf(options.words)]);
  if (options.decimals !== undefined) panel.decimals(options.decimals);
  return panel;
}

function thresholds(steps: Steps): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps(steps.map(([value, color]) => ({ value, color })));
}

function mappingOf(words: Words): ValueMapping {
  const options = Object.fromEntries(
    Object.entries(words).map(([value, [text, color]], index) => [value, { text, color, index }]),
  );
  return { type: MappingType.ValueToText, options };
}

const refId = (index: number): string => String.fromCharCode(65 + index);

function range({ expr, legend }: Query, index: number): DataqueryBuilder {
  return new DataqueryBuilder()
    .refId(refId(index))
    .expr(expr)
    .range()
    .legendFormat(legend ?? '__auto')
    .datasource(DATASOURCE);
}

function instant({ expr, legend }: Query, index: number): DataqueryBuilder {
  const query = new DataqueryBuilder().refId(refId(index)).expr(expr).instant().datasource(DATASOURCE);
  return legend === undefined ? query : query.legendFormat(legend);
}

export interface StatOptions extends PanelOptions, Query {
  /** What it shows. Default: the value. */
  text?: 'name' | 'value and name';
  /** What stands there while there is no figure. Default: nobody says anything. */
  none?: string;
  link?: Target;
}

/** One figure, as it is now. */
export function stat(options: StatOptions): Builder<Panel> {
  const panel = common(new StatPanel(), options, 4)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .colorMode(BigValueColorMode.Value)
    .graphMode(BigValueGraphMode.None)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .noValue(options.none ?? 'no word')
    .withTarget(instant(options, 0));
  if (options.text === 'name') panel.textMode(BigValueTextMode.Name);
  if (options.text === 'value and name') panel.textMode(BigValueTextMode.ValueAndName);
  if (options.link) panel.overrideByRegexp('.*', [{ id: 'links', value: [options.link] }]);
  return panel;
}

export interface SeriesOptions extends PanelOptions {
  queries: readonly Query[];
  /** Of series that are known by name. Others are shades of one hue, which differ in lightness. */
  colors?: Readonly<Record<string, string>>;
  look?: 'lines' | 'bars' | 'stacked bars' | 'stacked areas';
  /** Series, by name, that are a line above the rest and stacked on nothing. */
  lines?: readonly string[];
  /** The axis ends here. */
  max?: number;
  /** The steps are drawn as lines. */
  limits?: boolean;
  /** A point at least this far from the next. */
  interval?: string;
  links?: readonly Link[];
}

/** How something goes on. */
export function series(options: SeriesOptions): Builder<Panel> {
  const { look = 'lines', colors = {} } = options;
  const panel = common(new TimeSeries(), options, 8)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Shades).fixedColor(PLAIN))
    .drawStyle(look.endsWith('bars') ? GraphDrawStyle.Bars : GraphDrawStyle.Line)
    .lineWidth(look.endsWith('bars') ? 0 : 2)
    .fillOpacity(look === 'lines' ? 0 : look === 'stacked areas' ? 40 : 80)
    .showPoints(VisibilityMode.Auto)
    .min(0)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs([]),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .targets(options.queries.map(range));
  if (look.startsWith('stacked')) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal));
  if (options.max !== undefined) panel.max(options.max);
  if (options.interval !== undefined) panel.interval(options.interval);
  if (options.limits) {
    panel.thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed));
  }
  for (const [name, color] of Object.entries(colors)) panel.overrideByName(name, [fixed(color)]);
  for (const name of options.lines ?? []) panel.overrideByName(name, AS_LINE);
  return panel;
}

const AS_LINE: DynamicConfigValue[] = [
  { id: 'custom.drawStyle', value: GraphDrawStyle.Line },
  { id: 'custom.lineWidth', value: 2 },
  { id: 'custom.fillOpacity', value: 0 },
  { id: 'custom.stacking', value: { mode: StackingMode.None } },
];

const fixed = (fixedColor: string): DynamicConfigValue => ({
  id: 'color',
  value: { mode: FieldColorModeId.Fixed, fixedColor },
});

/** Bars of what is now or was in the whole time shown, one a label. */
export function bars(options: PanelOptions & { queries: readonly Query[] }): Builder<Panel> {
  return common(new BarGauge(), options, 8)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .orientation(VizOrientation.Horizontal)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .min(0)
    .noValue('none')
    .targets(options.queries.map(instant));
}

/** One lane each, with words for the values. */
export function lanes(options: PanelOptions & { queries: readonly Query[]; words: Words }): Builder<Panel> {
  return common(new StateTimeline(), options, 5)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .mergeValues(true)
    .fillOpacity(80)
    .targets(options.queries.map(range));
}

export interface Column {
  name: string;
  expr: string;
  unit: string;
  steps?: Steps;
  words?: Words;
  decimals?: number;
}

/** Where a click leads. */
export interface Target {
  title: string;
  url: string;
}

export interface Link extends Target {
  /** Label whose cells lead there. */
  label: string;
}

export interface TableOptions extends PanelOptions {
  /** First columns, in this order. */
  labels: readonly string[];
  columns: readonly Column[];
  /** Column; highest first unless `up`. */
  sortBy: string;
  up?: boolean;
  links?: readonly Link[];
  /** What stands there while there is nothing to list. */
  empty: string;
}

/** A row for each combination of labels, as it is now. */
export function table(options: TableOptions): Builder<Panel> {
  const { labels, columns, links = [] } = options;
  // The value column of a lone query has no letter.
  const valueColumn = (index: number): string => (columns.length === 1 ? 'Value' : `Value #${refId(index)}`);
  const order = [...labels, ...columns.map((_, index) => valueColumn(index))];
  const panel = common(new TablePanel(), options, 8)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .noValue(options.empty)
    .sortBy([new TableSortByFieldStateBuilder().displayName(options.sortBy).desc(!options.up)])
    .targets(columns.map((column, index) => instant(column, index).format(PromQueryFormat.Table)))
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        indexByName: Object.fromEntries(order.map((name, index) => [name, index])),
        renameByName: Object.fromEntries(columns.map(({ name }, index) => [valueColumn(index), name])),
      },
    });
  for (const column of columns) panel.overrideByName(column.name, columnLook(column));
  for (const label of labels) {
    const own = links.filter((link) => link.label === label).map(({ title, url }) => ({ title, url }));
    if (own.length > 0) panel.overrideByName(label, [{ id: 'links', value: own }]);
  }
  return panel;
}

function columnLook({ unit, steps, words, decimals }: Column): DynamicConfigValue[] {
  return [
    { id: 'unit', value: unit },
    ...(decimals === undefined ? [] : [{ id: 'decimals', value: decimals }]),
    ...(words ? [{ id: 'mappings', value: [mappingOf(words)] }] : []),
    ...(steps ? [{ id: 'thresholds', value: thresholds(steps).build() }] : []),
    ...(steps || words ? [{ id: 'custom.cellOptions', value: { type: 'color-text' } }] : []),
  ];
}
