import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { KafkaServer } from '../../../test/services/kafka.ts';
import { type BusFixture, busCompliance } from '../compliance.ts';
import { SessionBus } from '../session/bus.ts';
import { connectKafkaBus } from './connect.ts';
import type { KafkaOptions } from './link.ts';
import { TopicAdmin, wantedTopics } from './topics.ts';

const server = new KafkaServer();
let number = 0;

beforeAll(async () => {
  await server.start();
}, 180_000);
afterAll(async () => {
  await removing;
  await (await next)?.remove();
  await server[Symbol.asyncDispose]();
});

const PATIENT_SESSION_MS = 60_000;
const WISHES = { partitions: 4, replication: 1, framesMs: 300_000, framesBytes: 100_000_000 };

/** Topics of a prefix of its own. */
async function makeTopics() {
  number += 1;
  const where = { brokers: [server.address], prefix: `t${number}.`, clientId: 'test' };
  const admin = new TopicAdmin({ ...where, client: 'platformatic' });
  const wanted = wantedTopics(where.prefix, WISHES);
  await admin.apply(await admin.plan(wanted));
  const remove = async (): Promise<void> => {
    await admin.remove(wanted.map(({ name }) => name));
    await admin.close();
  };
  return { where, remove };
}

/** Made and removed while tests run: that takes as long as most of them. */
let next: ReturnType<typeof makeTopics> | undefined;
let removing: Promise<void> = Promise.resolve();

/** An empty bus. */
async function makeBus(client: KafkaOptions['client']): Promise<BusFixture> {
  const { where, remove } = await (next ?? makeTopics());
  next = makeTopics();
  return {
    // With the session of the product a test that stalls for it loses its partitions, and is delivered to again.
    connect: (fate = 'lives') =>
      connectKafkaBus({ ...where, client, ...(fate === 'lives' && { sessionMs: PATIENT_SESSION_MS }) }),
    crash: async (bus) => {
      if (bus instanceof SessionBus) bus.abort();
    },
    stop: async () => {
      removing = removing.then(remove);
    },
    failoverMs: 45_000,
  };
}

it('a cluster as it comes does for a fleet once it has the topics', { timeout: 60_000 }, async () => {
  const { where, remove } = await makeTopics();
  const admin = new TopicAdmin({ ...where, client: 'platformatic' });
  expect(await admin.plan(wantedTopics(where.prefix, WISHES))).toEqual([]);
  expect(await admin.sessionLimits()).toMatchObject({ refusals: [], consumerSessionMs: 45_000 });
  await admin.close();
  await remove();
});

describe.each(['platformatic', 'kafkajs'] as const)('with %s', (client) => {
  it('sleeps while there is nothing to do', async () => {
    const fixture = await makeBus(client);
    const bus = await fixture.connect();
    await bus.producer().send('tracks.v1', { key: 'yard/gate', value: Buffer.from('x') });
    const timers = vi.spyOn(globalThis, 'setTimeout');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    // A wake-up each millisecond, as kafkajs does it by itself, would be a thousand.
    expect(timers.mock.calls.length).toBeLessThan(50);
    timers.mockRestore();
    await bus.close();
    await fixture.stop();
  });

  busCompliance(`kafka, ${client}`, () => makeBus(client));
});
