import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FaultyS3 } from '../../../test/services/faulty_s3.ts';
import { type Fault, hasS3, type S3Faults, type S3Server } from '../../../test/services/s3.ts';
import { until } from '../../../test/wait.ts';
import { systemClock } from '../../clock.ts';
import { silentLogger } from '../../log.ts';
import type { Labels, MetricName, Metrics } from '../../metrics.ts';
import { sha256Hex } from '../sha256.ts';
import { objectStoreCompliance } from './compliance.ts';
import { SpoolReader } from './spool.ts';
import { SpooledObjectStore, type SpooledOptions } from './spooled.ts';
import type { ObjectStore, PutOptions } from './types.ts';

const LIMIT = 50_000;

let s3: FaultyS3;
let server: S3Server;
let faults: S3Faults;
let folder: string;
let gauges: Map<string, number>;
let merged: string[];
const stores: ObjectStore[] = [];

function metrics(): Metrics {
  const set = (name: MetricName, value: number): void => void gauges.set(name, value);
  return {
    set,
    inc: (name: MetricName, { reason = '' }: Labels = {}) => set(`${name} ${reason}` as MetricName, 1),
    observe() {},
    remove() {},
  };
}

function open(over: Partial<SpooledOptions> = {}): SpooledObjectStore {
  const store = new SpooledObjectStore({
    remote: s3.through(),
    dataDir: folder,
    maxBytes: 10_000_000,
    clock: systemClock,
    log: silentLogger,
    metrics: metrics(),
    rank: (key) => (key.startsWith('configs/') ? 0 : key.endsWith('record.json') ? 2 : 1),
    merge: (key, mine, theirs) =>
      key.endsWith('record.json') ? Buffer.from([...new Set(`${theirs},${mine}`.split(','))].sort().join(',')) : null,
    onMerged: async (_key, bytes) => void merged.push(bytes.toString()),
    retryMs: [20, 100],
    ...over,
  });
  stores.push(store);
  return store;
}

const put = (store: ObjectStore, key: string, text: string, over: Partial<PutOptions> = {}) => {
  const bytes = Buffer.from(text);
  return store.put(key, bytes, { contentType: 'application/json', sha256: sha256Hex(bytes), ...over });
};
const text = async (store: ObjectStore, key: string) => (await store.get(key))?.toString();
/** One that does not wait long for an answer is away for a moment when the machine stalls: asks until it is not. */
const answer = async <T>(ask: () => Promise<T>) =>
  (await until('an answer', async () => ({ value: await ask() }), LIMIT, 20)).value;
const gauge = (name: string) => gauges.get(name) ?? 0;
const drained = (store: SpooledObjectStore) =>
  until('the spool to be empty', () => store.state().objects === 0 && store.state().trouble === null, LIMIT, 20);
const away = (store: SpooledObjectStore) => until('it to be away', () => store.state().trouble !== null, LIMIT, 20);
/** Keys that the server has taken, in order. */
const written = () =>
  faults.seen
    .filter(({ method, status }) => method === 'PUT' && status === 200)
    .map(({ key }) => key.slice(s3.prefix.length));

describe.skipIf(!hasS3())('a store behind a spool', { timeout: 150_000 }, () => {
  beforeAll(async () => {
    s3 = await FaultyS3.start();
    ({ server, faults } = s3);
  });
  afterAll(() => s3?.stop());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'banksman-spool-'));
    s3.renew();
    gauges = new Map();
    merged = [];
  });
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await rm(folder, { recursive: true });
  });

  objectStoreCompliance('spooled', async () => {
    return { store: open(), shared: true, cleanUp: async () => undefined };
  });

  /** Two incidents and a configuration, as they come while the store is away. */
  async function evidence(store: ObjectStore): Promise<void> {
    await put(store, 'yard/gate/a/snapshot.jpg', 'a1', { revision: 1 });
    await put(store, 'yard/gate/a/record.json', 'r1', { ifAbsent: true });
    await put(store, 'yard/gate/b/snapshot.jpg', 'b1', { revision: 1 });
    await put(store, 'configs/one.json', 'c', { ifAbsent: true });
    await put(store, 'yard/gate/b/record.json', 'r1', { ifAbsent: true });
    await put(store, 'yard/gate/a/snapshot.jpg', 'a2', { revision: 2 });
    await put(store, 'yard/gate/a/annotated.jpg', 'a2', { revision: 2 });
    await put(store, 'yard/gate/a/record.json', 'r1,r2', { replaces: sha256Hex('r1') });
  }
  const IN_ORDER = [
    'configs/one.json',
    'yard/gate/a/snapshot.jpg',
    'yard/gate/a/annotated.jpg',
    'yard/gate/a/record.json',
    'yard/gate/b/snapshot.jpg',
    'yard/gate/b/record.json',
  ];
  /** Within an incident and from the configuration on; two incidents may go side by side. */
  function expectInOrder(): void {
    const keys = written();
    expect([...keys].sort()).toEqual([...IN_ORDER].sort());
    expect(keys[0]).toBe('configs/one.json');
    for (const incident of ['/a/', '/b/']) {
      expect(keys.filter((key) => key.includes(incident))).toEqual(IN_ORDER.filter((key) => key.includes(incident)));
    }
  }

  const faultsOfAll: [Fault, string][] = [
    [503, 'STORE_UNAVAILABLE'],
    [403, 'STORE_FORBIDDEN'],
    ['hang', 'STORE_UNREACHABLE'],
    ['cut', 'STORE_UNREACHABLE'],
  ];
  it.each(faultsOfAll)('keeps what comes while the store answers with %s, and sends it after', async (fault, code) => {
    const store = open();
    faults.fault = fault;
    await store.start();
    await evidence(store);
    expect(store.state()).toMatchObject({ trouble: { code }, objects: 6 });
    expect(gauge('store_available')).toBe(0);
    expect(gauge('evidence_spool_objects')).toBe(6);
    expect(gauge('evidence_spool_bytes')).toBe(store.state().bytes);
    expect(gauge('evidence_spool_max_bytes')).toBe(10_000_000);
    expect(gauge(`store_errors_total ${code}`)).toBe(1);
    // What waits is read here, also by another process; of the rest nobody can tell.
    expect(await text(store, 'yard/gate/a/record.json')).toBe('r1,r2');
    expect(await store.presign('yard/gate/a/snapshot.jpg', 60)).toBeNull();
    await expect(store.get('yard/gate/x/record.json')).rejects.toMatchObject({ code });
    const reader = new SpoolReader(folder);
    expect(reader.get('yard/gate/a/snapshot.jpg')?.toString()).toBe('a2');
    expect(reader.state()).toEqual(store.state());
    reader.close();
    faults.fault = 'none';
    await drained(store);
    expectInOrder();
    await until(
      'it to be said',
      () => gauge('store_available') === 1 && gauge('evidence_spool_bytes') === 0,
      LIMIT,
      20,
    );
    expect(await answer(() => text(store, 'yard/gate/a/snapshot.jpg'))).toBe('a2');
    expect(await answer(() => store.get('yard/gate/x/record.json'))).toBeUndefined();
    // And straight to the store again; one that does not wait long may spool it once more.
    await put(store, 'yard/gate/z/record.json', 'z', { ifAbsent: true });
    if (fault !== 'hang') expect(written().at(-1)).toBe('yard/gate/z/record.json');
    await until('it to be there', () => written().at(-1) === 'yard/gate/z/record.json', LIMIT, 20);
    expect(merged).toEqual([]);
  });

  it('keeps it through its own end and that of the server', async () => {
    const store = open();
    await store.start();
    await server.kill();
    await evidence(store);
    await store.close();
    const next = open();
    await next.start();
    expect(next.state()).toMatchObject({ trouble: { code: 'STORE_UNREACHABLE' }, objects: 6 });
    expect(await text(next, 'yard/gate/b/snapshot.jpg')).toBe('b1');
    await server.restart();
    await drained(next);
    expectInOrder();
  });

  it('sends again what it does not know to have arrived, and nothing is doubled or lost by it', async () => {
    const store = open();
    await store.start();
    await put(store, 'yard/gate/a/record.json', 'r1', { ifAbsent: true });
    // The store has it; the answer is lost.
    faults.fault = 'half';
    await put(store, 'yard/gate/a/record.json', 'r1,r2', { replaces: sha256Hex('r1') });
    await put(store, 'yard/gate/b/record.json', 'r1', { ifAbsent: true });
    faults.fault = 'none';
    await drained(store);
    expect(await text(store, 'yard/gate/a/record.json')).toBe('r1,r2');
    expect(await text(store, 'yard/gate/b/record.json')).toBe('r1');
    expect(merged).toEqual([]);
  });

  it('refuses when it is full, and takes more once there is room again', async () => {
    const store = open({ maxBytes: 1_000 });
    await store.start();
    faults.fault = 503;
    await put(store, 'a/1.jpg', 'x'.repeat(600));
    await expect(put(store, 'a/2.jpg', 'y'.repeat(600))).rejects.toMatchObject({ code: 'STORE_FULL', retryable: true });
    // In the place of what waits already there is room.
    expect(await put(store, 'a/1.jpg', 'z'.repeat(900))).toBe('written');
    faults.fault = 'none';
    await drained(store);
    await put(store, 'a/2.jpg', 'y'.repeat(600));
    expect(await text(store, 'a/1.jpg')).toBe('z'.repeat(900));
    expect(await text(store, 'a/2.jpg')).toBe('y'.repeat(600));
  });

  it('brings together what two wrote while one of them could not reach the store', async () => {
    const store = open();
    await store.start();
    faults.fault = 'cut';
    await put(store, 'yard/gate/a/snapshot.jpg', 'old', { revision: 1 });
    await put(store, 'yard/gate/a/record.json', 'r1', { ifAbsent: true });
    await put(store, 'yard/gate/a/record.json', 'r1,r2', { replaces: sha256Hex('r1') });
    const other = s3.past();
    await put(other, 'yard/gate/a/snapshot.jpg', 'new', { revision: 3 });
    await put(other, 'yard/gate/a/record.json', 'r3', { ifAbsent: true });
    faults.fault = 'none';
    await drained(store);
    expect(await text(other, 'yard/gate/a/snapshot.jpg')).toBe('new');
    expect(await text(other, 'yard/gate/a/record.json')).toBe('r1,r2,r3');
    expect(merged).toEqual(['r1,r2,r3']);
    await other.close();
  });

  it('merges again what it could not say that it had merged', async () => {
    const other = s3.past();
    await put(other, 'yard/gate/a/record.json', 'r3');
    await other.close();
    const deaf = open({ onMerged: async () => Promise.reject(new Error('no bus')) });
    await deaf.start();
    faults.fault = 'cut';
    await put(deaf, 'yard/gate/a/record.json', 'r1', { ifAbsent: true });
    faults.fault = 'none';
    await until('it to be tried', () => gauge('store_errors_total INTERNAL') === 1, LIMIT, 20);
    await deaf.close();
    const store = open();
    await store.start();
    await drained(store);
    expect(merged).toEqual(['r1,r3']);
    expect(await text(store, 'yard/gate/a/record.json')).toBe('r1,r3');
  });

  it('what the store refuses for itself holds nobody else up', async () => {
    const store = open();
    await store.start();
    faults.fault = 'cut';
    await evidence(store);
    faults.faultOf = ({ key }) => key.includes('/a/snapshot');
    faults.fault = 400;
    await until('the rest to be sent', () => store.state().objects === 3, LIMIT, 20);
    expect(written()).toHaveLength(3);
    faults.fault = 'none';
    await drained(store);
    expect([...written()].sort()).toEqual([...IN_ORDER].sort());
  });

  it('notices by reading that the store is away, and that it is back', async () => {
    const store = open();
    await store.start();
    faults.fault = 503;
    await expect(store.get('a/1.jpg')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await away(store);
    faults.fault = 'none';
    await drained(store);
    expect(await store.get('a/1.jpg')).toBeUndefined();
  });
});
