import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { groupCompliance } from './compliance_groups.ts';
import { COMPLIANCE_TIMEOUT_MS, collect, eventually, keysOf, sendAll, text } from './compliance_support.ts';
import { partitionOf } from './murmur2.ts';
import type { Bus, Message, Producer } from './types.ts';

export interface BusFixture {
  /**
   * One more connection, as another process would have. Only of one that `dies` in its test need the death be noticed
   * soon: one that lives must not be taken for dead when the machine stalls.
   */
  connect(fate?: 'lives' | 'dies'): Promise<Bus>;
  /** Ends a connection as the death of its process does: nothing is said, nothing committed. */
  crash(bus: Bus): Promise<void>;
  stop(): Promise<void>;
  /** Bound of `frames.v1` in bytes, for a bus that bounds it at once (2 MB or less in the fixture). */
  framesMaxBytes?: number;
  /** Until a dead or slow member's partitions are another's, on a machine that stalls. */
  failoverMs: number;
}

/** What every kind of bus does. `makeBus` gives an empty bus with the product's topics. */
export function busCompliance(name: string, makeBus: () => Promise<BusFixture>): void {
  describe(`bus: ${name}`, { timeout: COMPLIANCE_TIMEOUT_MS }, () => {
    let fixture: BusFixture;
    let bus: Bus;
    let producer: Producer;

    beforeEach(async () => {
      fixture = await makeBus();
      bus = await fixture.connect();
      producer = bus.producer();
    });
    afterEach(async () => {
      await producer.close();
      await bus.close();
      await fixture.stop();
    });

    describe('messages', () => {
      it('puts a key into the partition of its murmur2 and keeps its order', async () => {
        const keys = Array.from({ length: 8 }, (_, i) => `yard/cam-${i}`);
        const sent = await Promise.all(
          Array.from({ length: 200 }, (_, i) => {
            const key = keys[i % 8] ?? '';
            return producer.send('observations.v1', { key, value: Buffer.from(String(i)) });
          }),
        );
        expect(await bus.partitions('observations.v1')).toBe(4);
        for (const [i, { partition }] of sent.entries()) expect(partition).toBe(partitionOf(keys[i % 8] ?? '', 4));
        const messages = await collect(bus.tail('observations.v1', 'earliest', { stopAtEnd: true }));
        expect(messages).toHaveLength(200);
        for (const key of keys) {
          const own = messages.filter((message) => message.key === key);
          expect(own.map((message) => Number(text(message)))).toEqual(
            Array.from({ length: 25 }, (_, i) => i * 8 + keys.indexOf(key)),
          );
          const offsets = own.map((message) => message.offset);
          expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
        }
      });

      it('carries key, headers and value as they were, and the time it took them', async () => {
        const before = Date.now();
        const value = Buffer.from([0, 255, 10, 13, 128]);
        const headers = { site: 'Höf', empty: '', parts: '[1,2]' };
        const at = await producer.send('detections.v1', { key: 'höf/tor ✓', headers, value });
        value.fill(7);
        const message = await bus.read('detections.v1', at.partition, at.offset);
        expect(message).toMatchObject({ topic: 'detections.v1', ...at, key: 'höf/tor ✓', headers });
        expect(message?.value).toEqual(Buffer.from([0, 255, 10, 13, 128]));
        expect(message?.timestamp).toBeGreaterThanOrEqual(before - 1000);
        expect(message?.timestamp).toBeLessThanOrEqual(Date.now() + 1000);
      });

      it.each(['detections.v1', 'frames.v1'])('carries 1 MB, nothing, and null on %s', async (topic) => {
        const big = Buffer.alloc(1024 * 1024, 'banksman');
        const values = [big, Buffer.alloc(0), null];
        for (const value of values) {
          const at = await producer.send(topic, { key: 'a/b', value });
          const message = await bus.read(topic, at.partition, at.offset);
          expect(message?.headers).toEqual({});
          if (value === null) expect(message?.value).toBeNull();
          else expect(message?.value?.equals(value)).toBe(true);
        }
      });

      it('refuses a topic that it does not have', async () => {
        const unknown = expect.objectContaining({ code: 'BUS_UNKNOWN_TOPIC' });
        await expect(producer.send('nothing.v1', { key: 'a', value: null })).rejects.toEqual(unknown);
        await expect(bus.consumer('g', ['nothing.v1'], () => {}).start()).rejects.toEqual(unknown);
        await expect(bus.table('nothing.v1').start()).rejects.toEqual(unknown);
        await expect(collect(bus.tail('nothing.v1', 'earliest', { stopAtEnd: true }))).rejects.toEqual(unknown);
      });

      it('reads one message again, and nothing where nothing is', async () => {
        await sendAll(producer, 'tracks.v1', ['a', 'b', 'c']);
        const at = await producer.send('tracks.v1', { key: 'k', value: Buffer.from('d') });
        expect(text(await bus.read('tracks.v1', at.partition, at.offset))).toBe('d');
        expect(await bus.read('tracks.v1', at.partition, at.offset + 1)).toBeUndefined();
      });

      it('reads messages of several partitions at once', async () => {
        const keys = [0, 1, 2, 3].map((partition) => keysOf('frames.v1', partition, 1)[0] ?? '');
        const value = Buffer.alloc(50_000, 'banksman');
        const sent = await Promise.all(keys.map((key) => producer.send('frames.v1', { key, value })));
        const read = await Promise.all(sent.map(({ partition, offset }) => bus.read('frames.v1', partition, offset)));
        expect(read.map((message) => message?.key)).toEqual(keys);
      });

      it('keeps frames within their bound, oldest first, and goes on counting', async () => {
        const bound = fixture.framesMaxBytes;
        if (bound === undefined) return;
        const size = 50_000;
        const count = Math.ceil((3 * bound) / size);
        const sent = [];
        for (let i = 0; i < count; i++) {
          sent.push(await producer.send('frames.v1', { key: 'a/b', value: Buffer.alloc(size, i) }));
        }
        const [first, last] = [sent[0], sent.at(-1)];
        if (!first || !last) throw new Error('nothing was sent');
        expect(last.offset - first.offset).toBe(count - 1);
        expect(await bus.read('frames.v1', first.partition, first.offset)).toBeUndefined();
        expect((await bus.read('frames.v1', last.partition, last.offset))?.value?.[0]).toBe((count - 1) % 256);
        const kept = await collect(bus.tail('frames.v1', 'earliest', { stopAtEnd: true }));
        expect(kept.length * size).toBeLessThanOrEqual(bound);
        expect(kept.length * size).toBeGreaterThan(bound / 2);
        expect(kept.at(-1)?.offset).toBe(last.offset);
      });
    });

    describe('tail', () => {
      const following = async (messages: AsyncIterable<Message>, into: string[]): Promise<void> => {
        for await (const message of messages) into.push(text(message));
      };

      it('follows from now on, until its signal', async () => {
        await sendAll(producer, 'incidents.v1', ['old']);
        const stop = new AbortController();
        const seen: string[] = [];
        const ended = following(bus.tail('incidents.v1', 'latest', { signal: stop.signal }), seen);
        // From when on is the bus's to say, so it is asked until it has begun.
        let sent = 0;
        await eventually(async () => {
          await sendAll(producer, 'incidents.v1', [`new ${sent++}`]);
          expect(seen.length).toBeGreaterThan(2);
        });
        stop.abort();
        await ended;
        expect(seen).not.toContain('old');
        const numbers = seen.map((each) => Number(each.slice(4)));
        expect(numbers).toEqual(Array.from(numbers, (_, i) => (numbers[0] ?? 0) + i));
      });

      it('reads from the earliest in the order of time over the partitions, then follows', async () => {
        const many = Array.from({ length: 40 }, (_, i) => String(i));
        for (const each of many) {
          await producer.send('incidents.v1', { key: `yard/${each}`, value: Buffer.from(each) });
          // Times have a resolution of a millisecond.
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
        const stop = new AbortController();
        const seen: string[] = [];
        const ended = following(bus.tail('incidents.v1', 'earliest', { signal: stop.signal }), seen);
        await eventually(() => expect(seen).toEqual(many));
        await sendAll(producer, 'incidents.v1', ['more']);
        await eventually(() => expect(seen.at(-1)).toBe('more'));
        stop.abort();
        await ended;
      });

      it('reads from a time', async () => {
        await sendAll(producer, 'incidents.v1', ['a', 'b']);
        await new Promise((resolve) => setTimeout(resolve, 20));
        const at = await producer.send('incidents.v1', { key: 'k', value: Buffer.from('c') });
        const time = (await bus.read('incidents.v1', at.partition, at.offset))?.timestamp ?? 0;
        await sendAll(producer, 'incidents.v1', ['d']);
        const messages = await collect(bus.tail('incidents.v1', { time }, { stopAtEnd: true }));
        expect(messages.map(text)).toEqual(['c', 'd']);
      });

      it('gives only the key asked for', async () => {
        for (let i = 0; i < 50; i++) {
          await producer.send('incidents.v1', { key: `yard/${i % 10}`, value: Buffer.from(String(i)) });
        }
        const messages = await collect(bus.tail('incidents.v1', 'earliest', { key: 'yard/3', stopAtEnd: true }));
        expect(messages.map(text)).toEqual(['3', '13', '23', '33', '43']);
      });

      it('ends at once where nothing is, and lets go when it is left', async () => {
        expect(await collect(bus.tail('feedback.v1', 'earliest', { stopAtEnd: true }))).toEqual([]);
        await sendAll(producer, 'feedback.v1', ['a', 'b']);
        for await (const message of bus.tail('feedback.v1', 'earliest')) {
          expect(text(message)).toBe('a');
          break;
        }
      });
    });

    describe('table', () => {
      it('is the last value of every key, and follows', async () => {
        for (let i = 0; i < 300; i++) {
          await producer.send('cameras.v1', { key: `yard/${i % 3}`, value: Buffer.from(String(i)) });
        }
        await producer.send('cameras.v1', { key: 'yard/gone', value: Buffer.from('x') });
        await producer.send('cameras.v1', { key: 'yard/gone', value: null });
        const table = bus.table('cameras.v1');
        const changes: string[] = [];
        table.onChange((message) => changes.push(`${message.key}=${message.value === null ? 'null' : text(message)}`));
        await table.start();
        expect(table.size).toBe(3);
        expect(['0', '1', '2'].map((camera) => text(table.get(`yard/${camera}`)))).toEqual(['297', '298', '299']);
        expect([...table.entries()].map(([key]) => key).sort()).toEqual(['yard/0', 'yard/1', 'yard/2']);
        expect(changes).toEqual([]);

        await producer.send('cameras.v1', { key: 'yard/1', value: Buffer.from('new') });
        await eventually(() => expect(text(table.get('yard/1'))).toBe('new'));
        await producer.send('cameras.v1', { key: 'yard/1', value: null });
        await eventually(() => expect(table.get('yard/1')).toBeUndefined());
        expect(changes).toEqual(['yard/1=new', 'yard/1=null']);
        await table.stop();
      });

      it('sees at its start everything that was sent before, by whichever connection', async () => {
        const other = await fixture.connect();
        const values = Array.from({ length: 50 }, (_, i) => String(i));
        await sendAll(other.producer(), 'rules.v1', values, 'rule');
        const table = bus.table('rules.v1');
        await table.start();
        expect(text(table.get('rule'))).toBe('49');
        await table.stop();
        await other.close();
      });

      it('says when it has caught up with what was sent, by whichever connection, and when it no longer does', async () => {
        const [other, table] = [await fixture.connect(), bus.table('cameras.v1')];
        await table.start();
        const sender = other.producer();
        for (const value of ['a', 'b', 'c']) {
          await sendAll(sender, 'cameras.v1', [value, value], `yard/${value}`);
          await table.caughtUp();
          expect(text(table.get(`yard/${value}`))).toBe(value);
        }
        await sender.send('cameras.v1', { key: 'yard/a', value: null });
        await Promise.all([table.caughtUp(), table.caughtUp()]);
        expect([...table.entries()].map(([key]) => key).sort()).toEqual(['yard/b', 'yard/c']);
        await other.close();
        await table.stop();
        await expect(table.caughtUp()).rejects.toMatchObject({ code: 'BUS_LOST' });
      });

      it('has offsets that rise for ever, so that they can serve as epochs', async () => {
        let before = -1;
        for (const value of ['a', 'b', null, 'c', null, 'd']) {
          const at = await producer.send('camera.owners.v1', {
            key: 'yard/gate',
            value: value === null ? null : Buffer.from(value),
          });
          expect(at.offset).toBeGreaterThan(before);
          before = at.offset;
        }
      });

      it('keeps what another key wrote into the same partition', async () => {
        const keys = keysOf('cameras.v1', 3, 5);
        for (const key of keys) await producer.send('cameras.v1', { key, value: Buffer.from(key) });
        const last = keys.at(-1) ?? '';
        await producer.send('cameras.v1', { key: last, value: null });
        const table = bus.table('cameras.v1');
        await table.start();
        expect([...table.entries()].map(([key]) => key).sort()).toEqual(keys.slice(0, -1).sort());
        await table.stop();
      });
    });

    groupCompliance(() => ({ fixture, bus, producer }));
  });
}
