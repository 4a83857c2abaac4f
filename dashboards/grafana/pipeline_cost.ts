/** Of the board Pipeline: what each camera costs, and what is kept. */
import { type Board, CAMERA_LINKS, figure } from './frame.ts';
import { stat, table } from './panels.ts';
import { PRICES } from './prices.ts';
import { CAMERA, of, perCamera, rate } from './queries.ts';

const MONTH_S = 30 * 86_400;

const mean = (series: string, over = '$__range'): string => `avg_over_time(${series}[${over}])`;
const CPU = `sum by (site, camera) (${rate(of('camera_cpu_seconds_total', CAMERA), '$__range')})`;
const MEMORY = perCamera(mean(of('camera_rss_bytes', CAMERA)));
const STORED = `sum(${rate(of('evidence_bytes_total'), '$__range')})`;

export const PRICE_VARIABLES = [
  figure('price_cpu', 'A core a month', PRICES.cpuCore, 'Price list: dashboards/grafana/prices.ts'),
  figure('price_memory', 'A GiB of memory a month', PRICES.memoryGib, 'Price list: dashboards/grafana/prices.ts'),
  figure('price_storage', 'A GB stored a month', PRICES.storageGb, 'Price list: dashboards/grafana/prices.ts'),
];

export const COST: Board['rows'][number] = {
  title: 'What it costs',
  panels: [
    table({
      title: 'Cost per camera, in the time shown',
      description:
        'Which cameras cost what? Their own process: cores, memory, network, and cores and memory at the prices above. The share of detection and sinks is not in it. Dear ones have a gate that is always open (board Fleet), or a stream larger than is looked at.',
      unit: 'none',
      width: 16,
      height: 10,
      labels: ['site', 'camera'],
      columns: [
        { name: 'cores', unit: 'none', decimals: 3, expr: CPU },
        { name: 'memory', unit: 'bytes', expr: MEMORY },
        {
          name: 'network',
          unit: 'Bps',
          expr: `sum by (site, camera) (${rate(of('access_unit_bytes_total', CAMERA), '$__range')})`,
        },
        {
          name: 'money a month',
          unit: 'none',
          decimals: 2,
          expr: `${CPU} * $price_cpu + ${MEMORY} / 2^30 * $price_memory`,
        },
      ],
      sortBy: 'money a month',
      links: CAMERA_LINKS,
      empty: 'No word of any camera.',
    }),
    stat({
      title: 'Evidence in 30 days',
      description:
        'How much will evidence grow in a month, at the pace of the time shown? All sites and cameras chosen above by site. Too much: evidence.retention in the site file.',
      unit: 'bytes',
      width: 8,
      height: 5,
      expr: `${STORED} * ${MONTH_S}`,
    }),
    stat({
      title: 'Money for what 30 days of evidence take, a month',
      description:
        'What does keeping a month of evidence cost, a month, at the price above? Prices are examples until you put in yours: dashboards/grafana/prices.ts.',
      unit: 'none',
      width: 8,
      height: 5,
      decimals: 2,
      expr: `${STORED} * ${MONTH_S} / 1e9 * $price_storage`,
    }),
  ],
};
