/** A cluster that goes away, stands still, refuses: what is said, and that nothing is lost or there twice. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KafkaServer } from '../../../test/services/kafka.ts';
import { until } from '../../../test/wait.ts';
import type { BanksmanError } from '../../errors.ts';
import { smallDisk } from '../../stores/objects/small_disk.ts';
import { collect, text } from '../compliance_support.ts';
import type { Bus } from '../types.ts';
import { connectKafkaBus } from './connect.ts';
import type { KafkaOptions } from './link.ts';
import { TopicAdmin, wantedTopics } from './topics.ts';

const WISHES = { partitions: 2, replication: 1, framesMs: 300_000, framesBytes: 100_000_000 };
const LONG_MS = 120_000;

const disk = await smallDisk('160m');

let server: KafkaServer;
let number = 0;

beforeAll(async () => {
  const properties: Record<string, string> = disk ? { 'log.dirs': join(disk.path, 'log') } : {};
  server = await new KafkaServer({ properties }).start();
}, 180_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await disk?.remove();
});

async function prepare(client: KafkaOptions['client']): Promise<KafkaOptions> {
  const options: KafkaOptions = { brokers: [server.address], client, prefix: `f${number++}.`, clientId: 'test' };
  const admin = new TopicAdmin(options);
  await admin.apply(await admin.plan(wantedTopics(options.prefix, WISHES)));
  await admin.close();
  return options;
}

const code = (expected: string) => expect.objectContaining({ code: expected });

describe.each(['platformatic', 'kafkajs'] as const)('with %s', { timeout: 240_000 }, (client) => {
  /** Sends numbers one after another while something happens; all must be there once, in order. */
  async function sendThrough(bus: Bus, options: KafkaOptions, happen: () => Promise<void>): Promise<void> {
    const seen: number[] = [];
    const consumer = bus.consumer('g', ['tracks.v1'], (delivery) => {
      seen.push(Number(text(delivery)));
      delivery.ack();
    });
    await consumer.start();
    const producer = bus.producer();
    let sending = true;
    let count = 0;
    const sends: Promise<unknown>[] = [];
    const sender = (async () => {
      while (sending) {
        sends.push(producer.send('tracks.v1', { key: 'yard/gate', value: Buffer.from(String(count++)) }));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    await until('records to come', () => seen.length > 20, LONG_MS);
    await happen();
    const before = seen.length;
    await until('records to come again', () => seen.length > before + 20, LONG_MS);
    sending = false;
    await sender;
    await Promise.all(sends);
    const there = await collect(bus.tail('tracks.v1', 'earliest', { stopAtEnd: true }));
    expect(there.map((message) => Number(text(message)))).toEqual(Array.from({ length: count }, (_, i) => i));
    // Delivered at least once each; after a death what was not committed comes again.
    await until('all to be seen', () => new Set(seen).size === count, LONG_MS);
    await until('all to be committed', async () => (await consumer.lag()).every(({ lag }) => lag === 0), LONG_MS);
    await consumer.stop();
    expect(options.prefix).not.toBe('');
  }

  it('a broker that is killed and comes back: every record once, in order; said after a while, and when it is over', async () => {
    const options = await prepare(client);
    const told: string[] = [];
    const bus = await connectKafkaBus(options, {
      onTrouble: (error: BanksmanError) => told.push(error.code),
      onHealed: () => told.push('healed'),
    });
    await sendThrough(bus, options, async () => {
      await server.kill();
      await until('it to be said', () => told.includes('BUS_UNREACHABLE'), LONG_MS);
      await server.start();
      await until('the end of it to be said', () => told.includes('healed'), LONG_MS);
    });
    await bus.close();
  });

  it('a broker that stands still and goes on', async () => {
    const options = await prepare(client);
    const bus = await connectKafkaBus(options);
    await sendThrough(bus, options, async () => {
      server.freeze(true);
      // Longer than a session: members are taken for dead when it goes on.
      await new Promise((resolve) => setTimeout(resolve, 8_000));
      server.freeze(false);
    });
    await bus.close();
  });

  it.skipIf(!disk)('a broker whose disk is full: it ends, and goes on when there is room', async () => {
    const options = await prepare(client);
    const told: string[] = [];
    const bus = await connectKafkaBus(options, {
      onTrouble: (error: BanksmanError) => told.push(error.code),
      onHealed: () => told.push('healed'),
    });
    const ballast = join(disk?.path ?? '', 'ballast');
    await sendThrough(bus, options, async () => {
      // What is there is written until there is no room for more.
      await writeFile(ballast, Buffer.alloc(200 << 20)).catch(() => undefined);
      await until('the broker to end', () => !server.running, LONG_MS);
      await until('it to be said', () => told.includes('BUS_UNREACHABLE'), LONG_MS);
      await rm(ballast);
      await server.start();
      await until('the end of it to be said', () => told.includes('healed'), LONG_MS);
    });
    await bus.close();
  });

  it('topics that are read together and are not alike are refused by name until they are mended', async () => {
    const options = await prepare(client);
    const { prefix } = options;
    const admin = new TopicAdmin(options);
    await admin.remove([`${prefix}observations.v1`]);
    const narrow = wantedTopics(prefix, { ...WISHES, partitions: 1 });
    const only = narrow.filter(({ name }) => name.endsWith('observations.v1'));
    await until('it to be made anew', async () => {
      await admin.apply(await admin.plan(only));
      return (await admin.plan(only)).length === 0;
    });
    const bus = await connectKafkaBus(options);
    const join = () => {
      const consumer = bus.consumer('g', ['detections.v1', 'observations.v1'], (delivery) => delivery.ack());
      return consumer.start().then(() => consumer.stop());
    };
    await expect(join()).rejects.toMatchObject({
      code: 'BUS_TOPICS_UNEVEN',
      where: `${prefix}detections.v1, ${prefix}observations.v1`,
      message: expect.stringMatching(/2.*1/),
      mend: expect.stringContaining('banksman topics apply'),
    });
    const steps = await admin.plan(wantedTopics(prefix, WISHES));
    expect(steps).toEqual([{ kind: 'widen', topic: `${prefix}observations.v1`, from: 1, to: 2 }]);
    await admin.apply(steps);
    await admin.close();
    await until('the member to begin', () => join().then(() => true));
    await bus.close();
  });

  it('no topic gets more partitions once one of those that must be alike holds records', async () => {
    const options = await prepare(client);
    const { prefix } = options;
    const bus = await connectKafkaBus(options);
    const wider = wantedTopics(prefix, { ...WISHES, partitions: 4 });
    const admin = new TopicAdmin(options);
    const empty = await admin.plan(wider);
    expect(new Set(empty.map(({ kind }) => kind))).toEqual(new Set(['widen']));
    await bus.producer().send('rules.v1', { key: 'yard/on-road', value: Buffer.from('{}') });
    const steps = await admin.plan(wider);
    expect(steps).toEqual(
      empty.map((step) => ({
        kind: 'refuse',
        topic: step.kind === 'widen' && step.topic,
        why: expect.stringMatching(/^it has 2 partitions, not 4, and (holds records|gets no more)/),
        mend: expect.stringContaining('bus.kafka.topics.partitions back to 2'),
      })),
    );
    // Whoever is told to take what was planned changes nothing.
    await admin.apply(steps);
    await admin.close();
    expect(await Promise.all(['rules.v1', 'tracks.v1'].map((topic) => bus.partitions(topic)))).toEqual([2, 2]);
    await bus.close();
  });

  it('a record that is too large is refused by name, and holds up no other', async () => {
    const options = await prepare(client);
    const bus = await connectKafkaBus(options);
    const producer = bus.producer();
    const small = (value: string) => producer.send('rules.v1', { key: 'a', value: Buffer.from(value) });
    const sent = [
      small('1'),
      producer.send('rules.v1', { key: 'a', value: Buffer.alloc(6_000_000, 'x') }),
      small('2'),
      small('3'),
    ];
    const results = await Promise.allSettled(sent);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    await expect(sent[1]).rejects.toEqual(code('BUS_RECORD_TOO_LARGE'));
    await expect(sent[1]).rejects.toMatchObject({ mend: expect.stringContaining('banksman topics apply') });
    const there = await collect(bus.tail('rules.v1', 'earliest', { stopAtEnd: true }));
    expect(there.map(text)).toEqual(['1', '2', '3']);
    await bus.close();
  });

  it('topics that are not there are an error that names the command', async () => {
    const options: KafkaOptions = { brokers: [server.address], client, prefix: 'nothing.', clientId: 'test' };
    const bus = await connectKafkaBus(options);
    const missing = expect.objectContaining({
      code: 'BUS_TOPIC_MISSING',
      mend: expect.stringContaining('banksman topics apply'),
    });
    await expect(bus.producer().send('tracks.v1', { key: 'a', value: null })).rejects.toEqual(missing);
    await expect(bus.table('rules.v1').start()).rejects.toEqual(missing);
    await expect(bus.consumer('g', ['tracks.v1'], () => {}).start()).rejects.toEqual(missing);
    await bus.close();
  });

  it('nobody at the address is said at once, with the address', async () => {
    const options: KafkaOptions = { brokers: ['127.0.0.1:9'], client, prefix: 'x.', clientId: 'test' };
    const unreachable = expect.objectContaining({ code: 'BUS_UNREACHABLE', where: '127.0.0.1:9' });
    await expect(connectKafkaBus(options)).rejects.toEqual(unreachable);
  });

  it('jumps over a backlog that is too old', async () => {
    const options = await prepare(client);
    const bus = await connectKafkaBus(options);
    const producer = bus.producer();
    const send = (value: string) => producer.send('frames.v1', { key: 'a', value: Buffer.from(value) });
    for (let index = 0; index < 300; index += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, each) => send(`old ${index + each}`)));
    }
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    for (let index = 0; index < 5; index++) await send(`new ${index}`);
    const seen: string[] = [];
    let skipped = 0;
    const consumer = bus.consumer(
      'g',
      ['frames.v1'],
      (delivery) => {
        seen.push(text(delivery));
        delivery.ack();
      },
      {
        skipOlderMs: 2_000,
        onSkipped: (_, records) => {
          skipped += records;
        },
      },
    );
    await consumer.start();
    await until('the newest', () => seen.includes('new 4'), LONG_MS);
    expect(skipped).toBe(300);
    expect(seen).toEqual(['new 0', 'new 1', 'new 2', 'new 3', 'new 4']);
    await until('all to be committed', async () => (await consumer.lag()).every(({ lag }) => lag === 0), LONG_MS);
    await consumer.stop();
    await bus.close();
  });
});
