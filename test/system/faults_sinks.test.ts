/** A full disk under the evidence and a receiver that hangs: the rest runs on, and they catch up after. */
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Incident } from '../../runtime/messages/types.ts';
import { smallDisk } from '../../runtime/stores/objects/small_disk.ts';
import { sha256Hex } from '../../runtime/stores/sha256.ts';
import { HAS_TEST_DATA } from '../data.ts';
import { until } from '../wait.ts';
import { Doorway } from './doorway.ts';
import { Receiver } from './receiver.ts';
import { metricSum } from './watch_bus.ts';

const disk = HAS_TEST_DATA ? await smallDisk('2m') : undefined;

describe.skipIf(!disk)('sinks that cannot deliver', { timeout: 300_000 }, () => {
  let doorway: Doorway;
  const ops = new Receiver();
  const stuck = new Receiver();
  const diskPath = disk?.path ?? '';

  beforeAll(async () => {
    await Promise.all([ops.start(), stuck.start()]);
    doorway = await Doorway.start({
      site: {
        alerts: {
          webhooks: [
            { id: 'stuck', url: stuck.url, timeout_s: 1 },
            { id: 'ops', url: ops.url },
          ],
        },
      },
      prepare: async (dir) => {
        await mkdir(join(dir, 'data'));
        await symlink(diskPath, join(dir, 'data/evidence'));
      },
    });
  }, 120_000);

  afterAll(async () => {
    await doorway?.[Symbol.asyncDispose]();
    await Promise.all([ops.stop(), stuck.stop()]);
    await disk?.remove();
  });

  /** Keys that a receiver of all but updates gets, in the order in which they came about. */
  function keysOf(id: string): string[] {
    return doorway.incidents
      .filter((one) => one.id === id && one.transition !== 'updated')
      .map(({ revision }) => `${id}/${revision}`);
  }

  const kinds = (id: string): Set<string> =>
    new Set(doorway.evidence.filter((one) => one.incident === id && one.complete).map(({ kind }) => kind));

  test('both at once, for two incidents; then they are mended', async () => {
    const { up } = doorway;
    const whole = await doorway.visit();
    await until('its evidence', () => kinds(whole.id).size === 3);

    await writeFile(join(diskPath, 'ballast'), Buffer.alloc(4 << 20)).catch(() => undefined);
    stuck.hanging = true;
    const late = [await doorway.visit(), await doorway.visit()];

    // The other receiver, the index and the console do not wait for either.
    for (const { id } of [whole, ...late]) {
      await until('ops to have all of it', () => keysOf(id).every((key) => ops.counts().get(key) === 1));
    }
    const stored = await until('all to be stored as closed', async () => {
      const all = await up.incidents();
      return all.length === 3 && all.every(({ state }) => state === 'closed') && all;
    });
    expect(stored.map(({ closeReason }) => closeReason)).toEqual(['left', 'left', 'left']);
    const troubled = await until('both to be counted, and the rest to be well', async () => {
      const text = await up.metrics();
      const isCounted =
        metricSum(text, 'store_errors_total', { store: 'evidence' }) > 0 &&
        metricSum(text, 'alerts_failed_total', { channel: 'stuck' }) > 0 &&
        metricSum(text, 'evidence_pending') > 0 &&
        metricSum(text, 'alerts_pending', { channel: 'stuck' }) > 0;
      const isWell =
        metricSum(text, 'alerts_pending', { channel: 'ops' }) === 0 &&
        metricSum(text, 'camera_watched', { camera: 'gate' }) === 1;
      return isCounted && isWell && text;
    });
    expect(metricSum(troubled, 'role_restarts_total')).toBe(0);
    await until('the output to have both', () =>
      ['STORE_FULL', 'ALERT_FAILED'].every((code) => up.output.includes(code)),
    );
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
