/** The bucket of evidence goes away and the sink is killed meanwhile: cameras, incidents and pictures go on. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Evidence, Incident } from '../../runtime/messages/types.ts';
import { S3ObjectStore } from '../../runtime/stores/objects/s3.ts';
import type { EvidenceWaiting } from '../../runtime/stores/objects/waiting.ts';
import { sha256Hex } from '../../runtime/stores/sha256.ts';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { HAS_TEST_DATA, ONE_BY_ONE } from '../data.ts';
import { hasS3, S3Server, s3Options } from '../services/s3.ts';
import { until } from '../wait.ts';
import { banksman, Up } from './up.ts';
import { BusWatch, metricSum } from './watch_bus.ts';

describe.skipIf(!HAS_TEST_DATA || !hasS3())('evidence in S3', { timeout: 120_000 }, () => {
  let s3: S3Server;
  let server: RtspServer;
  let up: Up;
  let watch: BusWatch;
  let incidents: Incident[];
  let evidence: Evidence[];

  beforeAll(async () => {
    s3 = await S3Server.start();
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
    up = await Up.start({
      detect: { workers: 1 },
      cameras: { gate: { url: server.url('/gate'), sampling: { active_fps: 5, width_px: 640 } } },
      rules: [{ id: 'anybody', type: 'zone_entry', classes: ['person'], hold_s: 1, cool_down_s: 0 }],
      evidence: { store: 's3', s3: { bucket: 'evidence', endpoint: s3.endpoint, prefix: 'site/' } },
    });
    watch = await BusWatch.connect(up);
    incidents = watch.follow('incidents.v1');
    evidence = watch.follow('evidence.v1');
    await until('the camera to be watched', async () => /camera_watched\{camera="gate"\} 1/.test(await up.metrics()));
  }, 120_000);

  afterAll(async () => {
    await watch?.close();
    await up?.[Symbol.asyncDispose]();
    await server?.stop();
    await s3?.stop();
  });

  /** Somebody comes and goes. @returns the incident. */
  async function visit(): Promise<Incident> {
    const known = new Set(incidents.map(({ id }) => id));
    await server.scene('/gate', 'person');
    const { id } = await until('an incident', () => incidents.find((one) => !known.has(one.id)));
    await server.scene('/gate', 'empty');
    return until('it to be closed', () => incidents.find((one) => one.id === id && one.state === 'closed'));
  }

  /** Of its last revision. */
  const stored = ({ id, revision }: Incident) =>
    until('its evidence', () =>
      evidence.some((one) => one.incident === id && one.kind === 'record' && one.revision === revision && one.complete),
    );
  const waiting = async (): Promise<EvidenceWaiting | null> => {
    const { stdout } = await banksman(['status', '-c', up.configPath, '--json'], up.env);
    return JSON.parse(stdout).evidence;
  };
  /** As the page gets it, wherever it comes from. */
  const picture = (id: string) => fetch(`${up.console}/api/v1/incidents/${id}/evidence/snapshot`);

  test('it is away, the sink dies, and all of it is there in the end', async () => {
    const before = await visit();
    await stored(before);
    await until(
      'all of it to be in the bucket',
      async () => metricSum(await up.metrics(), 'evidence_spool_bytes') === 0,
    );
    const link = await fetch(`${up.console}/api/v1/incidents/${before.id}/evidence/snapshot`, { redirect: 'manual' });
    expect(new URL(link.headers.get('location') ?? '').origin).toBe(s3.endpoint);

    await s3.kill();
    const during = await visit();
    await stored(during);
    expect(await waiting()).toMatchObject({ code: 'STORE_UNREACHABLE', objects: 3 });
    const sink = up.role('sink');
    if (!sink) throw new Error('no sink');
    process.kill(sink.pid, 'SIGKILL');
    await until('another sink', () => up.role('sink') !== undefined && up.role('sink')?.pid !== sink.pid);
    const late = await visit();
    await stored(late);
    const text = await until('the new sink to say that it is away', async () => {
      const now = await up.metrics();
      return metricSum(now, 'evidence_spool_objects') >= 6 && now;
    });
    expect(metricSum(text, 'store_available', { store: 'evidence' })).toBe(0);
    expect(metricSum(text, 'camera_watched', { camera: 'gate' })).toBe(1);
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
    expect(await waiting()).toBeNull();
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
