/** Evidence that lies in a real S3 store: links, what waits on this machine, and a store that is away. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openMemoryBus } from '../../runtime/bus/local/memory.ts';
import type { Bus } from '../../runtime/bus/types.ts';
import { systemClock } from '../../runtime/clock.ts';
import { BanksmanError } from '../../runtime/errors.ts';
import { silentLogger } from '../../runtime/log.ts';
import { noMetrics } from '../../runtime/metrics.ts';
import { openEvidenceReader } from '../../runtime/stores/objects/open.ts';
import { S3ObjectStore } from '../../runtime/stores/objects/s3.ts';
import { Spool, troubleOf } from '../../runtime/stores/objects/spool.ts';
import { sha256Hex } from '../../runtime/stores/sha256.ts';
import { EmbeddedStateStore } from '../../runtime/stores/state/embedded.ts';
import { sampleEvidence, sampleIncident } from '../../runtime/stores/state/samples.ts';
import { hasS3, S3Server, s3Options } from '../../test/services/s3.ts';
import { Console } from './console.ts';
import type { SiteView } from './views.ts';

const KEY = 'yard/gate/2026-11-21/i-1/snapshot.jpg';
const BYTES = Buffer.from('a picture');
const OPTIONS = { contentType: 'image/jpeg', sha256: sha256Hex(BYTES) };

describe.skipIf(!hasS3())('evidence in S3', () => {
  let server: S3Server;
  let dir: string;
  let bus: Bus;
  let state: EmbeddedStateStore;
  let page: Console;

  beforeAll(async () => {
    server = await S3Server.start();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'banksman-links-'));
    bus = openMemoryBus();
    state = new EmbeddedStateStore(dir);
    const incident = sampleIncident({ id: 'i-1', site: 'yard' });
    const evidence = sampleEvidence({ incident: 'i-1', kind: 'snapshot', key: KEY, ...OPTIONS, bytes: BYTES.length });
    await state.apply([
      { kind: 'incident', incident },
      { kind: 'evidence', evidence },
    ]);
  });
  afterEach(async () => {
    await page.stop();
    await state.close();
    await bus.close();
    await rm(dir, { recursive: true });
  });

  async function open(linkExpiresS: number): Promise<string> {
    const s3 = { ...s3Options(server.endpoint), link_expires_s: linkExpiresS };
    const objects = await openEvidenceReader({ store: 's3', s3, spool: { max_bytes: 1e6 } }, dir);
    page = new Console(
      { bus, site: 'yard', log: silentLogger, metrics: noMetrics, clock: systemClock },
      {
        bind: { host: '127.0.0.1', port: 0 },
        version: '1',
        state,
        objects,
        linkExpiresS,
        evidence: () => objects.state(),
        refusedEdit: async () => null,
      },
    );
    await page.start();
    return page.address ?? '';
  }
  async function store(): Promise<void> {
    const bucket = new S3ObjectStore(s3Options(server.endpoint));
    await bucket.put(KEY, BYTES, OPTIONS);
    await bucket.close();
  }
  const EVIDENCE = '/api/v1/incidents/i-1/evidence/snapshot';

  it('sends the browser to the store, which the page allows, by a link that ends', async () => {
    await store();
    const base = await open(60);
    const answer = await fetch(base + EVIDENCE, { redirect: 'manual' });
    expect(answer.status).toBe(302);
    const link = new URL(answer.headers.get('location') ?? '');
    expect(link.origin).toBe(server.endpoint);
    expect(link.searchParams.get('X-Amz-Expires')).toBe('60');
    expect(answer.headers.get('cache-control')).toBe('private, max-age=30');
    const followed = await fetch(base + EVIDENCE);
    expect(await followed.text()).toBe('a picture');
    expect(followed.headers.get('content-type')).toBe('image/jpeg');
    const policy = (await fetch(base)).headers.get('content-security-policy') ?? '';
    expect(policy).toContain(`img-src 'self' data: ${server.endpoint};`);
  });

  it('hands the bytes through where links are off', async () => {
    await store();
    const base = await open(0);
    const answer = await fetch(base + EVIDENCE, { redirect: 'manual' });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe('a picture');
    expect((await fetch(base)).headers.get('content-security-policy')).toContain("img-src 'self' data:;");
  });

  it('serves what waits on this machine, and says why it waits', async () => {
    const spool = new Spool(dir, 1e6, () => 1);
    const waits = Buffer.from('a picture that waits');
    spool.put({ key: KEY, bytes: waits, options: { ...OPTIONS, sha256: sha256Hex(waits) } }, Date.now());
    const base = await open(60);
    expect(await (await fetch(base + EVIDENCE, { redirect: 'manual' })).text()).toBe('a picture that waits');
    const shown = async () => ((await (await fetch(`${base}/api/v1/cameras`)).json()) as SiteView).evidence;
    expect(await shown()).toBeNull();
    spool.say(troubleOf(new BanksmanError('STORE_UNREACHABLE'), Date.now()));
    expect(await shown()).toMatchObject({ code: 'STORE_UNREACHABLE', objects: 1, bytes: waits.length });
    spool.close();
  });

  it('says that the store is away, and goes on', async () => {
    const base = await open(0);
    await server.kill();
    const answer = await fetch(base + EVIDENCE);
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain('evidence cannot be read now');
    expect((await fetch(`${base}/api/v1/incidents/i-1`)).status).toBe(200);
    await server.restart();
  });
});
