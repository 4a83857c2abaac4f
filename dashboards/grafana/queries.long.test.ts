/**
 * Every query of every board, asked of a real Prometheus that scrapes a running site: none is refused, and
 * where data is due there is some.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cameraKey } from '../../runtime/messages/topics.ts';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { HAS_TEST_DATA, VTEST } from '../../test/data.ts';
import { Prometheus } from '../../test/services/prometheus.ts';
import { Receiver } from '../../test/system/receiver.ts';
import { type SiteObject, Up } from '../../test/system/up.ts';
import { BusWatch, metricSum } from '../../test/system/watch_bus.ts';
import { until } from '../../test/wait.ts';
import { RULES, readRules } from '../prometheus/promtool.ts';
import { EMPTY_WHILE_QUIET, type Why } from './quiet.ts';
import { ALL, allQueries, type BoardQuery, fill } from './testing.ts';

/** How far back what is drawn over time is asked for: all that this test takes. */
const SECONDS = 120;
/** What the second test makes happen. */
const HAPPENS: readonly Why[] = [
  'no incident was opened',
  'nobody was nearly an incident',
  'no incident was decided by a picture',
  'no incident is open',
  'nobody judged an incident',
  'nothing is muted',
  'every camera is watched',
  'the site file has no prices',
  'no evidence was written, no message sent, nobody asked the console',
];
/** What the third one makes happen. */
const FAILS: readonly Why[] = ['every frame was looked at', 'nothing failed'];
/** Failures and installations that are not to be had on a running site: `first_event.test.ts` asks promtool. */
const ELSEWHERE = [
  'fleet / Damaged pictures, worst first / A',
  'pipeline / Restarts / B',
  'pipeline / Errors of stores / A',
  'pipeline / Evidence that could not be had / A',
];

describe.skipIf(!HAS_TEST_DATA)('queries of the boards', () => {
  const queries = allQueries();
  const receiver = new Receiver();
  const quiet = {
    detect: { workers: 1 },
    defaults: { sampling: { active_fps: 4, width_px: 480 } },
    rules: [{ id: 'anybody', type: 'zone_entry', classes: ['person'] }],
  };
  let server: RtspServer;
  let up: Up;
  let prometheus: Prometheus;

  const busy = (): SiteObject => ({
    ...quiet,
    prices: { currency: 'EUR', cpu_core_month: 20, memory_gib_month: 3, storage_gb_month: 0.05 },
    cameras: {
      calm: { url: server.url('/calm') },
      // Whoever walks through the picture crosses it.
      yard: {
        url: server.url('/yard'),
        lines: {
          middle: [
            [0.5, 0],
            [0.5, 1],
          ],
        },
        // Two of them a round pass here, and nobody before and after.
        zones: {
          passage: [
            [0.2, 0],
            [0.3, 0],
            [0.3, 1],
            [0.2, 1],
          ],
        },
      },
      absent: { url: 'rtsp://127.0.0.1:9/stream' },
    },
    rules: [
      ...quiet.rules,
      { id: 'across', type: 'line_crossing', line: 'middle', classes: ['person'] },
      // A minute in which nobody looks is not blindness: a machine that stalls is no matter here.
      { id: 'stays', type: 'zone_entry', zone: 'passage', min_duration_s: 3_600, hold_s: 1, detect_within_s: 60 },
      { id: 'lost', type: 'camera_offline', min_duration_s: 3 },
    ],
    alerts: {
      webhooks: [
        { id: 'ops', url: receiver.url },
        { id: 'nobody', url: 'http://127.0.0.1:9/' },
      ],
    },
  });

  beforeAll(async () => {
    server = await startRtspServer({
      streams: [
        { path: '/calm', source: { kind: 'pattern', width: 320, height: 180, fps: 5 } },
        {
          // People walk about in this clip all the time.
          path: '/yard',
          source: {
            kind: 'file',
            segments: [{ file: VTEST, fromS: 0, toS: 40 }],
            encode: { fps: 10, keyInt: 10, bitrateKbps: 1000 },
          },
        },
      ],
    });
    await receiver.start();
    up = await Up.start({ ...quiet, cameras: { calm: { url: server.url('/calm') } } });
    prometheus = await Prometheus.start([up.metricsHost], { site: 'test' }, RULES);
  });
  afterAll(async () => {
    await prometheus?.stop();
    await up?.[Symbol.asyncDispose]();
    await receiver.stop();
    await server?.stop();
  });

  /** @throws where Prometheus refuses it. */
  async function hasData({ key, expr, range }: BoardQuery, camera: string): Promise<boolean> {
    const one = key.startsWith('camera / ') ? { camera } : {};
    const filled = fill(expr, { ...ALL, __rate_interval: '20s', __range: '2m', ...one });
    const series = range ? await prometheus.lately(filled, SECONDS, 5) : await prometheus.now(filled);
    return series.some(({ values }) => values.some((value) => !Number.isNaN(value)));
  }

  async function emptyOf(asked: readonly BoardQuery[], camera: string): Promise<string[]> {
    const without: string[] = [];
    for (const query of asked) if (!(await hasData(query, camera))) without.push(query.key);
    return without;
  }

  /** Until all have data, as long as that may take on a slow machine. @throws with those that have none. */
  async function filled(asked: readonly BoardQuery[], camera: string): Promise<void> {
    let left = asked;
    await until(
      'data in every query',
      async () => {
        const without = await emptyOf(left, camera);
        left = left.filter(({ key }) => without.includes(key));
        return left.length === 0;
      },
      240_000,
      1_000,
    ).catch(() => expect(left.map(({ key }) => key)).toEqual([]));
  }

  const excused = (whys: readonly Why[]): string[] => whys.flatMap((why) => [...EMPTY_WHILE_QUIET[why]]);
  const everyWhy = Object.keys(EMPTY_WHILE_QUIET) as Why[];

  test('the excused are queries that there are', () => {
    expect(excused(everyWhy).filter((key) => !queries.some((query) => query.key === key))).toEqual([]);
  });

  test('on a quiet site none is refused, and none is empty without a reason', { timeout: 600_000 }, async () => {
    const may = excused(everyWhy);
    // Prometheus says at once what it does not take.
    await emptyOf(queries, 'calm');
    await filled(
      queries.filter(({ key }) => !may.includes(key)),
      'calm',
    );
    const [series] = await prometheus.now('count({camera="calm"})');
    console.log(`${series?.values[0]} series of a camera`);
    expect(series?.values[0]).toBeLessThanOrEqual(150);
  });

  test('where something happens it shows', { timeout: 600_000 }, async () => {
    await up.write(busy());
    const judged = new Set<string>();
    const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
    await until(
      'a mute',
      async () => (await post('mutes', { camera: 'yard', until: inAnHour, reason: 'works', by: 'Ada' })).status === 201,
    );
    // One after another, so that Prometheus sees the count rise.
    for (const count of [1, 2]) {
      const incident = await until('an incident that nobody judged', async () =>
        (await up.incidents()).find(({ id }) => !judged.has(id)),
      );
      judged.add(incident.id);
      expect((await post(`incidents/${incident.id}/acknowledge`, { by: 'Ada' })).status).toBe(200);
      await until('Prometheus to know', async () => {
        const [known] = await prometheus.now('sum(banksman_time_to_acknowledge_seconds_count)');
        return known?.values[0] === count;
      });
    }
    // Its incidents are kept, and cost something.
    for (const column of ['E', 'F']) {
      const { expr } =
        queries.find(({ key }) => key === `pipeline / Cost per camera, in the time shown (table) / ${column}`) ?? {};
      await until(`a figure of the yard in column ${column}`, async () => {
        const [yard] = await prometheus.now(fill(expr ?? '', { ...ALL, __range: '2m', camera: 'yard' }));
        return (yard?.values[0] ?? 0) > 0;
      });
    }
    const due = excused(HAPPENS);
    await filled(
      queries.filter(({ key }) => due.includes(key)),
      'yard',
    );
  });

  test('where something fails it shows', { timeout: 600_000 }, async () => {
    await until('frames that nobody looked at', standstill, 240_000, 1_000);
    // Before its process ends, and the count with it.
    await until('Prometheus to know their rate', async () => {
      const series = await prometheus.now('rate(banksman_frames_shed_total{purpose="live"}[20s])');
      return series.length > 0;
    });
    for (const name of ['camera', 'process'] as const)
      for (const { pid } of up.roles(name)) process.kill(pid, 'SIGKILL');
    const watch = await BusWatch.connect(up);
    const producer = watch.bus.producer();
    await producer.send('tracks.v1', { key: cameraKey('test', 'yard'), value: Buffer.from('<html>') });
    await producer.close();
    await watch.close();
    const undecodable = async (): Promise<number> =>
      metricSum(await up.metrics(), 'decode_errors_total', { camera: 'yard' });
    await until(
      'pictures that cannot be decoded',
      async () => {
        await server.corrupt('/yard', 30);
        return (await undecodable()) > 0;
      },
      240_000,
      3_000,
    );
    const due = excused(FAILS).filter((key) => !ELSEWHERE.includes(key));
    await filled(
      queries.filter(({ key }) => due.includes(key)),
      'yard',
    );
  });

  test('what compares with a week ago does, as soon as there is one', { timeout: 600_000 }, async () => {
    const due = excused(['there was no week before']);
    const sooner = queries
      .filter(({ key }) => due.includes(key))
      .map((query) => ({ ...query, expr: query.expr.replace(/\[\w+\] offset (1w|7d)/, '[30s] offset 20s') }));
    for (const { expr } of sooner) expect(expr).toContain('offset 20s');
    await filled(sooner, 'yard');
  });

  test('the rules have found what they keep, and none has failed', { timeout: 600_000 }, async () => {
    const rules = await prometheus.rules();
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    const { recordings } = await readRules();
    for (const { record } of recordings)
      await until(`${record} to have data`, async () => (await prometheus.now(record)).length > 0, 240_000, 1_000);
  });

  /** Detection stands still while frames come: of many that wait only the newest is looked at. */
  async function standstill(): Promise<boolean> {
    const pids = up.roles('process').map(({ pid }) => pid);
    const published = async (): Promise<number> =>
      metricSum(await up.metrics(), 'frames_published_total', { camera: 'yard' });
    const before = await published();
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    try {
      await until('frames to come meanwhile', async () => (await published()) >= before + 10);
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT');
    }
    return metricSum(await up.metrics(), 'frames_shed_total', { purpose: 'live' }) > 0;
  }

  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(`${up.console}/api/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
});
