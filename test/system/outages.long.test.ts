/** A camera that goes away and comes back, twenty times at random, under everything that `up` runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CameraStatus, Detections } from '../../runtime/messages/types.ts';
import { Random } from '../../simulator/random.ts';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { HAS_TEST_DATA } from '../data.ts';
import { descriptors, residentBytes } from '../processes.ts';
import { until } from '../wait.ts';
import { Up } from './up.ts';
import { BusWatch, metricSum } from './watch_bus.ts';

const OUTAGES = 20;
const LONGEST_MS = 10_000;
/** Half the times at least. */
const RETURN_USUAL_MS = 5_000;
/** Each time, also on a machine that stalls meanwhile. */
const RETURN_LIMIT_MS = 45_000;
/** By then an attempt has been made while nobody listened. */
const CERTAINLY_REFUSED_MS = 4_000;
/** A camera on a machine that stalls may rightly be told silent before its connection is told gone. */
const OTHERWISE = 2;
/** Outages at either end of the run that are compared. */
const WINDOW = 5;
/** Between collections of garbage a heap is some megabytes larger or smaller. */
const RSS_TOLERANCE = 24 * 1024 * 1024;
const ROLES = ['sink', 'process', 'console', 'ingest'] as const;

interface Usage {
  descriptors: number;
  bytes: number;
}

describe.skipIf(!HAS_TEST_DATA)('20 outages of a camera', () => {
  const random = new Random();
  let server: RtspServer;
  let up: Up;
  let watch: BusWatch;
  let statuses: CameraStatus[];
  let detections: Detections[];

  beforeAll(async () => {
    console.log(`seed ${random.seed}`);
    server = await startRtspServer({
      streams: [{ path: '/cam', source: { kind: 'pattern', width: 320, height: 180, fps: 5 } }],
    });
    up = await Up.start({
      detect: { workers: 1 },
      cameras: { gate: { url: server.url('/cam') } },
      rules: [{ id: 'anybody', type: 'zone_entry', detect_within_s: 2 }],
    });
    watch = await BusWatch.connect(up);
    statuses = watch.follow('camera.status.v1');
    detections = watch.follow('detections.v1');
  }, 180_000);

  afterAll(async () => {
    await watch?.close();
    await up?.[Symbol.asyncDispose]();
    await server?.stop();
  });

  const isWell = ({ state, reason }: CameraStatus): boolean => (state === 'idle' || state === 'active') && !reason;

  test('it is looked at again within 5 s, the reason is right, and nothing leaks', async () => {
    const pids = ['up', ...ROLES].map((name) => ({ name, pid: pidOf(name) }));
    const usage = new Map(pids.map(({ name }) => [name, [] as Usage[]]));
    const cameras = new Set<number>();
    const returns: number[] = [];
    const otherwise: string[] = [];
    await until('the first look', () => detections.length > 0 && statuses.some(isWell));

    for (let outage = 0; outage < OUTAGES; outage += 1) {
      await sleep(random.between(500, 2_500));
      const runs = new Set(detections.map(({ runId }) => runId));
      const from = statuses.length;
      await server.kill();
      const lengthMs = random.between(0, LONGEST_MS);
      await sleep(lengthMs);
      const meanwhile = () =>
        statuses
          .slice(from)
          .filter(({ reason }) => reason !== null)
          .map(({ state, reason }) => `${state} ${reason}`);
      if (lengthMs > CERTAINLY_REFUSED_MS) {
        await until('it to be refused', () => meanwhile().includes('backoff RTSP_REFUSED'));
      }
      const said = meanwhile();
      await server.restart();
      const back = performance.now();
      await until('a look at it', () => detections.some(({ runId }) => !runs.has(runId)), 60_000, 20);
      const ms = performance.now() - back;
      returns.push(ms);
      expect(ms, `after ${Math.round(lengthMs)} ms without it`).toBeLessThan(RETURN_LIMIT_MS);
      await until('it to be well', () => statuses.length > from && statuses.slice(-1).every(isWell));

      const odd = said.filter((one) => !/^(backoff|connecting) RTSP_(ENDED|REFUSED)$/.test(one));
      if (odd.length > 0) otherwise.push(odd.join());

      const [camera] = await until('one process of the camera, and no other', () => {
        const [family, found] = [up.family(), up.roles('camera')];
        if (found.length !== 1 || family.length !== pids.length + 1)
          throw new Error(`${found.length}, ${family.length}`);
        return found;
      });
      cameras.add(camera?.pid ?? 0);
      for (const { name, pid } of pids) {
        usage.get(name)?.push({ descriptors: descriptors(pid).length, bytes: residentBytes(pid) });
      }
    }

    console.log(`back after ${returns.map((ms) => (ms / 1000).toFixed(1)).join(' ')} s`);
    expect(returns.toSorted((a, b) => a - b)[OUTAGES / 2]).toBeLessThan(RETURN_USUAL_MS);
    console.log(`for another reason: ${otherwise.join('; ') || 'never'}`);
    expect(otherwise.length).toBeLessThanOrEqual(OTHERWISE);
    expect(cameras.size, 'a process a session').toBe(OUTAGES);
    const role = ['up', ...ROLES];
    expect(role.map(pidOf), 'nobody ended').toEqual(pids.map(({ pid }) => pid));
    expect(metricSum(await up.metrics(), 'role_restarts_total')).toBe(0);
    for (const [name, samples] of usage) {
      // The least of each window: what garbage there is differs from moment to moment.
      const least = (of: keyof Usage, part: Usage[]): number => Math.min(...part.map((sample) => sample[of]));
      const early = samples.slice(2, 2 + WINDOW);
      const late = samples.slice(-WINDOW);
      const [fds, grownFds] = [least('descriptors', early), least('descriptors', late)];
      const [bytes, grown] = [least('bytes', early), least('bytes', late)];
      console.log(`${name}: ${fds} → ${grownFds} descriptors, ${megabytes(bytes)} → ${megabytes(grown)} MB`);
      expect(grownFds, `descriptors of ${name}`).toBeLessThanOrEqual(fds + 1);
      expect(grown - bytes, `resident bytes of ${name}`).toBeLessThan(RSS_TOLERANCE);
    }
  });

  test('it ends in order', async () => {
    expect(await up.stop()).toBe(0);
    expect(up.left()).toEqual([]);
  });

  function pidOf(name: string): number {
    if (name === 'up') return up.pid;
    return up.role(ROLES.find((role) => role === name) ?? 'sink')?.pid ?? 0;
  }
});

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}
