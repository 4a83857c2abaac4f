/** Of the board Pipeline: what each camera costs, what of it is kept, and what that will be. */
import { type Board, CAMERA_LINKS } from './frame.ts';
import { stat, table } from './panels.ts';
import { CAMERA, of, perCamera, rate } from './queries.ts';

const MONTH_S = 30 * 86_400;

const mean = (series: string, over = '$__range'): string => `avg_over_time(${series}[${over}])`;
const CPU = `sum by (site, camera) (${rate(of('camera_cpu_seconds_total', CAMERA), '$__range')})`;
const MEMORY = perCamera(mean(of('camera_rss_bytes', CAMERA)));
const NETWORK = `sum by (site, camera) (${rate(of('access_unit_bytes_total', CAMERA), '$__range')})`;

/** Bytes a second by which evidence grows: a record or picture that replaces one counts only by what it is larger. */
const growth = (...chosen: string[]): string => {
  const [written, replaced] = (['evidence_bytes_total', 'evidence_replaced_bytes_total'] as const).map((name) =>
    // Without a camera: configurations, which are few, and kept for ever.
    rate(of(name, ...chosen, 'camera!=""'), '$__range'),
  );
  return `(${written} - ${replaced})`;
};
const GROWN = `clamp_min(sum by (site, camera) (${growth(CAMERA)}), 0) * ${MONTH_S}`;

/** What lies there once retention removes as much as comes: growth times how long its kind is kept. */
const standing = (...chosen: string[]): string => {
  const retention = `max by (site, kind) (${of('evidence_retention_seconds')})`;
  return `clamp_min(sum by (site, camera) (${growth(...chosen)} * on (site, kind) group_left () ${retention}), 0)`;
};
/** Where that is more than may be kept, the oldest goes sooner, of all cameras of the site. */
const ROOM = `clamp_max(max by (site) (${of('evidence_max_bytes')}) / sum by (site) (${standing()}), 1)`;
const KEPT = `${standing(CAMERA)} * on (site) group_left () ${ROOM}`;

/** One a site, also while processes with an old price list and a new one are there at once. */
const price = (resource: string): string =>
  `on (site) group_left (currency) topk by (site) (1, max by (site, currency) (${of('price', `resource="${resource}"`)}))`;
const MONEY = [
  `${CPU} * ${price('cpu_core_month')}`,
  `${MEMORY} / 2^30 * ${price('memory_gib_month')}`,
  `${KEPT} / 1e9 * ${price('storage_gb_month')}`,
].join(' + ');

/** That nobody needs to look for where money comes from. */
const PRICES = '`prices` in the site file (config/reference.md)';

export const COST: Board['rows'][number] = {
  title: 'What it costs',
  panels: [
    table({
      title: 'Cost per camera, in the time shown',
      description: `Which cameras cost what? Their own process: cores, memory, network; evidence: what comes in 30 days, and what will lie there once retention removes as much as comes (evidence.retention in the site file), both at the pace of the time shown; and what a month of cores, memory and that evidence costs. The share of detection and sinks is not in it. No money: there is no ${PRICES}. Dear ones have a gate that is always open (board Fleet), or a stream larger than is looked at.`,
      unit: 'none',
      width: 24,
      height: 10,
      labels: ['site', 'camera'],
      columns: [
        { name: 'cores', unit: 'none', decimals: 3, expr: CPU },
        { name: 'memory', unit: 'bytes', expr: MEMORY },
        { name: 'network', unit: 'Bps', expr: NETWORK },
        { name: 'evidence in 30 days', unit: 'decbytes', expr: GROWN },
        { name: 'evidence in the long run', unit: 'decbytes', expr: KEPT },
        { name: 'money a month', unit: 'none', decimals: 2, expr: `sum by (site, camera) (${MONEY})` },
      ],
      sortBy: 'money a month',
      links: CAMERA_LINKS,
      empty: 'No word of any camera.',
    }),
    stat({
      title: 'Evidence in 30 days',
      description:
        'How much evidence will come in a month, at the pace of the time shown? Of the cameras chosen above. A time with few incidents says little: choose a week or more.',
      unit: 'decbytes',
      width: 6,
      height: 5,
      expr: `sum(${GROWN})`,
    }),
    stat({
      title: 'Evidence in the long run',
      description:
        'How much will lie there once retention removes as much as comes, at the pace of the time shown? Pictures for clips_days, records for records_days, max_bytes at most: evidence.retention in the site file. What people hold comes on top. Too much: keep it shorter.',
      unit: 'decbytes',
      width: 6,
      height: 5,
      expr: `sum(${KEPT})`,
    }),
    stat({
      title: 'Money a month',
      description: `What do the cameras chosen above cost a month: their processes, and their evidence in the long run? At the prices beside, by currency. The share of detection and sinks is not in it. "no prices": give ${PRICES}.`,
      unit: 'none',
      width: 6,
      height: 5,
      decimals: 2,
      text: 'value and name',
      none: 'no prices',
      expr: `sum by (currency) (${MONEY})`,
      legend: '{{currency}}',
    }),
    table({
      title: 'Prices',
      description: `What does a month of each cost you? As the site file has it: ${PRICES} is the one place to change it. Money is reckoned with these here and in banksman report.`,
      unit: 'none',
      width: 6,
      height: 5,
      labels: ['site', 'resource', 'currency'],
      columns: [
        {
          name: 'price a month',
          unit: 'none',
          expr: `max by (site, resource, currency) (${of('price')})`,
        },
      ],
      sortBy: 'resource',
      up: true,
      empty: 'No prices in the site file.',
    }),
  ],
};
