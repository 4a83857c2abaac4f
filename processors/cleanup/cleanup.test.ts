import { afterEach, describe, expect, test, vi } from 'vitest';
import { openMemoryBus } from '../../runtime/bus/local/memory.ts';
import type { Bus, Message, Producer } from '../../runtime/bus/types.ts';
import { type Clock, FakeClock, systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { type JsonTopic, parseMessage, type ValueOf } from '../../runtime/messages/schemas.ts';
import type { Detection, Detections, Observation, Tracks } from '../../runtime/messages/types.ts';
import { type Labels, type MetricName, type Metrics, noMetrics } from '../../runtime/metrics.ts';
import { type CleanupOptions, CleanupProcessor } from './cleanup.ts';
import { cameraRecord, found, observed, person } from './scenes.ts';

const KEY = 'yard/gate';
const WAIT = { timeout: 60_000, interval: 10 };
const opened: { bus: Bus; processors: CleanupProcessor[] }[] = [];

afterEach(async () => {
  for (const { bus, processors } of opened.splice(0)) {
    await Promise.all(processors.map((processor) => processor.stop().catch(() => undefined)));
    await bus.close();
  }
});

interface Site {
  bus: Bus;
  producer: Producer;
  processors: CleanupProcessor[];
}

async function site(config: Parameters<typeof cameraRecord>[0] = {}): Promise<Site> {
  const bus = openMemoryBus();
  const producer = bus.producer();
  await producer.send('cameras.v1', { key: KEY, value: encodeJson(cameraRecord(config)) });
  const made = { bus, producer, processors: [] };
  opened.push(made);
  return made;
}

/** @param through the bus as this processor sees it. */
async function cleanup(
  { bus, processors }: Site,
  {
    metrics = noMetrics,
    through = bus,
    clock = systemClock,
    ...options
  }: CleanupOptions & { metrics?: Metrics; through?: Bus; clock?: Clock } = {},
): Promise<CleanupProcessor> {
  const deps = { bus: through, site: 'yard', log: silentLogger, metrics, clock };
  const processor = new CleanupProcessor(deps, { snapshotMs: 20, silentMs: 60_000, ...options });
  processors.push(processor);
  await processor.start();
  return processor;
}

async function send({ producer }: Site, records: (Detections | Observation)[]): Promise<void> {
  const topicOf = (record: object) => ('boxes' in record ? 'detections.v1' : 'observations.v1');
  await Promise.all(records.map((record) => producer.send(topicOf(record), { key: KEY, value: encodeJson(record) })));
}

async function all<T extends JsonTopic>({ bus }: Site, topic: T): Promise<ValueOf<T>[]> {
  const messages: Message[] = [];
  for await (const message of bus.tail(topic, 'earliest', { stopAtEnd: true })) messages.push(message);
  return messages.filter(({ value }) => value !== null).map((message) => parseMessage(topic, message));
}

/** Resolves when the group has acknowledged all that is there. */
async function consumed({ bus }: Site): Promise<void> {
  await vi.waitFor(async () => {
    const lags = (await bus.lag()).filter(({ group }) => group === 'cleanup');
    expect(lags.length).toBeGreaterThan(0);
    expect(lags.filter(({ lag }) => lag > 0)).toEqual([]);
  }, WAIT);
}

class Counts implements Metrics {
  readonly counts = new Map<string, number>();
  inc(name: MetricName, labels: Labels = {}, by = 1): void {
    const key = [name, ...Object.values(labels)].join(' ');
    this.counts.set(key, (this.counts.get(key) ?? 0) + by);
  }
  set(): void {}
  observe(): void {}
  remove(): void {}
}

const walk = (count: number, from = 0): Detections[] =>
  Array.from({ length: count }, (_, index) => found(from + index, [person(0.1 + (from + index) * 0.01, 0.7)]));
const source = (record: Tracks) => `${record.source?.topic}@${record.source?.offset}`;

describe('CleanupProcessor', () => {
  test('gives one tracks record for each record, in the order of the camera', async () => {
    const yard = await site();
    await cleanup(yard);
    const [a, b, c] = walk(3);
    if (!a || !b || !c) throw new Error('no frames');
    await send(yard, [observed(1)]);
    // It is taken though its frame is not there yet.
    await consumed(yard);
    await send(yard, [a, b, { ...c, boxes: [], shed: 'superseded' }]);
    await consumed(yard);
    const tracks = await all(yard, 'tracks.v1');
    expect(tracks.map(({ kind, seq, reason }) => [kind, seq, reason])).toEqual([
      ['looked', 0, null],
      ['looked', 1, null],
      ['quiet', 1, null],
      ['starved', 2, 'superseded'],
    ]);
    expect(tracks[1]?.frame).toEqual(b.frame);
    expect(tracks[1]?.tracks.map(({ tentative, coasting }) => [tentative, coasting])).toEqual([[false, false]]);
    expect(tracks[3]?.tracks.map(({ coasting }) => coasting)).toEqual([true]);
    expect(tracks[3]?.from).toBe(tracks[2]?.to);
  });

  test('filters as the camera is configured, from the first sample after a change', async () => {
    const metrics = new Counts();
    const yard = await site();
    await cleanup(yard, { metrics });
    await send(yard, walk(2));
    await consumed(yard);
    const masked = cameraRecord({
      ignore_masks: [
        [
          [0, 0],
          [1, 0],
          [1, 1],
          [0, 1],
        ],
      ],
    });
    await yard.producer.send('cameras.v1', { key: KEY, value: encodeJson(masked) });
    let next = 2;
    await vi.waitFor(async () => {
      await send(yard, walk(1, next++));
      await consumed(yard);
      expect((await all(yard, 'tracks.v1')).at(-1)?.rejected).toEqual({ ignore_mask: 1 });
    }, WAIT);
    expect(metrics.counts.get('detections_rejected_total ignore_mask')).toBeGreaterThanOrEqual(1);
  });

  test('sets aside what does not parse, and goes on', async () => {
    const yard = await site();
    await cleanup(yard);
    await yard.producer.send('detections.v1', { key: KEY, value: Buffer.from('<html>') });
    await yard.producer.send('observations.v1', { key: KEY, value: encodeJson({ camera: 'gate' }) });
    await send(yard, walk(1));
    await consumed(yard);
    expect((await all(yard, 'dead-letters.v1')).map(({ reason }) => reason)).toEqual([
      'MESSAGE_INVALID',
      'MESSAGE_INVALID',
    ]);
    expect(await all(yard, 'tracks.v1')).toHaveLength(1);
  });

  test('drops an old owner and repeated frames, and counts them', async () => {
    const metrics = new Counts();
    const yard = await site();
    await cleanup(yard, { metrics });
    const [first] = walk(1);
    if (!first) throw new Error('no frame');
    await send(yard, [
      { ...first, epoch: 2 },
      { ...first, epoch: 1, seq: 1 },
      { ...first, epoch: 2 },
    ]);
    await consumed(yard);
    expect(await all(yard, 'tracks.v1')).toHaveLength(1);
    expect(metrics.counts.get('records_stale_total epoch')).toBe(1);
    expect(metrics.counts.get('records_stale_total seq')).toBe(1);
  });

  test('asks for attention while somebody is there', async () => {
    const yard = await site();
    await cleanup(yard);
    await send(yard, [found(0, [])]);
    await consumed(yard);
    expect(await all(yard, 'camera.attention.v1')).toEqual([]);
    await send(yard, walk(2, 1));
    await consumed(yard);
    const [attention] = await all(yard, 'camera.attention.v1');
    expect(attention).toMatchObject({ site: 'yard', camera: 'gate', maxFps: null });
    expect(Date.parse(attention?.keepUntil ?? '')).toBeGreaterThan(Date.parse(found(1, []).captureTime) + 1000);
  });

  test('says by itself that nobody looked where nothing came, until something comes', async () => {
    const yard = await site();
    const clock = new FakeClock();
    await cleanup(yard, { silentMs: 300, repeatMs: 100, inFlightMs: 0, clock });
    await send(yard, walk(2));
    await vi.waitFor(async () => {
      expect((await all(yard, 'tracks.v1')).map(({ kind, seq }) => [kind, seq])).toEqual([
        ['looked', 0],
        ['looked', 1],
      ]);
    }, WAIT);
    const starved = await vi.waitFor(async () => {
      await clock.advance(50);
      const records = (await all(yard, 'tracks.v1')).filter(({ reason }) => reason === 'no_input');
      expect(records.length).toBeGreaterThanOrEqual(2);
      return records;
    }, WAIT);
    expect(starved[0]).toMatchObject({ kind: 'starved', source: null, from: found(1, []).captureTime, seq: 1 });
    expect(starved[1]?.from).toBe(starved[0]?.to);
    expect(Date.parse(starved[0]?.to ?? '') - Date.parse(starved[0]?.from ?? '')).toBeGreaterThanOrEqual(300);
    expect(starved[0]?.tracks.map(({ coasting }) => coasting)).toEqual([true]);
  });

  test('says so of a camera of which nothing ever came, whose clock is taken to be right', async () => {
    const yard = await site();
    const before = Date.now();
    await cleanup(yard, { silentMs: 100, repeatMs: 50, inFlightMs: 0 });
    const starved = await vi.waitFor(async () => {
      const records = await all(yard, 'tracks.v1');
      expect(records.length).toBeGreaterThanOrEqual(3);
      return records;
    }, WAIT);
    for (const record of starved) {
      expect(record).toMatchObject({ camera: 'gate', kind: 'starved', reason: 'no_input', source: null });
    }
    expect(Date.parse(starved[0]?.from ?? '')).toBeGreaterThanOrEqual(before);
    expect(Date.parse(starved.at(-1)?.to ?? '')).toBeLessThanOrEqual(Date.now());
    await yard.producer.send('cameras.v1', {
      key: 'yard/dock',
      value: encodeJson({ ...cameraRecord(), camera: 'dock' }),
    });
    await vi.waitFor(async () => {
      expect((await all(yard, 'tracks.v1')).map(({ camera }) => camera)).toContain('dock');
    }, WAIT);
  });

  test('a frame that is detected twice is applied once, be it after later ones or after a restart', async () => {
    const metrics = new Counts();
    const yard = await site();
    const frames = walk(6);
    const first = await cleanup(yard, { metrics });
    // As a detector does that was killed before it could acknowledge.
    await send(yard, [...frames.slice(0, 4), ...frames.slice(1, 3)]);
    await consumed(yard);
    await first.stop();
    await cleanup(yard, { metrics });
    await send(yard, [...frames.slice(2, 5), ...frames.slice(3)]);
    await consumed(yard);
    const tracks = await all(yard, 'tracks.v1');
    expect(tracks.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(new Set(tracks.flatMap((record) => record.tracks.map(({ id }) => id))).size).toBe(1);
    expect(metrics.counts.get('records_stale_total seq')).toBe(2 + 2 + 2);
  });

  test('a camera that was removed leaves no state behind', async () => {
    const yard = await site();
    await cleanup(yard);
    await send(yard, walk(2));
    await vi.waitFor(async () => expect(await all(yard, 'processor-state.v1')).toHaveLength(1), WAIT);
    await yard.producer.send('cameras.v1', { key: KEY, value: null });
    await vi.waitFor(async () => expect(await all(yard, 'processor-state.v1')).toEqual([]), WAIT);
  });
});

/** The bus as a process sees it that is killed when it sends its nth record: nothing it does afterwards counts. */
function mortal(bus: Bus, sends: number): { bus: Bus; dead: () => boolean } {
  let left = sends;
  const dead = () => left <= 0;
  return {
    dead,
    bus: {
      ...bus,
      producer: () => {
        const inner = bus.producer();
        return {
          send: (topic, message) => {
            if (dead()) return Promise.reject(new Error('killed'));
            left -= 1;
            return inner.send(topic, message);
          },
          close: () => inner.close(),
        };
      },
      consumer: (group, topics, handler, options) =>
        bus.consumer(group, topics, (it) => handler({ ...it, ack: () => (dead() ? undefined : it.ack()) }), options),
      table: (...args) => bus.table(...args),
      tail: (topic, from, options) => bus.tail(topic, from, options),
      read: (topic, partition, offset) => bus.read(topic, partition, offset),
      partitions: (topic) => bus.partitions(topic),
      lag: () => bus.lag(),
      close: () => bus.close(),
    },
  };
}

describe('after a crash', () => {
  /** Two who walk, one of them unseen for a while, with a quiet time and a shed frame. */
  const story = Array.from({ length: 60 }, (_, seq): Detections => {
    const boxes: Detection[] = [person(0.1 + seq * 0.01, 0.7, 0.5)];
    if (seq < 20 || seq > 24) boxes.push(person(0.9 - seq * 0.01, 0.95, 0.9));
    return seq === 30 ? found(seq, [], { shed: 'stale' }) : found(seq, boxes);
  });
  const told = (yard: Site) => send(yard, [observed(40), ...story]);
  /** What the consumer of tracks makes of it: the first record of each source. */
  const distinct = (tracks: Tracks[]): Tracks[] => [
    ...new Map(tracks.reverse().map((it) => [source(it), it])).values(),
  ];

  test.each([1, 7, 23, 62])('killed at send %d, the next one goes on with the same ids', async (sends) => {
    const whole = await site();
    await cleanup(whole);
    await told(whole);
    await consumed(whole);
    const expected = distinct(await all(whole, 'tracks.v1'));
    expect(expected).toHaveLength(61);

    const yard = await site();
    const { bus, dead } = mortal(yard.bus, sends);
    const first = await cleanup(yard, { through: bus, snapshotMs: 1, silentMs: 60_000 });
    // The observation is there before its frame is, in both: so both see one order.
    await told(yard);
    await vi.waitFor(() => expect(dead()).toBe(true), WAIT);
    await first.stop().catch(() => undefined);
    const second = await cleanup(yard);
    await consumed(yard);
    await second.stop();
    const tracks = await all(yard, 'tracks.v1');
    for (const record of tracks) expect(expected).toContainEqual(record);
    expect(distinct(tracks).map(source).sort()).toEqual(expected.map(source).sort());
  });

  test('stopped in good order, nothing is published twice', async () => {
    const yard = await site();
    for (let part = 0; part < 4; part++) {
      const processor = await cleanup(yard);
      await send(yard, story.slice(part * 15, part * 15 + 15));
      await consumed(yard);
      await processor.stop();
    }
    const tracks = await all(yard, 'tracks.v1');
    expect(tracks.map(({ seq }) => seq)).toEqual(story.map(({ seq }) => seq));
    const ids = new Set(tracks.flatMap((record) => record.tracks.map(({ id }) => id)));
    expect(ids.size).toBe(2);
  });

  test('started with a camera record that nobody can read, it keeps what it knew until there is one again', async () => {
    const yard = await site();
    const first = await cleanup(yard);
    await send(yard, story.slice(0, 30));
    await consumed(yard);
    await first.stop();
    await yard.producer.send('cameras.v1', { key: KEY, value: Buffer.from('{"site":') });
    const second = await cleanup(yard);
    await second.stop();
    await yard.producer.send('cameras.v1', { key: KEY, value: encodeJson(cameraRecord()) });
    await cleanup(yard);
    await send(yard, story.slice(30));
    await consumed(yard);
    const ids = (await all(yard, 'tracks.v1')).flatMap((record) => record.tracks.map(({ id }) => id));
    expect(new Set(ids).size).toBe(2);
  });

  test('a backlog over several runs of a camera is applied run by run, though observations are read first', async () => {
    const yard = await site();
    const first = await cleanup(yard);
    await send(yard, [...walk(2), observed(1)]);
    await consumed(yard);
    await first.stop();
    const next = { runId: '20261121T210000000Z-bb' };
    const frames = walk(40, 2);
    const later = walk(10).map((record) => ({ ...record, ...next }));
    // Every observation is there before any frame, as when frames are slow to be read.
    await send(yard, [observed(20), observed(41), observed(-1, next), observed(9, next), ...frames, ...later]);
    const metrics = new Counts();
    await cleanup(yard, { metrics });
    await consumed(yard);
    const tracks = await all(yard, 'tracks.v1');
    expect(tracks.filter(({ kind }) => kind === 'looked')).toHaveLength(2 + 40 + 10);
    expect(tracks.filter(({ kind }) => kind === 'quiet')).toHaveLength(1 + 4);
    expect([...metrics.counts.keys()].filter((key) => key.startsWith('records_stale'))).toEqual([]);
  });

  test('the state of a camera that was removed meanwhile is removed as well', async () => {
    const yard = await site();
    const first = await cleanup(yard);
    await send(yard, walk(2));
    await consumed(yard);
    await first.stop();
    expect(await all(yard, 'processor-state.v1')).toHaveLength(1);
    await yard.producer.send('cameras.v1', { key: KEY, value: null });
    await cleanup(yard);
    await vi.waitFor(async () => expect(await all(yard, 'processor-state.v1')).toEqual([]), WAIT);
  });

  test('state that this version cannot read starts the camera afresh', async () => {
    const yard = await site();
    const value = {
      ...{ processor: 'cleanup', site: 'yard', camera: 'gate', configHash: '' },
      covered: {},
      state: { v: 99 },
    };
    await yard.producer.send('processor-state.v1', { key: 'cleanup/yard/gate', value: encodeJson(value) });
    await cleanup(yard);
    await send(yard, walk(1));
    await consumed(yard);
    expect(await all(yard, 'tracks.v1')).toHaveLength(1);
  });
});
