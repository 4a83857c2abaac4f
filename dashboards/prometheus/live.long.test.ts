/**
 * The rules, asked of a real Prometheus that scrapes a running site: none is refused, all are silent while all
 * is well, and what is broken on purpose is named.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { HAS_TEST_DATA } from '../../test/data.ts';
import { Prometheus } from '../../test/services/prometheus.ts';
import { type SiteObject, Up } from '../../test/system/up.ts';
import { until } from '../../test/wait.ts';
import { readRules } from './promtool.ts';

/** A new camera was not watched for most of its short life. */
const BEGINS = ['BanksmanCameraUnsteady'];
const SLOW = 120_000;

describe.skipIf(!HAS_TEST_DATA)('rules', async () => {
  const { alerts, recordings } = await readRules();
  let server: RtspServer;
  let up: Up;
  let prometheus: Prometheus;
  let site: SiteObject;

  /** As Prometheus evaluates it, with what recording rules stand for in their place. */
  const query = (expr: string): string =>
    recordings
      .reduce(
        (text, { record, expr: of }) => text.replaceAll(`${record}[`, `(${of})[:`).replaceAll(record, `(${of})`),
        expr,
      )
      .replaceAll(/\[:(\w+)\]/g, '[$1:]');

  /** Labels of what each alert finds, where it finds something. @throws where Prometheus refuses one. */
  async function found(): Promise<Record<string, Record<string, string>[]>> {
    const all: Record<string, Record<string, string>[]> = {};
    for (const { alert, expr } of alerts) {
      const series = await prometheus.now(query(expr));
      if (series.length > 0 && !BEGINS.includes(alert)) all[alert] = series.map(({ labels }) => labels);
    }
    return all;
  }

  /** Until exactly these are found, and pass the check: an alert may find one series a scrape before another. */
  async function finds(
    names: readonly string[],
    check: (found: Record<string, Record<string, string>[]>) => void = () => undefined,
  ): Promise<void> {
    let last: Record<string, Record<string, string>[]> = {};
    const wanted = ['BanksmanWatchdog', ...names].sort().join();
    await until(
      'the alerts',
      async () => {
        last = await found();
        if (Object.keys(last).sort().join() !== wanted) return false;
        check(last);
        return true;
      },
      SLOW,
      1_000,
    ).catch((error: unknown) => {
      expect(Object.keys(last).sort().join()).toEqual(wanted);
      throw error;
    });
  }

  beforeAll(async () => {
    server = await startRtspServer({
      streams: [{ path: '/calm', source: { kind: 'pattern', width: 320, height: 180, fps: 5 } }],
    });
    site = {
      detect: { workers: 1 },
      cameras: { calm: { url: server.url('/calm') } },
      rules: [{ id: 'anybody', type: 'zone_entry', classes: ['person'] }],
    };
    up = await Up.start(site);
    prometheus = await Prometheus.start([up.metricsHost], { site: 'test' });
  }, 300_000);
  afterAll(async () => {
    await prometheus?.stop();
    await up?.[Symbol.asyncDispose]();
    await server?.stop();
  });

  test('find nothing while all is well', { timeout: 2 * SLOW }, async () => {
    await finds([]);
  });

  test('find the camera that is not there, and the edit that was refused', { timeout: 3 * SLOW }, async () => {
    const cameras = { calm: { url: server.url('/calm') }, absent: { url: 'rtsp://127.0.0.1:9/stream' } };
    await up.write({ ...site, cameras });
    await finds(['BanksmanCameraDown'], (down) =>
      expect(down['BanksmanCameraDown']).toEqual([{ site: 'test', camera: 'absent' }]),
    );
    await up.write({ ...site, cameras: { calm: { url: 'http://127.0.0.1/' } } });
    await finds(['BanksmanCameraDown', 'BanksmanConfigRefused']);
    await up.write(site);
    await finds([]);
  });

  test('find the silence when all of it is gone', { timeout: 2 * SLOW }, async () => {
    await up.stop();
    await finds(['BanksmanTargetDown', 'BanksmanRoleSilent', 'BanksmanSeriesMissing'], (silent) => {
      const roles = silent['BanksmanRoleSilent']?.map(({ role }) => role);
      expect(roles?.sort()).toEqual(['console', 'ingest', 'process', 'sink']);
      // Without a count of cameras nobody knows that `camera_watched` is missing as well.
      expect(silent['BanksmanSeriesMissing']).toHaveLength(6);
    });
  });
});
