/** A processor that was thought dead and is not: what it still writes must not undo what its heir has done. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectKafkaBus } from '../../runtime/bus/kafka/connect.ts';
import type { KafkaOptions } from '../../runtime/bus/kafka/link.ts';
import { TopicAdmin, wantedTopics } from '../../runtime/bus/kafka/topics.ts';
import type { Bus, Message } from '../../runtime/bus/types.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import { KafkaServer } from '../../test/services/kafka.ts';
import { until } from '../../test/wait.ts';
import { all, distinct, KEY, processorOn, publish } from './crash.ts';
import { readState } from './lane.ts';
import type { Said } from './stalled_process.ts';
import { cameraRecord, cameraRules, play, ruleRecord, summary, timeline } from './timeline.ts';

const LONG_MS = 120_000;
const RECORDS = timeline('L0*3 L1*6 L1*3 L0*9');
const [BEFORE, WHILE, AFTER] = [RECORDS.slice(0, 3), RECORDS.slice(3, 9), RECORDS.slice(9)];
const EXPECTED = play(RECORDS, cameraRules({}));
const program = new URL('./stalled_process.ts', import.meta.url).pathname;

let server: KafkaServer;
let number = 0;
beforeAll(async () => {
  server = await new KafkaServer().start();
}, 180_000);
afterAll(() => server[Symbol.asyncDispose]());

/** Topics of one partition, so that who holds it holds the camera; one camera with one rule. */
async function cluster(): Promise<{ bus: Bus; options: KafkaOptions }> {
  const options: KafkaOptions = {
    brokers: [server.address],
    client: 'platformatic',
    prefix: `f${number++}.`,
    clientId: 'test',
  };
  const admin = new TopicAdmin(options);
  const wishes = { partitions: 1, replication: 1, framesMs: 300_000, framesBytes: 100_000_000 };
  await admin.apply(await admin.plan(wantedTopics(options.prefix, wishes)));
  await admin.close();
  const bus = await connectKafkaBus(options);
  const producer = bus.producer();
  await producer.send('cameras.v1', { key: KEY, value: encodeJson(cameraRecord()) });
  await producer.send('rules.v1', { key: 'yard/on-road', value: encodeJson(ruleRecord()) });
  return { bus, options };
}

async function snapshots(bus: Bus): Promise<Message[]> {
  const found: Message[] = [];
  for await (const message of bus.tail('processor-state.v1', 'earliest', { stopAtEnd: true })) found.push(message);
  return found;
}

/** The newest snapshot covers everything, there is nothing more to be written, and all is acknowledged. */
async function atRest(bus: Bus, records: number): Promise<void> {
  await until(
    'the processor to be at rest',
    async () => {
      const newest = (await snapshots(bus)).at(-1);
      const state = newest && readState(newest);
      if (state?.covered !== records - 1 || state.state.outbox.length > 0) return false;
      const lags = (await bus.lag()).filter(({ group }) => group === 'incidents');
      return lags.length > 0 && lags.every(({ lag }) => lag === 0);
    },
    LONG_MS,
  );
}

/** Each transition once: on a machine that stalls a processor may lose what it holds, and publish it again. */
async function transitions(bus: Bus): Promise<Incident[]> {
  return distinct(await all(bus, 'incidents.v1'));
}

/** What comes is judged by one more processor, from what the topic holds. */
async function expectOneIncident(bus: Bus): Promise<void> {
  const next = processorOn(bus);
  await next.start();
  await publish(bus.producer(), AFTER);
  await atRest(bus, RECORDS.length);
  await next.stop();
  const incidents = await transitions(bus);
  expect(summary(incidents)).toBe(summary(EXPECTED));
  expect(incidents).toEqual(EXPECTED);
}

it('stopped for longer than its session while its heir opens an incident', { timeout: 300_000 }, async () => {
  const { bus, options } = await cluster();
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = new Set<string>();
  createInterface(child.stdout).on('line', (line) => said.add(line));
  const says = (line: Said) => until(`the first processor to say: ${line}`, () => said.has(line), LONG_MS);
  try {
    await says('ready');
    await publish(bus.producer(), BEFORE);
    await says(`taken ${BEFORE.length}`);
    child.kill('SIGSTOP');
    const heir = processorOn(bus);
    await heir.start();
    await publish(bus.producer(), WHILE);
    await atRest(bus, BEFORE.length + WHILE.length);
    expect(await transitions(bus)).toEqual(EXPECTED.slice(0, 1));
    child.kill('SIGCONT');
    await says('released');
    await heir.stop();
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  await expectOneIncident(bus);
  await bus.close();
});

it('a snapshot that was on its way when its writer was cut off and arrives after those of its heir', {
  timeout: 300_000,
}, async () => {
  const { bus } = await cluster();
  const producer = bus.producer();
  const first = processorOn(bus);
  await first.start();
  await publish(producer, BEFORE);
  await atRest(bus, BEFORE.length);
  const [late] = (await snapshots(bus)).slice(-1);
  if (!late) throw new Error('there is no snapshot');
  await first.stop();
  const heir = processorOn(bus);
  await heir.start();
  await publish(producer, WHILE);
  await atRest(bus, BEFORE.length + WHILE.length);
  await heir.stop();
  await producer.send('processor-state.v1', late);
  // Restored and written anew at once: what compaction leaves is the one that covers most.
  const second = processorOn(bus);
  await second.start();
  await second.stop();
  const newest = (await snapshots(bus)).at(-1);
  expect(newest && readState(newest)?.covered).toBe(BEFORE.length + WHILE.length - 1);
  await expectOneIncident(bus);
  await bus.close();
});
