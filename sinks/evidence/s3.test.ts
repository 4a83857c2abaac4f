/** Evidence in a real S3 store that goes away: what is acknowledged meanwhile is there in the end, once and whole. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Box, Incident } from '../../runtime/messages/types.ts';
import { openEvidenceReader } from '../../runtime/stores/objects/open.ts';
import type { S3ObjectStore } from '../../runtime/stores/objects/s3.ts';
import { at, sampleIncident } from '../../runtime/stores/state/samples.ts';
import { FaultyS3 } from '../../test/services/faulty_s3.ts';
import { type Fault, hasS3, type S3Faults, type S3Server, s3Options } from '../../test/services/s3.ts';
import { until } from '../../test/wait.ts';
import {
  caughtUp,
  publish,
  publishFrame,
  sampleCamera,
  samplePicture,
  sampleRule,
  type TestDeps,
  testDeps,
} from '../testing.ts';
import type { EvidenceSink } from './evidence.ts';
import { evidenceKey } from './keys.ts';
import { configure, proveWhole, sinkOn } from './testing.ts';

const LIMIT = 60_000;

let s3: FaultyS3;
let server: S3Server;
let faults: S3Faults;
let folder: string;
let deps: TestDeps;
/** Past all faults. */
let bucket: S3ObjectStore;
const sinks: EvidenceSink[] = [];

describe.skipIf(!hasS3())('evidence in S3', { timeout: 150_000 }, () => {
  beforeAll(async () => {
    s3 = await FaultyS3.start();
    ({ server, faults } = s3);
  });
  afterAll(() => s3?.stop());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'banksman-evidence-s3-'));
    deps = testDeps(folder);
    s3.renew();
    bucket = s3.past();
    await configure(deps.bus, sampleCamera(), sampleRule());
  });
  afterEach(async () => {
    for (const sink of sinks.splice(0)) await sink.stop();
    await bucket.close();
    await deps.bus.close();
    await rm(folder, { recursive: true });
  });

  async function start(over: { maxBytes?: number; dataDir?: string } = {}): Promise<EvidenceSink> {
    const { maxBytes = 50e6, dataDir = folder } = over;
    const sink = sinkOn({ ...deps, dataDir }, s3.through(), { spool: { maxBytes }, prefix: 'yard/' });
    sinks.push(sink);
    await sink.start();
    return sink;
  }

  const acknowledged = () => until('all acknowledged', () => caughtUp(deps.bus, 'evidence'), LIMIT, 20);
  const drained = () =>
    until(
      'all sent',
      () =>
        deps.metrics.value('evidence_spool_objects') === 0 &&
        deps.metrics.value('store_available', { store: 'evidence' }) === 1,
      LIMIT,
      20,
    );
  let seq = 0;
  /** One more transition, with a frame of its own where the peak improves. */
  async function transition(id: string, revision: number, over: Partial<Incident> = {}): Promise<Incident> {
    seq += 1;
    const box: Box = [0.4, 0.5, 0.5, 0.5 + seq / 100];
    const frame = await publishFrame(deps.bus, [await samplePicture([box], 320, 180)], { seq });
    const peak = { captureTime: at(revision), box, frame };
    const incident = sampleIncident({ id, revision, updatedAt: at(revision), peak, ...over });
    await publish(deps.bus, 'incidents.v1', incident);
    return incident;
  }
  const puts = (incident: Incident, file: string) => {
    const key = s3.prefix + evidenceKey(incident, 'record').replace('record.json', file);
    return faults.seen.filter((one) => one.method === 'PUT' && one.status === 200 && one.key === key).length;
  };

  const outages: (Fault | 'killed')[] = [503, 403, 'hang', 'killed'];
  it.each(outages)(
    'goes on while the store is away (%s), over a restart, and all of it arrives once',
    async (fault) => {
      const first = await start();
      await transition('before', 1);
      await acknowledged();
      if (fault === 'killed') await server.kill();
      else faults.fault = fault;
      // In the middle of an incident: what the store has of it nobody can read.
      await transition('before', 2, { transition: 'updated' });
      await transition('during', 1);
      await acknowledged();
      expect(deps.metrics.value('store_available', { store: 'evidence' })).toBe(0);
      expect(deps.metrics.value('evidence_spool_objects')).toBe(6);
      await first.stop();
      await start();
      const before = await transition('before', 3, { transition: 'closed', state: 'closed' });
      const during = await transition('during', 2, { transition: 'closed', state: 'closed' });
      await acknowledged();
      // The console on this machine has it already.
      const { prefix } = s3;
      const evidence = { store: 's3' as const, s3: { ...s3Options(faults.endpoint, { prefix }), link_expires_s: 60 } };
      const reader = await openEvidenceReader({ ...evidence, spool: { max_bytes: 1e6 } }, folder);
      expect((await reader.get(evidenceKey(during, 'snapshot')))?.length).toBeGreaterThan(1_000);
      expect(await reader.presign(evidenceKey(during, 'snapshot'), 60)).toBeNull();
      expect(reader.state().trouble).not.toBeNull();
      await reader.close();

      if (fault === 'killed') await server.restart();
      faults.fault = 'none';
      await drained();
      const records = [await proveWhole(deps.bus, bucket, before), await proveWhole(deps.bus, bucket, during)];
      expect(records.map(({ transitions }) => transitions.map(({ revision }) => revision))).toEqual([
        [1, 2, 3],
        [1, 2],
      ]);
      expect(records.map(({ missing }) => missing)).toEqual([[], []]);
      for (const file of ['snapshot.jpg', 'annotated.jpg', 'record.json']) expect(puts(during, file), file).toBe(1);
      for (const file of ['snapshot.jpg', 'annotated.jpg', 'record.json']) expect(puts(before, file), file).toBe(2);
    },
  );

  it('holds the bus back when the spool is full, with bounded memory, and loses nothing', async () => {
    await start({ maxBytes: 40_000 });
    faults.fault = 503;
    const incidents: Incident[] = [];
    for (let n = 0; n < 12; n += 1) incidents.push(await transition(`flood-${n}`, 1));
    await until(
      'the spool to be full',
      () => deps.metrics.value('store_errors_total', { store: 'evidence', reason: 'STORE_FULL' }) > 0,
      LIMIT,
      20,
    );
    expect(deps.metrics.value('evidence_pending')).toBeGreaterThan(0);
    expect(deps.metrics.value('evidence_spool_bytes')).toBeLessThanOrEqual(40_000);
    expect(await caughtUp(deps.bus, 'evidence')).toBe(false);
    faults.fault = 'none';
    await acknowledged();
    await drained();
    for (const incident of incidents) await proveWhole(deps.bus, bucket, incident);
    expect(deps.metrics.value('dead_letters_total', { topic: 'incidents.v1', reason: 'STORE_FULL' })).toBe(0);
  });

  it('brings both together when another machine took over while evidence still lay on this one', async () => {
    const here = await start();
    faults.fault = 'cut';
    await transition('moved', 1);
    await transition('moved', 2, { transition: 'updated' });
    await acknowledged();
    await here.stop();
    faults.fault = 'none';
    const there = await mkdtemp(join(tmpdir(), 'banksman-evidence-s3-'));
    const other = await start({ dataDir: there });
    const moved = await transition('moved', 3, { transition: 'closed', state: 'closed' });
    await acknowledged();
    await other.stop();
    await start();
    await drained();
    const record = await proveWhole(deps.bus, bucket, moved);
    expect(record.transitions.map(({ revision }) => revision)).toEqual([1, 2, 3]);
    expect(record.incident.state).toBe('closed');
    expect(record.picture?.frame).toEqual(moved.peak.frame);
    await rm(there, { recursive: true });
  });

  it('removes what is too old there too, its own alone, and nothing that is held', async () => {
    const sink = await start();
    const old = at(-60 * 86_400);
    const [gone, held] = [
      await transition('gone', 1, { openedAt: old }),
      await transition('held', 1, { openedAt: old }),
    ];
    const fresh = await transition('fresh', 1, { openedAt: new Date().toISOString() });
    await acknowledged();
    await sink.stop();
    const neighbours = evidenceKey({ ...gone, site: 'next-door' }, 'record');
    await bucket.put(neighbours, Buffer.from('{}'), { contentType: 'application/json', sha256: SHA_OF_BRACES });
    const keeper = sinkOn(deps, s3.through(), {
      spool: { maxBytes: 1e6 },
      prefix: 'yard/',
      retention: { clips_days: 1, records_days: 1, max_bytes: 1e12 },
      held: { held: async () => new Set(['held']), close: async () => undefined },
      retainEveryMs: 20,
    });
    sinks.push(keeper);
    await keeper.start();
    const left = await until(
      'the old one gone',
      async () => {
        const keys = (await bucket.list()).map(({ key }) => key);
        return !keys.some((key) => key.startsWith('yard/') && key.includes('/gone/')) && keys;
      },
      LIMIT,
      50,
    );
    for (const incident of [held, fresh]) expect(left).toContain(evidenceKey(incident, 'snapshot'));
    expect(left).toContain(neighbours);
  });
});

const SHA_OF_BRACES = '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a';
