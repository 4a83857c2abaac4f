import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../clock.ts';
import type { MetricName, Metrics } from '../../metrics.ts';
import { collect, eventually, text } from '../compliance_support.ts';
import { SessionBus } from '../session/bus.ts';
import { Engine, type EngineOptions } from './engine.ts';

const HOUR = 3_600_000;

describe('Engine', () => {
  let folder: string;
  let clock: FakeClock;
  const engines: Engine[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bus-'));
    clock = new FakeClock();
  });
  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine.close();
    rmSync(folder, { recursive: true });
  });

  function open(options: Partial<EngineOptions> = {}): { engine: Engine; bus: SessionBus } {
    const engine = new Engine({ path: join(folder, 'bus.db'), clock, ...options });
    engines.push(engine);
    return { engine, bus: new SessionBus(engine.session({ copy: true })) };
  }

  const kept = async (bus: SessionBus, topic: string): Promise<string[]> =>
    (await collect(bus.tail(topic, 'earliest', { stopAtEnd: true }))).map(text);

  it('has everything again after it was opened again: records, offsets, groups', async () => {
    const first = open();
    const producer = first.bus.producer();
    await producer.send('incidents.v1', { key: 'a', headers: { h: '1' }, value: Buffer.from('1') });
    const last = await producer.send('incidents.v1', { key: 'a', value: Buffer.from('2') });
    await producer.send('cameras.v1', { key: 'a', value: Buffer.from('c') });
    const consumer = first.bus.consumer('g', ['incidents.v1'], (delivery) => {
      if (text(delivery) === '1') delivery.ack();
    });
    await consumer.start();
    await eventually(async () => expect((await consumer.lag()).some(({ lag }) => lag === 1)).toBe(true));
    await first.engine.close();

    const { bus } = open();
    expect(await kept(bus, 'incidents.v1')).toEqual(['1', '2']);
    const next = await bus.producer().send('incidents.v1', { key: 'a', value: Buffer.from('3') });
    expect(next).toEqual({ ...last, offset: last.offset + 1 });
    const seen: string[] = [];
    await bus.consumer('g', ['incidents.v1'], (delivery) => void seen.push(text(delivery))).start();
    await eventually(() => expect(seen).toEqual(['2', '3']));
  });

  it('never gives the offset of a frame again, whatever it has forgotten', async () => {
    const first = open();
    const before = await first.bus.producer().send('frames.v1', { key: 'a', value: Buffer.from('old') });
    await first.engine.close();
    const { bus } = open();
    const after = await bus.producer().send('frames.v1', { key: 'a', value: Buffer.from('new') });
    expect(after.offset).toBeGreaterThan(before.offset);
    expect(await bus.read('frames.v1', before.partition, before.offset)).toBeUndefined();
    const seen: string[] = [];
    await bus.consumer('g', ['frames.v1'], (delivery) => void seen.push(text(delivery))).start();
    await eventually(() => expect(seen).toEqual(['new']));
  });

  it('keeps records for as long as their topic says, and offsets for ever', async () => {
    const { engine, bus } = open();
    const producer = bus.producer();
    for (let i = 0; i < 1000; i++) void producer.send('tracks.v1', { key: 'a', value: Buffer.from('old') });
    await producer.send('incidents.v1', { key: 'a', value: Buffer.from('old') });
    await producer.close();
    await clock.advance(47 * HOUR);
    const last = await producer.send('tracks.v1', { key: 'a', value: Buffer.from('new') });
    await clock.advance(2 * HOUR);
    await engine.enforceRetention();
    expect(await kept(bus, 'tracks.v1')).toEqual(['new']);
    expect(await kept(bus, 'incidents.v1')).toEqual(['old']);
    await clock.advance(48 * HOUR);
    await engine.enforceRetention();
    expect(await kept(bus, 'tracks.v1')).toEqual([]);
    await engine.close();
    const again = await open().bus.producer().send('tracks.v1', { key: 'a', value: null });
    expect(again.offset).toBe(last.offset + 1);
  });

  it('goes on with what is left for a group that lags behind retention, and counts what it missed', async () => {
    const missed = new Map<string, number>();
    const metrics: Metrics = {
      set() {},
      observe() {},
      remove() {},
      inc: (name, labels, value = 1) => {
        if (name !== 'bus_records_expired_unread_total') return;
        missed.set(
          `${labels?.['group']} ${labels?.['topic']}`,
          value + (missed.get(`${labels?.['group']} ${labels?.['topic']}`) ?? 0),
        );
      },
    };
    const { engine, bus } = open({ metrics });
    const producer = bus.producer();
    const send = async (values: string[]): Promise<void> => {
      for (const value of values) await producer.send('tracks.v1', { key: 'a', value: Buffer.from(value) });
    };
    await send(['0', '1', '2', '3']);
    const held: string[] = [];
    const slow = bus.consumer(
      'slow',
      ['tracks.v1'],
      (delivery) => {
        held.push(text(delivery));
        if (text(delivery) === '0') delivery.ack();
      },
      { maxInFlight: 2 },
    );
    const quick = bus.consumer('quick', ['tracks.v1'], (delivery) => delivery.ack());
    await slow.start();
    await quick.start();
    await eventually(async () => {
      expect(held).toEqual(['0', '1', '2']);
      expect((await quick.lag()).every(({ lag }) => lag === 0)).toBe(true);
      expect((await slow.lag()).reduce((sum, { lag }) => sum + lag, 0)).toBe(3);
    });
    await slow.stop();
    await clock.advance(49 * HOUR);
    await send(['4', '5']);
    await engine.enforceRetention();
    expect([...missed]).toEqual([['slow tracks.v1', 3]]);

    const again: string[] = [];
    const back = bus.consumer('slow', ['tracks.v1'], (delivery) => {
      again.push(text(delivery));
      delivery.ack();
    });
    await back.start();
    await eventually(async () => {
      expect(again).toEqual(['4', '5']);
      expect((await back.lag()).every(({ lag }) => lag === 0)).toBe(true);
    });
    await engine.enforceRetention();
    expect([...missed]).toEqual([['slow tracks.v1', 3]]);
  });

  it('keeps delivering and committing to a member that lost its partitions and got them back', async () => {
    const { engine, bus } = open({ rebalanceLimitMs: 50 });
    const producer = bus.producer();
    const send = async (value: string): Promise<void> => {
      for (let i = 0; i < 20; i++) await producer.send('tracks.v1', { key: `yard/${i}`, value: Buffer.from(value) });
    };
    const letGo = Promise.withResolvers<void>();
    let revoked = 0;
    const seen: string[] = [];
    const first = bus.consumer(
      'g',
      ['tracks.v1'],
      (delivery) => {
        seen.push(text(delivery));
        delivery.ack();
      },
      { onRevoked: () => (revoked++ === 0 ? letGo.promise : undefined) },
    );
    await first.start();
    const other = new SessionBus(engine.session({ copy: true }));
    await other.consumer('g', ['tracks.v1'], () => {}, { onError: () => {} }).start();
    // Back to the first, which has not yet let them go.
    other.abort();
    letGo.resolve();
    await send('new');
    await eventually(async () => {
      expect(seen.filter((each) => each === 'new')).toHaveLength(20);
      expect((await bus.lag()).every(({ lag }) => lag === 0)).toBe(true);
    });
    await first.stop();
  });

  it('forgets a removed key of a compacted topic after a day, and no other', async () => {
    const { engine, bus } = open();
    const producer = bus.producer();
    await producer.send('cameras.v1', { key: 'a', value: Buffer.from('a') });
    await producer.send('cameras.v1', { key: 'b', value: Buffer.from('b') });
    const gone = await producer.send('cameras.v1', { key: 'b', value: null });
    await clock.advance(23 * HOUR);
    await engine.enforceRetention();
    expect(await bus.read('cameras.v1', gone.partition, gone.offset)).toBeDefined();
    await clock.advance(2 * HOUR);
    await engine.enforceRetention();
    expect(await bus.read('cameras.v1', gone.partition, gone.offset)).toBeUndefined();
    await engine.close();
    const reopened = open();
    expect(await kept(reopened.bus, 'cameras.v1')).toEqual(['a']);
    const next = await reopened.bus.producer().send('cameras.v1', { key: 'b', value: null });
    expect(next.offset).toBeGreaterThan(gone.offset);
  });

  it('stays within its bytes on disk: the oldest of the shortest-kept topics goes first', async () => {
    const { engine, bus } = open({ maxBytes: 3_000_000 });
    const producer = bus.producer();
    await producer.send('incidents.v1', { key: 'a', value: Buffer.alloc(500_000) });
    for (let i = 0; i < 500; i++) void producer.send('tracks.v1', { key: 'a', value: Buffer.alloc(10_000, i) });
    await producer.close();
    expect(engine.store.usedBytes).toBeGreaterThan(3_000_000);
    await engine.enforceRetention();
    expect(engine.store.usedBytes).toBeLessThanOrEqual(3_000_000);
    expect(await kept(bus, 'incidents.v1')).toHaveLength(1);
    const tracks = await collect(bus.tail('tracks.v1', 'earliest', { stopAtEnd: true }));
    expect(tracks.length).toBeGreaterThan(0);
    expect(tracks.at(-1)?.value?.[0]).toBe(499 % 256);
  });

  it('lets frames go by age, also while none come', async () => {
    const gauges = new Map<MetricName, number>();
    const metrics: Metrics = {
      inc() {},
      observe() {},
      remove() {},
      set: (name, value) => void gauges.set(name, value),
    };
    const { bus } = open({ frames: { maxAgeMs: 60_000 }, metrics });
    const at = await bus.producer().send('frames.v1', { key: 'a', value: Buffer.alloc(50_000) });
    await clock.advance(59_000);
    clock.step(-HOUR);
    await eventually(() => expect(gauges.get('bus_frames_bytes')).toBeGreaterThan(50_000));
    expect(await bus.read('frames.v1', at.partition, at.offset)).toBeDefined();
    await clock.advance(2_000);
    await eventually(() => expect(gauges.get('bus_frames_bytes')).toBe(0));
    expect(await bus.read('frames.v1', at.partition, at.offset)).toBeUndefined();
  });

  it('refuses what a full disk cannot hold, keeps what it took, and goes on when there is room', async () => {
    const { engine, bus } = open();
    const producer = bus.producer();
    const send = (): Promise<unknown> => producer.send('incidents.v1', { key: 'a', value: Buffer.alloc(20_000) });
    await send();
    const pages = Math.ceil(engine.store.usedBytes / 4096) + 12;
    engine.store.database.exec(`PRAGMA max_page_count = ${pages}`);
    let taken = 1;
    const full = expect.objectContaining({ code: 'BUS_STORE_FULL' });
    await expect(
      (async () => {
        for (;;) {
          await send();
          taken += 1;
        }
      })(),
    ).rejects.toEqual(full);
    expect(await Promise.allSettled([send(), send()])).toEqual(Array(2).fill({ status: 'rejected', reason: full }));
    expect(await kept(bus, 'incidents.v1')).toHaveLength(taken);
    engine.store.database.exec('PRAGMA max_page_count = 1073741823');
    await send();
    const offsets = (await collect(bus.tail('incidents.v1', 'earliest', { stopAtEnd: true }))).map((m) => m.offset);
    expect(offsets).toEqual(Array.from({ length: taken + 1 }, (_, i) => i));
  });

  it('takes partitions from a member that does not let go, and its commits no more', async () => {
    const { engine, bus } = open({ rebalanceLimitMs: 100 });
    const producer = bus.producer();
    const keys = Array.from({ length: 20 }, (_, i) => `yard/${i}`);
    for (const key of keys) await producer.send('tracks.v1', { key, value: Buffer.from(key) });
    const held: (() => void)[] = [];
    const stuck = bus.consumer('g', ['tracks.v1'], (delivery) => void held.push(delivery.ack), {
      onRevoked: () => new Promise(() => {}),
    });
    await stuck.start();
    await eventually(() => expect(held).toHaveLength(20));
    const other = new SessionBus(engine.session({ copy: true }));
    const got: string[] = [];
    const second = other.consumer('g', ['tracks.v1'], (delivery) => void got.push(delivery.key));
    await second.start();
    await eventually(() => expect(got.length).toBeGreaterThan(0));
    for (const ack of held) ack();
    await eventually(async () => {
      const lag = (await other.lag()).reduce((sum, each) => sum + each.lag, 0);
      expect(lag).toBe(got.length);
    });
  });

  it('starts a table of a topic with many writes as fast as it has keys', async () => {
    const { engine, bus } = open();
    const producer = bus.producer();
    for (let i = 0; i < 5_000; i++)
      void producer.send('processor-state.v1', { key: `k${i % 5}`, value: Buffer.alloc(9) });
    await producer.close();
    const rows = [0, 1, 2, 3].flatMap((p) => engine.store.table('processor-state.v1', p)?.read(0, 10_000, 1e9) ?? []);
    expect(rows).toHaveLength(5);
    const table = bus.table('processor-state.v1');
    await table.start();
    expect(table.size).toBe(5);
  });

  it('rejects a start whose partitions could not be prepared', async () => {
    const { bus } = open();
    const consumer = bus.consumer('g', ['tracks.v1'], () => {}, {
      onAssigned: () => Promise.reject(new Error('no state')),
    });
    await expect(consumer.start()).rejects.toThrow('no state');
  });
});
