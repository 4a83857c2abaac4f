/** What a state store does while its Redis is away, wrong, full, or another one than before. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { makeCertificate } from '../../../simulator/rtsp/certificate.ts';
import { RedisCluster, RedisServer, type RedisServerOptions } from '../../../test/services/redis.ts';
import { until } from '../../../test/wait.ts';
import { BanksmanError } from '../../errors.ts';
import { freePort } from '../../ports.ts';
import { RedisStateStore } from './redis.ts';
import type { RedisOptions } from './redis_options.ts';
import { redisOptions } from './redis_testing.ts';
import { at, sampleCoverage, sampleFeedback, sampleIncident } from './samples.ts';
import type { StateChange } from './types.ts';

const LIMIT_MS = 60_000;
const incident = (n: number, revision = 1): StateChange => ({
  kind: 'incident',
  incident: sampleIncident({ id: `i-${n}`, openedAt: at(n), revision }),
});

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function serve(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = new RedisServer(options);
  ends.push(() => server.stop());
  return server.start();
}

function open(over: Partial<RedisOptions>): RedisStateStore {
  const store = new RedisStateStore(redisOptions(over));
  ends.push(() => store.close());
  return store;
}

/** Tries until it goes, as a sink does. */
const applied = (store: RedisStateStore, ...changes: StateChange[]): Promise<unknown> =>
  until('the store to take it', () => store.apply(changes), LIMIT_MS);

/** A machine that stalls for the four seconds in which Redis must answer makes it unreachable for a moment: asks until it answers. */
async function answer<T>(ask: () => Promise<T>): Promise<T> {
  const { value } = await until('Redis to answer', async () => ({ value: await ask() }), LIMIT_MS);
  return value;
}

/** Asks until it is refused for this reason, for the same cause. @returns with what. */
const refused = (code: string, ask: () => Promise<unknown>): Promise<BanksmanError> =>
  until(
    `it to be refused with ${code}`,
    async () => {
      const thrown = await ask().then(
        () => new Error('it was taken'),
        (error: unknown) => error,
      );
      if (thrown instanceof BanksmanError && thrown.code === code) return thrown;
      throw thrown;
    },
    LIMIT_MS,
  );

describe('a server', () => {
  it('that was killed: fails at once, and goes on with what it had', async () => {
    const server = await serve();
    const store = open({ url: server.url });
    await applied(store, incident(1));
    await server.kill();
    await expect(store.apply([incident(2)])).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' });
    const began = performance.now();
    for (let n = 0; n < 100; n += 1) await store.incident('i-1').catch(() => undefined);
    // None of them waited for an answer.
    expect(performance.now() - began).toBeLessThan(30_000);
    expect(await store.health()).toMatchObject({ state: 'away', reason: 'REDIS_UNREACHABLE' });
    await server.start();
    await applied(store, incident(2));
    expect((await answer(() => store.incidents({}))).incidents.map(({ id }) => id)).toEqual(['i-2', 'i-1']);
  }, 200_000);

  it('that is not there when the store is made', async () => {
    const port = await freePort();
    const store = open({ url: `redis://127.0.0.1:${port}` });
    await expect(store.mutes()).rejects.toMatchObject({
      code: 'REDIS_UNREACHABLE',
      where: `redis 127.0.0.1:${port}`,
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('that hangs: nobody waits for ever, and it is used again when it wakes', async () => {
    const server = await serve();
    const store = open({ url: server.url });
    await applied(store, incident(1));
    server.freeze();
    await expect(store.apply([incident(2)])).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' });
    await until(
      'to be told at once',
      async () => {
        const began = performance.now();
        await store.incident('i-1').catch(() => undefined);
        return performance.now() - began < 500;
      },
      LIMIT_MS,
    );
    server.thaw();
    await applied(store, incident(2), incident(3));
    expect((await answer(() => store.counts({}))).total).toBe(3);
  }, 200_000);

  it('that has another password: says so, never the password, and takes the right one when it is there', async () => {
    const server = await serve({ password: 'right-one' });
    process.env['BANKSMAN_TEST_REDIS_PASSWORD'] = 'hunter2-wrong';
    ends.push(async () => {
      delete process.env['BANKSMAN_TEST_REDIS_PASSWORD'];
    });
    const store = open({ url: server.url, password: { env: 'BANKSMAN_TEST_REDIS_PASSWORD' } });
    const error = await refused('REDIS_UNAUTHORIZED', () => store.apply([incident(1)]));
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('hunter2');
    const nameless = open({ url: server.url });
    await refused('REDIS_UNAUTHORIZED', () => nameless.mutes());
    process.env['BANKSMAN_TEST_REDIS_PASSWORD'] = 'right-one';
    await applied(store, incident(1));
    delete process.env['BANKSMAN_TEST_REDIS_PASSWORD'];
    await expect(
      open({ url: server.url, password: { env: 'BANKSMAN_TEST_REDIS_PASSWORD' } }).mutes(),
    ).rejects.toMatchObject({ code: 'CONFIG_SECRET_MISSING' });
  }, 200_000);

  it('over TLS: only with a certificate that somebody vouches for', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'banksman-redis-ca-'));
    ends.push(() => rm(folder, { recursive: true }));
    const server = await serve({ tls: true, password: 'secret' });
    const tls = { verify: true, ca_file: server.certFile, cert_file: null, key_file: null };
    const password = { text: 'secret' };
    const store = open({ url: server.url, password, tls });
    await applied(store, incident(1));
    expect((await answer(() => store.incident('i-1')))?.revision).toBe(1);

    const stranger = makeCertificate(folder).certFile;
    for (const ca_file of [null, stranger]) {
      const other = open({ url: server.url, password, tls: { ...tls, ca_file } });
      await refused('REDIS_TLS', () => other.mutes());
    }
    const trusting = open({ url: server.url, password, tls: { ...tls, ca_file: null, verify: false } });
    expect((await answer(() => trusting.incident('i-1')))?.revision).toBe(1);
    await expect(
      open({ url: server.url, tls: { ...tls, ca_file: join(folder, 'none') } }).mutes(),
    ).rejects.toMatchObject({ code: 'REDIS_TLS', where: join(folder, 'none') });
    const plain = open({ url: server.url.replace('rediss', 'redis'), password });
    await expect(plain.mutes()).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' });
  }, 200_000);

  it('that is full: refuses, keeps what it has, and takes more when it has room', async () => {
    const server = await serve({ more: ['maxmemory 4mb', 'maxmemory-policy noeviction'] });
    const store = open({ url: server.url });
    await applied(store, incident(0));
    const jpeg = Buffer.alloc(300_000);
    let n = 0;
    const full = await refused('STORE_FULL', () => {
      n += 1;
      const picture = { kind: 'picture' as const, site: 'yard', camera: `c-${n}`, captureTime: at(n), jpeg };
      return store.apply([picture, incident(n)]);
    });
    expect(full.mend).toContain('maxmemory');
    expect((await answer(() => store.incident('i-0')))?.revision).toBe(1);
    await server.command('CONFIG', 'SET', 'maxmemory', '100mb');
    await applied(store, incident(99));
  }, 200_000);

  it('whose settings may lose records: says which', async () => {
    const server = await serve({ durable: false, more: ['maxmemory 50mb', 'maxmemory-policy allkeys-lru'] });
    const careless = open({ url: server.url });
    expect(await answer(() => careless.advice())).toEqual([
      expect.stringMatching(/allkeys-lru.*noeviction/),
      expect.stringContaining('appendonly'),
    ]);
    const other = await serve();
    const careful = open({ url: other.url });
    expect(await answer(() => careful.advice())).toEqual([]);
  }, 200_000);

  it('that forgot its scripts', async () => {
    const server = await serve();
    const store = open({ url: server.url });
    await applied(store, incident(1));
    await server.command('SCRIPT', 'FLUSH');
    await applied(store, incident(2));
    expect((await answer(() => store.counts({}))).total).toBe(2);
  }, 200_000);

  it('with keys of another version: is left alone', async () => {
    const server = await serve();
    const store = open({ url: server.url });
    await answer(() => store.healing.confirm());
    await server.command('HSET', '{banksman:yard:i}:taken', 'version', '99');
    expect((await refused('STORE_FAILED', () => store.healing.taken())).message).toContain('version 99');
    await expect
      .poll(() => store.health(), { timeout: LIMIT_MS })
      .toMatchObject({ state: 'away', reason: 'STORE_FAILED' });
  }, 200_000);
});

describe('bounds', () => {
  it('forgets the oldest closed incidents beyond max_incidents, and no other', async () => {
    const server = await serve();
    const store = open({ url: server.url, max_incidents: 100 });
    const closed = Array.from({ length: 450 }, (_, n) => {
      const state = n === 3 ? ('open' as const) : ('closed' as const);
      return { kind: 'incident' as const, incident: sampleIncident({ id: `i-${n}`, openedAt: at(n), state }) };
    });
    await store.apply(closed);
    expect(await store.retain({ before: at(-1) })).toBe(350);
    const left = (await store.incidents({ limit: 500 })).incidents.map(({ id }) => id);
    expect(left).toEqual([...Array.from({ length: 99 }, (_, n) => `i-${449 - n}`), 'i-3']);
    const { values } = (await store.categories({})).camera;
    expect(values).toMatchObject([{ total: 100, byState: { open: 1, closed: 99 } }]);
    // Nothing of them is left behind.
    await store.retain({ before: at(10_000) });
    expect((await store.incidents({})).incidents.map(({ id }) => id)).toEqual(['i-3']);
    expect(await server.command('EVAL', "return #redis.call('KEYS', '*incident:*')", '0')).toBe('1');
  }, 200_000);

  it('counts the categories of incidents that were written before there were any', async () => {
    const server = await serve();
    const store = open({ url: server.url });
    const label = (note: string): StateChange => {
      return { kind: 'feedback', feedback: sampleFeedback({ action: 'label', note, incident: 'i-1' }) };
    };
    await store.apply([
      { kind: 'incident', incident: sampleIncident({ id: 'i-1', zone: 'a/"b"' }) },
      { kind: 'incident', incident: sampleIncident({ id: 'i-2', zone: null }) },
      { kind: 'incident', incident: sampleIncident({ id: 'i-3', zone: null }) },
      label('forklift'),
      label('crane'),
    ]);
    const expected = await store.categories({});
    expect(expected.zone.values).toMatchObject([{ value: 'a/"b"', total: 1 }]);
    await server.command('DEL', '{banksman:yard:i}:categories');
    for (const id of ['i-1', 'i-2', 'i-3']) {
      const old = JSON.stringify(['yard', 'gate', 'person-on-road', 'high', 'open']);
      await server.command('HSET', '{banksman:yard:i}:meta', id, old);
    }
    await server.command('HDEL', '{banksman:yard:i}:incident:i-1', 'label:crane');
    const second = sampleIncident({ id: 'i-2', zone: null, revision: 2 });
    await store.apply([label('crane'), { kind: 'incident', incident: second }]);
    expect((await store.categories({})).camera.values).toMatchObject([{ total: 1 }]);
    await Promise.all([store.retain({ before: at(-1) }), store.retain({ before: at(-1) })]);
    expect(await store.categories({})).toEqual(expected);
    const closed = ['i-1', 'i-2', 'i-3'].map((id) => sampleIncident({ id, revision: 3, state: 'closed' }));
    await store.apply(closed.map((incident) => ({ kind: 'incident' as const, incident })));
    expect(await store.retain({ before: at(100) })).toBe(3);
    expect((await store.categories({})).camera.values).toEqual([]);
    expect(await server.command('EXISTS', '{banksman:yard:i}:categories')).toBe('0');
  }, 200_000);

  it('keeps coverage of one camera as one piece an interruption, and tells changes to whoever asks', async () => {
    const server = await serve();
    const store = open({ url: server.url });
    const start = await store.changed(null);
    const pieces = Array.from({ length: 1200 }, (_, n): StateChange => {
      const over = n % 400 === 399 ? { watched: false, reason: 'starved: lag' } : {};
      return { kind: 'coverage', coverage: sampleCoverage(n / 2, (n + 1) / 2, over) };
    });
    await store.apply(pieces);
    expect(await store.coverage('yard', 'gate', at(0), at(600))).toHaveLength(6);
    await store.apply([incident(1), incident(2)]);
    await store.apply([incident(1)]);
    const changed = await store.changed(start.cursor);
    expect(changed).toMatchObject({ all: false });
    expect(changed.ids.toSorted()).toEqual(['i-1', 'i-2']);
    expect(await store.changed(changed.cursor)).toMatchObject({ ids: [], cursor: changed.cursor });
  }, 200_000);
});

describe('Sentinel', () => {
  it('names another master when the first is gone: the store goes on there', async () => {
    const master = await serve({ durable: false });
    const replica = await serve({ durable: false, replicaOf: master.port });
    const sentinel = await serve({ sentinel: { name: 'yard', master: master.port } });
    const store = open({ sentinels: [sentinel.url], sentinel_name: 'yard' });
    await applied(store, incident(1));
    await until('the Sentinel to know the replica', async () =>
      (await sentinel.command('INFO', 'sentinel')).includes('slaves=1'),
    );
    await until(
      'the replica to have it',
      async () => (await replica.command('EXISTS', '{banksman:yard:i}:incident:i-1')) === '1',
    );
    await master.kill();
    await applied(store, incident(2));
    expect((await replica.command('INFO', 'replication')).includes('role:master')).toBe(true);
    expect((await answer(() => store.counts({}))).total).toBe(2);
  }, 180_000);

  it('that is not there, or does not know the name', async () => {
    const sentinel = await serve({ sentinel: { name: 'yard', master: await freePort() } });
    const unknown = open({ sentinels: [sentinel.url], sentinel_name: 'other' });
    await expect(unknown.mutes()).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' });
    const nobody = open({ sentinels: [`redis://127.0.0.1:${await freePort()}`], sentinel_name: 'yard' });
    await expect(nobody.mutes()).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' });
  }, 200_000);
});

describe('a cluster', () => {
  it('of which a node is gone for a while: the others serve, and all is taken when it is back', async () => {
    const cluster = new RedisCluster();
    ends.push(() => cluster.stop());
    await cluster.start();
    const store = open({ cluster_nodes: cluster.urls });
    const changes = Array.from({ length: 30 }, (_, n): StateChange => {
      const coverage = sampleCoverage(0, 1, { camera: `c-${n}` });
      return { kind: 'coverage', coverage };
    });
    await applied(store, ...changes, incident(1));
    await cluster.nodes[0]?.kill();
    await expect(store.apply(changes)).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' });
    expect(await store.health()).toMatchObject({ state: 'away' });
    await cluster.nodes[0]?.start();
    await applied(store, ...changes, incident(2));
    expect(await answer(() => store.cameras('yard'))).toHaveLength(30);
    expect((await answer(() => store.counts({}))).total).toBe(2);
  }, 180_000);
});
