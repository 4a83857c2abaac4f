/** What Prometheus is given. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exposition } from '../runtime/exposition.ts';
import { METRICS } from '../runtime/metrics.ts';
import { PrometheusMetrics } from '../runtime/prometheus.ts';
import { busyCamera, everythingElse } from '../test/busy_camera.ts';
import { metricSum } from '../test/system/watch_bus.ts';

const SERIES_BAR = 150;
async function textOf(...processes: PrometheusMetrics[]): Promise<string> {
  const slices = await Promise.all(processes.map((metrics) => Array.fromAsync(metrics.slices())));
  return (await Array.fromAsync(exposition(slices))).join('');
}

const seriesIn = (text: string): string[] => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

test(`a camera that has everything has ${SERIES_BAR} series at most`, async () => {
  const metrics = new PrometheusMetrics();
  const series = busyCamera(metrics, 'gate');
  expect(series).toBeLessThanOrEqual(SERIES_BAR);
  expect(seriesIn(await textOf(metrics))).toHaveLength(series);
});

test('promtool has nothing to say against names, kinds and format', async () => {
  const metrics = new PrometheusMetrics();
  busyCamera(metrics, 'gate');
  everythingElse(metrics);
  const text = await textOf(metrics);
  for (const name of Object.keys(METRICS)) expect(text).toContain(`# TYPE banksman_${name} `);
  // Throws with what it says where that is not nothing.
  expect(execFileSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })).toBe('');
});

// Of a metric that is declared and documented, and that nobody says, alerts and boards would be silent for ever.
test('every metric that is declared is set somewhere', () => {
  const root = join(import.meta.dirname, '..');
  const folders = ['cli', 'dashboards/console', 'ingest', 'processors', 'runtime', 'sinks', 'supervisor'];
  const sources = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !/\.test\.ts$|testing\.ts$|^metrics\.ts$/.test(path))
      .map((path) => readFileSync(join(root, folder, path), 'utf8')),
  );
  const unset = Object.keys(METRICS).filter((name) => !sources.some((source) => source.includes(`'${name}'`)));
  expect(unset).toEqual([]);
});

test('is what the library of metrics renders, series by series', async () => {
  const metrics = new PrometheusMetrics();
  busyCamera(metrics, 'gate "north"\\\nyard');
  everythingElse(metrics);
  metrics.set('cameras_expected', Number.POSITIVE_INFINITY);
  expect(seriesIn(await textOf(metrics)).sort()).toEqual(seriesIn(await metrics.registry.metrics()).sort());
});

test('what two processes have stands together and is added up', async () => {
  const [one, other] = [new PrometheusMetrics(), new PrometheusMetrics()];
  one.inc('dead_letters_total', { topic: 'a', reason: 'with space' }, 2);
  one.observe('stage_seconds', 0.3, { stage: 'detect' });
  other.inc('dead_letters_total', { topic: 'a', reason: 'with space' }, 3);
  other.inc('dead_letters_total', { topic: 'b', reason: 'x' });
  other.observe('stage_seconds', 0.7, { stage: 'detect' });
  const text = await textOf(one, other);
  expect(metricSum(text, 'dead_letters_total', { topic: 'a' })).toBe(5);
  expect(metricSum(text, 'dead_letters_total')).toBe(6);
  expect(metricSum(text, 'stage_seconds_count')).toBe(2);
  expect(text).toContain('banksman_stage_seconds_bucket{le="+Inf",stage="detect"} 2\n');
  expect(text.match(/# TYPE banksman_dead_letters_total counter/g)).toHaveLength(1);
  expect(execFileSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })).toBe('');
});
