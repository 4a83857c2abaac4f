/** PromQL out of metrics that there are: a name that is not in runtime/metrics.ts does not compile. */
import type { MetricName } from '../../runtime/metrics.ts';
import { METRIC_PREFIX } from '../../runtime/prometheus.ts';

export const CAMERA = 'camera=~"$camera"';
export const RULE = 'rule=~"$rule"';
export const SEVERITY = 'severity=~"$severity"';

/** A metric of the chosen sites. The label `site` comes from the scrape configuration; without it all is one site. */
export function of(name: MetricName, ...matchers: string[]): string {
  return selector(name, matchers);
}

export const bucketsOf = (name: MetricName, ...matchers: string[]): string => selector(`${name}_bucket`, matchers);
export const countOf = (name: MetricName, ...matchers: string[]): string => selector(`${name}_count`, matchers);
export const sumOf = (name: MetricName, ...matchers: string[]): string => selector(`${name}_sum`, matchers);

function selector(name: string, matchers: readonly string[]): string {
  return `${METRIC_PREFIX}${name}{${['site=~"$site"', ...matchers].join(', ')}}`;
}

/** Of a camera each; where several processes say the same of it, once. */
export function perCamera(expression: string, ...labels: string[]): string {
  return `max by (${['site', 'camera', ...labels].join(', ')}) (${expression})`;
}

/** A counter as a rate. */
export const rate = (series: string, over = '$__rate_interval'): string => `rate(${series}[${over}])`;

/** What was added to a counter in the time that the board shows, or in another. */
export function increase(series: string, over = '$__range', before?: string): string {
  return `increase(${series}[${over}]${before === undefined ? '' : ` offset ${before}`})`;
}

/**
 * How often something happened that is rare, so that most of its counters appear with their first event, which
 * `increase()` and `rate()` do not see: a series that was not there before counts whole. Ten minutes without a
 * scrape make none new. The alert rules have it alike, and a test says so.
 */
export const happened = (series: string, over = '$__range'): string =>
  `((${series} unless last_over_time(${series}[10m] offset ${over})) or increase(${series}[${over}]))`;

/** Nothing, rather than no number, where nothing was measured. */
export function quantile(q: number, name: MetricName, over: string, by: readonly string[] = [], ...matchers: string[]) {
  return `histogram_quantile(${q}, sum by (${['le', ...by].join(', ')}) (${rate(bucketsOf(name, ...matchers), over)})) >= 0`;
}

/** A count that is 0 only where somebody says so: with no word from banksman there is no figure. */
export const countOrZero = (expression: string, said: string): string => `count(${expression}) or 0 * count(${said})`;

/** Worst first. What works is 0. */
export const STATE_RANKS = {
  quarantined: 7,
  backoff: 6,
  stalled: 5,
  blind: 4,
  starved: 3,
  connecting: 2,
  stopped: 1,
  'idle|active': 0,
};

/** How bad the state of each camera is, by STATE_RANKS. */
export function stateRank(...labels: string[]): string {
  const ranks = Object.entries(STATE_RANKS).map(
    ([states, rank]) => `${rank} * ${of('camera_state', CAMERA, `state=~"${states}"`)}`,
  );
  return perCamera(ranks.join(' or '), ...labels);
}
