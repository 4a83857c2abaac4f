/** What the board says of bytes and money, against sums made by hand, as promtool reckons them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { promtool } from '../prometheus/promtool.ts';
import { ALL, allQueries, fill } from './testing.ts';

const DAY_S = 86_400;
/** Each minute so much more, for the hour that is shown. */
const growing = (perSecond: number): string => `0+${perSecond * 60}x60`;
const always = (value: number): string => `${value}x60`;

const evidence = (labels: string, kind: string, written: number, replaced: number) => ({
  [`banksman_evidence_bytes_total{${labels},kind="${kind}"}`]: growing(written),
  [`banksman_evidence_replaced_bytes_total{${labels},kind="${kind}"}`]: growing(replaced),
});
const camera = (site: string, name: string) => ({
  [`banksman_camera_cpu_seconds_total{site="${site}",camera="${name}",instance="a"}`]: growing(0.5),
  [`banksman_camera_rss_bytes{site="${site}",camera="${name}",instance="a"}`]: always(2 ** 31),
});
/** Every sink says the same of it. */
const sink = (site: string, instance: string, maxBytes: number) => ({
  [`banksman_evidence_retention_seconds{site="${site}",instance="${instance}",kind="snapshot"}`]: always(30 * DAY_S),
  [`banksman_evidence_retention_seconds{site="${site}",instance="${instance}",kind="record"}`]: always(365 * DAY_S),
  [`banksman_evidence_max_bytes{site="${site}",instance="${instance}"}`]: always(maxBytes),
});
const prices = (site: string, instance: string, currency: string, factor: number) =>
  Object.fromEntries(
    Object.entries({ cpu_core_month: 20, memory_gib_month: 3, storage_gb_month: 50 }).map(([resource, price]) => [
      `banksman_price{site="${site}",instance="${instance}",resource="${resource}",currency="${currency}"}`,
      always(price * factor),
    ]),
  );

const SERIES = {
  // Two sinks, each with a share of the gate's incidents; a camera without incidents.
  ...camera('north', 'gate'),
  ...camera('north', 'pit'),
  ...evidence('site="north",instance="a",camera="gate"', 'snapshot', 100, 60),
  ...evidence('site="north",instance="b",camera="gate"', 'snapshot', 20, 0),
  ...evidence('site="north",instance="a",camera="gate"', 'record', 30, 20),
  ...evidence('site="north",instance="a",camera="pit"', 'snapshot', 0, 0),
  // Kept for ever, and of no camera.
  ...evidence('site="north",instance="a"', 'config', 1, 0),
  ...sink('north', 'a', 5e9),
  ...sink('north', 'b', 5e9),
  ...prices('north', 'a', 'EUR', 1),
  ...prices('north', 'b', 'EUR', 1),
  // More comes than may be kept: the oldest of both cameras goes sooner.
  ...camera('south', 'quay'),
  ...evidence('site="south",instance="c",camera="quay"', 'snapshot', 300, 0),
  ...evidence('site="south",instance="c",camera="crane"', 'snapshot', 100, 0),
  ...sink('south', 'c', 0.5 * 400 * 30 * DAY_S),
  // While it is brought up with another price list, both are there.
  ...prices('south', 'c', 'GBP', 2),
  ...prices('south', 'd', 'CHF', 1),
  // Nobody said what anything costs.
  ...camera('west', 'mast'),
  ...evidence('site="west",instance="e",camera="mast"', 'record', 1, 0),
  ...sink('west', 'e', 5e9),
};

/** Of the gate: 60 B/s of pictures, 10 B/s of records. */
const GATE_MONTH = 70 * 30 * DAY_S;
const GATE_KEPT = 60 * 30 * DAY_S + 10 * 365 * DAY_S;
const COMPUTE = 0.5 * 20 + 2 * 3;
const QUAY_KEPT = 0.5 * 300 * 30 * DAY_S;
const MAST_KEPT = 1 * 365 * DAY_S;
const GB = 1e-9;

const TABLE = 'pipeline / Cost per camera, in the time shown (table)';
const of = (site: string, name: string): string => `{site="${site}",camera="${name}"}`;

it.each([
  [
    '.*',
    `${TABLE} / D`,
    {
      [of('north', 'gate')]: GATE_MONTH,
      [of('north', 'pit')]: 0,
      [of('south', 'quay')]: 300 * 30 * DAY_S,
      [of('south', 'crane')]: 100 * 30 * DAY_S,
      [of('west', 'mast')]: 30 * DAY_S,
    },
  ],
  [
    '.*',
    `${TABLE} / E`,
    {
      [of('north', 'gate')]: GATE_KEPT,
      [of('north', 'pit')]: 0,
      [of('south', 'quay')]: QUAY_KEPT,
      [of('south', 'crane')]: QUAY_KEPT / 3,
      [of('west', 'mast')]: MAST_KEPT,
    },
  ],
  [
    '.*',
    `${TABLE} / F`,
    {
      [of('north', 'gate')]: COMPUTE + GATE_KEPT * GB * 50,
      [of('north', 'pit')]: COMPUTE,
      [of('south', 'quay')]: 2 * (COMPUTE + QUAY_KEPT * GB * 50),
    },
  ],
  // A choice of cameras changes nothing of what each of them has.
  ['quay', `${TABLE} / E`, { [of('south', 'quay')]: QUAY_KEPT }],
  ['quay', 'pipeline / Evidence in 30 days / A', { '{}': 300 * 30 * DAY_S }],
  ['gate|pit', 'pipeline / Evidence in the long run / A', { '{}': GATE_KEPT }],
  [
    '.*',
    'pipeline / Money a month / A',
    {
      '{currency="EUR"}': 2 * COMPUTE + GATE_KEPT * GB * 50,
      '{currency="GBP"}': 2 * (COMPUTE + QUAY_KEPT * GB * 50),
    },
  ],
  ['mast', 'pipeline / Money a month / A', {}],
] satisfies [string, string, Record<string, number>][])('cameras %s: %s', async (chosen, key, values) => {
  const query = allQueries().find((one) => one.key === key);
  if (!query) throw new Error(`there is no query ${key}`);
  const expr = fill(query.expr, { ...ALL, camera: chosen });
  const samples = Object.entries(values).map(([labels, value]) => ({ labels, value: Math.round(value * 1e6) / 1e6 }));
  const test = {
    interval: '1m',
    input_series: Object.entries(SERIES).map(([series, of]) => ({ series, values: of })),
    promql_expr_test: [{ expr: `round(${expr}, 0.000001)`, eval_time: '60m', exp_samples: samples }],
  };
  const folder = await mkdtemp(join(tmpdir(), 'banksman-cost-'));
  try {
    const path = join(folder, 'cost.yaml');
    await writeFile(path, stringify({ evaluation_interval: '1m', tests: [test] }));
    expect(await promtool(['test', 'rules', path])).not.toContain('FAILED');
  } finally {
    await rm(folder, { recursive: true });
  }
});
