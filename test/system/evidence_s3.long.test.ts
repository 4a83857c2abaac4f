/** The bucket is away for more than a minute, in each of the ways in which a store is: nothing waits for it, nothing is lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Incident } from '../../runtime/messages/types.ts';
import { S3ObjectStore } from '../../runtime/stores/objects/s3.ts';
import { sha256Hex } from '../../runtime/stores/sha256.ts';
import { HAS_TEST_DATA } from '../data.ts';
import { type Fault, hasS3, S3Faults, S3Server, s3Options } from '../services/s3.ts';
import { until } from '../wait.ts';
import { Doorway } from './doorway.ts';
import { Receiver } from './receiver.ts';
import { metricSum } from './watch_bus.ts';

const FAULTS: readonly Fault[] = [503, 403, 'hang', 'cut'];
const EACH_MS = 16_000;

describe.skipIf(!HAS_TEST_DATA || !hasS3())('a bucket that is away for a minute', { timeout: 400_000 }, () => {
  const ops = new Receiver();
  let s3: S3Server;
  let faults: S3Faults;
  let doorway: Doorway;

  beforeAll(async () => {
    await ops.start();
    s3 = await S3Server.start();
    faults = new S3Faults(s3.port);
    await faults.start();
    doorway = await Doorway.start({
      site: {
        evidence: { store: 's3', s3: { bucket: 'evidence', endpoint: faults.endpoint } },
        alerts: { webhooks: [{ id: 'ops', url: ops.url }] },
      },
    });
  }, 120_000);

  afterAll(async () => {
    await doorway?.[Symbol.asyncDispose]();
    await Promise.all([faults?.stop(), ops.stop()]);
    await s3?.stop();
  });

  const metric = async (name: string, labels = {}): Promise<number> =>
    metricSum(await doorway.up.metrics(), name, labels);

  test('it refuses, forbids, hangs and breaks off: incidents go on, and all is there once after', async () => {
    const { up } = doorway;
    const sink = up.role('sink')?.pid;
    const visits: Incident[] = [];
    const away = performance.now();
    for (const fault of FAULTS) {
      faults.fault = fault;
      const endsAt = performance.now() + EACH_MS;
      const visit = await doorway.visit();
      visits.push(visit);
      await until(
        `the store to be away (${fault})`,
        async () => (await metric('store_available', { store: 'evidence' })) === 0,
      );
      const messages = () => ops.received.filter(({ incident }) => incident.id === visit.id);
      await until('its messages', () => messages().some(({ incident }) => incident.transition === 'closed'));
      await until('the camera to be watched', async () => (await metric('camera_watched', { camera: 'gate' })) === 1);
      await sleep(Math.max(0, endsAt - performance.now()));
    }
    expect(performance.now() - away).toBeGreaterThan(60_000);
    await until('all of it to wait', async () => (await metric('evidence_spool_objects')) >= 3 * visits.length);

    faults.fault = 'none';
    await until(
      'nothing to wait any more',
      async () =>
        (await metric('store_available', { store: 'evidence' })) === 1 &&
        (await metric('evidence_spool_objects')) === 0,
      120_000,
    );
    expect(up.role('sink')?.pid).toBe(sink);
    const bucket = new S3ObjectStore(s3Options(s3.endpoint));
    for (const { id } of visits) {
      const found = await until('the index to have all of it', async () => {
        const { evidence } = (await (await fetch(`${up.console}/api/v1/incidents/${id}`)).json()) as Incident;
        return evidence.length === 3 && evidence;
      });
      for (const { key, sha256 } of found) expect(sha256Hex((await bucket.get(key)) ?? ''), key).toBe(sha256);
    }
    await bucket.close();
    const pictures = faults.seen.filter(
      ({ method, key, status }) => method === 'PUT' && status === 200 && /\.jpg$/.test(key),
    );
    expect(new Set(pictures.map(({ key }) => key)).size).toBe(pictures.length);
  });
});
