/** The bucket of evidence goes away and the sink is killed meanwhile: cameras, incidents and pictures go on. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Incident } from '../../runtime/messages/types.ts';
import { S3ObjectStore } from '../../runtime/stores/objects/s3.ts';
import type { EvidenceWaiting } from '../../runtime/stores/objects/waiting.ts';
import { sha256Hex } from '../../runtime/stores/sha256.ts';
import { HAS_TEST_DATA } from '../data.ts';
import { hasS3, S3Server, s3Options } from '../services/s3.ts';
import { until } from '../wait.ts';
import { Doorway } from './doorway.ts';
import { banksman } from './up.ts';
import { metricSum } from './watch_bus.ts';

describe.skipIf(!HAS_TEST_DATA || !hasS3())('evidence in S3', { timeout: 300_000 }, () => {
  let s3: S3Server;
  let doorway: Doorway;

  beforeAll(async () => {
    s3 = await S3Server.start();
    doorway = await Doorway.start({
      site: { evidence: { store: 's3', s3: { bucket: 'evidence', endpoint: s3.endpoint, prefix: 'site/' } } },
    });
  }, 120_000);

  afterAll(async () => {
    await doorway?.[Symbol.asyncDispose]();
    await s3?.stop();
  });

  /** Of its last revision. */
  const stored = ({ id, revision }: Incident) =>
    until('its evidence', () =>
      doorway.evidence.some(
        (one) => one.incident === id && one.kind === 'record' && one.revision === revision && one.complete,
      ),
    );
  const waiting = async (): Promise<EvidenceWaiting | null> => {
    const { up } = doorway;
    const { stdout } = await banksman(['status', '-c', up.configPath, '--json'], up.env);
    return JSON.parse(stdout).evidence;
  };
  /** As the page gets it, wherever it comes from. */
  const picture = (id: string) => fetch(`${doorway.up.console}/api/v1/incidents/${id}/evidence/snapshot`);

  test('it is away, the sink dies, and all of it is there in the end', async () => {
    const { up } = doorway;
    const before = await doorway.visit();
    await stored(before);
    await until(
      'all of it to be in the bucket',
      async () => metricSum(await up.metrics(), 'evidence_spool_bytes') === 0,
    );
    const link = await fetch(`${up.console}/api/v1/incidents/${before.id}/evidence/snapshot`, { redirect: 'manual' });
    expect(new URL(link.headers.get('location') ?? '').origin).toBe(s3.endpoint);

    await s3.kill();
    const during = await doorway.visit();
    await stored(during);
    await until('it to be told', async () => {
      const told = await waiting();
      return told?.code === 'STORE_UNREACHABLE' && told.objects === 3;
    });
    const sink = up.role('sink');
    if (!sink) throw new Error('no sink');
    process.kill(sink.pid, 'SIGKILL');
    await until('another sink', () => up.role('sink') !== undefined && up.role('sink')?.pid !== sink.pid);
    const late = await doorway.visit();
    await stored(late);
    await until('the new sink to say that it is away, and the camera to be watched', async () => {
      const now = await up.metrics();
      return (
        metricSum(now, 'evidence_spool_objects') >= 6 &&
        metricSum(now, 'store_available', { store: 'evidence' }) === 0 &&
        metricSum(now, 'camera_watched', { camera: 'gate' }) === 1
      );
    });
    for (const { id } of [during, late]) {
      await until('the picture that waits', async () => (await picture(id)).status === 200);
    }

    await s3.restart();
    await until('nothing to wait any more', async () => {
      const now = await up.metrics();
      return (
        metricSum(now, 'store_available', { store: 'evidence' }) === 1 && metricSum(now, 'evidence_spool_bytes') === 0
      );
    });
    await until('nothing to be told', async () => (await waiting()) === null);
    const bucket = new S3ObjectStore(s3Options(s3.endpoint, { prefix: 'site/' }));
    for (const { id } of [before, during, late]) {
      const response = await fetch(`${up.console}/api/v1/incidents/${id}`);
      const { evidence: items } = (await response.json()) as Incident;
      expect(items.map(({ kind }) => kind).sort()).toEqual(['annotated', 'record', 'snapshot']);
      for (const { key, sha256 } of items) expect(sha256Hex((await bucket.get(key)) ?? ''), key).toBe(sha256);
      expect((await picture(id)).status).toBe(200);
    }
    await bucket.close();
  });
});
