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
import { RULES, readRules } from './promtool.ts';

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

  /** Until it has looked at all of them. @returns what is wrong with any, its summaries as well. */
  async function errors(): Promise<string[]> {
    const rules = await until('every rule to be looked at', async () => {
      const all = await prometheus.rules();
      return all.every(({ health }) => health !== 'unknown') && all;
    });
    expect(rules.map(({ name }) => name).sort()).toEqual(
      [...alerts.map(({ alert }) => alert), ...recordings.map(({ record }) => record)].sort(),
    );
    return rules.flatMap(({ name, health, lastError = '', alerts: found = [] }) => [
      ...(health === 'ok' ? [] : [`${name}: ${lastError}`]),
      // Such as "<error expanding template …>".
      ...found.flatMap(({ annotations }) => Object.values(annotations)).filter((text) => /<|%!/.test(text)),
    ]);
  }

  /** What it would send of an alert, whether its time has come or not. */
  async function summaries(alert: string): Promise<string[]> {
    const found = (await prometheus.rules()).find(({ name }) => name === alert)?.alerts ?? [];
    return found.map(({ annotations }) => annotations['summary'] ?? '');
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
    prometheus = await Prometheus.start([up.metricsHost], { site: 'test' }, RULES);
  }, 300_000);
  afterAll(async () => {
    await prometheus?.stop();
    await up?.[Symbol.asyncDispose]();
    await server?.stop();
  });

  test('find nothing while all is well', { timeout: 2 * SLOW }, async () => {
    await finds([]);
    expect(await errors()).toEqual([]);
    const [kept] = await until('what a rule keeps', async () => {
      const series = await prometheus.now('banksman:camera_watched:max');
      return series.length > 0 && series;
    });
    expect(kept?.labels).toMatchObject({ site: 'test', camera: 'calm' });
  });

  test('find the camera that is not there, and the edit that was refused', { timeout: 3 * SLOW }, async () => {
    const cameras = { calm: { url: server.url('/calm') }, absent: { url: 'rtsp://127.0.0.1:9/stream' } };
    await up.write({ ...site, cameras });
    await finds(['BanksmanCameraDown'], (down) =>
      expect(down['BanksmanCameraDown']).toEqual([{ site: 'test', camera: 'absent' }]),
    );
    await until('Prometheus to say so', async () => {
      const [summary = '', ...others] = await summaries('BanksmanCameraDown');
      return others.length === 0 && /^No session with camera absent: RTSP_\w+$/.test(summary);
    });
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
    expect(await errors()).toEqual([]);
  });
});
