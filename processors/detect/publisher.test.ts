import { describe, expect, test } from 'vitest';
import type { OutgoingMessage, Position, Producer } from '../../runtime/bus/types.ts';
import { FakeClock } from '../../runtime/clock.ts';
import { BanksmanError, type ErrorCode } from '../../runtime/errors.ts';
import { silentLogger } from '../../runtime/log.ts';
import { OrderedPublisher } from './publisher.ts';

/** A bus that refuses, which the real one does only with a full disk. */
class Refusing implements Producer {
  refuse: ErrorCode | null = null;
  readonly sent: string[] = [];
  async send(_topic: string, { value }: OutgoingMessage): Promise<Position> {
    await Promise.resolve();
    if (this.refuse) throw new BanksmanError(this.refuse);
    this.sent.push(String(value));
    return { partition: 0, offset: this.sent.length };
  }
  async close(): Promise<void> {}
}

const make = () => {
  const producer = new Refusing();
  const clock = new FakeClock();
  const durable: string[] = [];
  const publisher = new OrderedPublisher(producer, 'detections.v1', { clock, log: silentLogger });
  const publish = (key: string, text: string): void =>
    publisher.publish({ key, value: Buffer.from(text), onDurable: () => durable.push(text) });
  return { producer, clock, durable, publisher, publish };
};

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('ordered publisher', () => {
  test('keeps the order of a key through refusals, and says durable only then', async () => {
    const { producer, clock, durable, publisher, publish } = make();
    producer.refuse = 'BUS_STORE_FULL';
    publish('a', 'a0');
    publish('a', 'a1');
    await settle();
    publish('a', 'a2');
    publish('b', 'b0');
    await settle();
    expect(durable).toEqual([]);
    producer.refuse = null;
    await clock.advance(5_000);
    await publisher.flushed();
    expect(producer.sent.filter((text) => text.startsWith('a'))).toEqual(['a0', 'a1', 'a2']);
    expect([...durable].sort()).toEqual(['a0', 'a1', 'a2', 'b0']);
  });

  test('gives up when the bus is gone, and when told to', async () => {
    const lost = make();
    lost.producer.refuse = 'BUS_LOST';
    lost.publish('a', 'a0');
    await lost.publisher.flushed();
    expect(lost.durable).toEqual([]);

    const told = make();
    told.producer.refuse = 'BUS_STORE_FULL';
    told.publish('a', 'a0');
    await settle();
    told.publisher.abort();
    await told.publisher.flushed();
    expect(told.durable).toEqual([]);
  });
});
