/** A full disk under the evidence and a receiver that hangs: the rest runs on, and they catch up after. */
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Evidence, Incident } from '../../runtime/messages/types.ts';
import { smallDisk } from '../../runtime/stores/objects/small_disk.ts';
import { sha256Hex } from '../../runtime/stores/sha256.ts';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { HAS_TEST_DATA, ONE_BY_ONE } from '../data.ts';
import { until } from '../wait.ts';
import { Receiver } from './receiver.ts';
import { Up } from './up.ts';
import { BusWatch, metricSum } from './watch_bus.ts';

const disk = HAS_TEST_DATA ? await smallDisk('2m') : undefined;

describe.skipIf(!disk)('sinks that cannot deliver', { timeout: 120_000 }, () => {
  let server: RtspServer;
  let up: Up;
  let watch: BusWatch;
  let incidents: Incident[];
  let evidence: Evidence[];
  const ops = new Receiver();
  const stuck = new Receiver();
  const diskPath = disk?.path ?? '';

  beforeAll(async () => {
    await Promise.all([ops.start(), stuck.start()]);
    server = await startRtspServer({
      streams: [
        {
          path: '/gate',
          source: {
            kind: 'file',
            scenes: {
              empty: [{ file: ONE_BY_ONE, fromS: 0, toS: 5 }],
              person: [{ file: ONE_BY_ONE, fromS: 30, toS: 34 }],
            },
            scene: 'empty',
            encode: { width: 640, height: 360, fps: 10, keyInt: 10, bitrateKbps: 1000 },
          },
        },
      ],
    });
    up = await Up.start(
      {
        detect: { workers: 1 },
        cameras: { gate: { url: server.url('/gate'), sampling: { active_fps: 5, width_px: 640 } } },
        rules: [{ id: 'anybody', type: 'zone_entry', classes: ['person'], hold_s: 1, cool_down_s: 0 }],
        alerts: {
          webhooks: [
            { id: 'stuck', url: stuck.url, timeout_s: 1 },
            { id: 'ops', url: ops.url },
          ],
        },
      },
      {},
      async (dir) => {
        await mkdir(join(dir, 'data'));
        await symlink(diskPath, join(dir, 'data/evidence'));
      },
    );
    watch = await BusWatch.connect(up);
    incidents = watch.follow('incidents.v1');
    evidence = watch.follow('evidence.v1');
    await until('the camera to be watched', async () => /camera_watched\{camera="gate"\} 1/.test(await up.metrics()));
  }, 120_000);

  afterAll(async () => {
    await watch?.close();
    await up?.[Symbol.asyncDispose]();
    await Promise.all([server?.stop(), ops.stop(), stuck.stop()]);
    await disk?.remove();
  });

  /** Somebody comes and goes. @returns the incident. */
  async function visit(): Promise<Incident> {
    const known = new Set(incidents.map(({ id }) => id));
    await server.scene('/gate', 'person');
    const { id } = await until('an incident', () => incidents.find((one) => !known.has(one.id)));
    await server.scene('/gate', 'empty');
    return until('it to be closed', () => incidents.find((one) => one.id === id && one.state === 'closed'));
  }

  /** Keys that a receiver of all but updates gets, in the order in which they came about. */
  function keysOf(id: string): string[] {
    return incidents
      .filter((one) => one.id === id && one.transition !== 'updated')
      .map(({ revision }) => `${id}/${revision}`);
  }

  const kinds = (id: string): Set<string> =>
    new Set(evidence.filter((one) => one.incident === id && one.complete).map(({ kind }) => kind));

  test('both at once, for two incidents; then they are mended', async () => {
    const whole = await visit();
    await until('its evidence', () => kinds(whole.id).size === 3);

    await writeFile(join(diskPath, 'ballast'), Buffer.alloc(4 << 20)).catch(() => undefined);
    stuck.hanging = true;
    const late = [await visit(), await visit()];

    // The other receiver, the index and the console do not wait for either.
    for (const { id } of [whole, ...late]) {
      await until('ops to have all of it', () => keysOf(id).every((key) => ops.counts().get(key) === 1));
    }
    const stored = await until('all to be stored as closed', async () => {
      const all = await up.incidents();
      return all.length === 3 && all.every(({ state }) => state === 'closed') && all;
    });
    expect(stored.map(({ closeReason }) => closeReason)).toEqual(['left', 'left', 'left']);
    const troubled = await until('both to be counted', async () => {
      const text = await up.metrics();
      const isCounted =
        metricSum(text, 'store_errors_total', { store: 'evidence' }) > 0 &&
        metricSum(text, 'alerts_failed_total', { channel: 'stuck' }) > 0;
      return isCounted && text;
    });
    expect(metricSum(troubled, 'evidence_pending')).toBeGreaterThan(0);
    expect(metricSum(troubled, 'alerts_pending', { channel: 'stuck' })).toBeGreaterThan(0);
    expect(metricSum(troubled, 'alerts_pending', { channel: 'ops' })).toBe(0);
    expect(metricSum(troubled, 'camera_watched', { camera: 'gate' })).toBe(1);
    expect(metricSum(troubled, 'role_restarts_total')).toBe(0);
    expect(up.output).toContain('STORE_FULL');
    expect(up.output).toContain('ALERT_FAILED');
    expect(stuck.hung).toBeGreaterThan(0);

    await rm(join(diskPath, 'ballast'));
    stuck.hanging = false;
    for (const { id } of late) {
      await until('its evidence', () => kinds(id).size === 3);
      await until('stuck to have all of it', () => keysOf(id).every((key) => stuck.counts().get(key) === 1));
    }
    await until('nothing to be pending', async () => {
      const text = await up.metrics();
      return metricSum(text, 'evidence_pending') === 0 && metricSum(text, 'alerts_pending') === 0;
    });
    // In an incident's own order.
    for (const { id } of late) {
      const came = stuck.received.map(({ key }) => key).filter((key) => key.startsWith(`${id}/`));
      expect(came).toEqual(keysOf(id));
    }
    for (const { id } of late) {
      // The index hears of it by a topic, as this test does.
      const incident = await until('the index to list it', async () => {
        const response = await fetch(`${up.console}/api/v1/incidents/${id}`);
        const found = (await response.json()) as Incident;
        return new Set(found.evidence.map(({ kind }) => kind)).size === 3 && found;
      });
      const newest = incident.evidence.findLast(({ kind }) => kind === 'snapshot');
      const picture = await fetch(`${up.console}/api/v1/incidents/${id}/evidence/snapshot`);
      expect(sha256Hex(Buffer.from(await picture.arrayBuffer()))).toBe(newest?.sha256);
    }
  });
});
