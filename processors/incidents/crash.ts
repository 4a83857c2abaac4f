/** For tests: a bus with a processor on it that is killed at any step of a scenario. */
import { expect, vi } from 'vitest';
import { openMemoryBus } from '../../runtime/bus/local/memory.ts';
import type { Bus, Message, Producer } from '../../runtime/bus/types.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { type JsonTopic, parseMessage, type ValueOf } from '../../runtime/messages/schemas.ts';
import type { Incident, RuleRecord, Tracks } from '../../runtime/messages/types.ts';
import { type Labels, type MetricName, type Metrics, noMetrics } from '../../runtime/metrics.ts';
import { IncidentsProcessor } from './incidents.ts';
import { cameraRecord, cameraRules, play, ruleRecord, timeline } from './timeline.ts';

export const KEY = 'yard/gate';
export const WAIT = { timeout: 15_000, interval: 10 };

const opened = new Set<Bus>();

/** Closes every bus of `site`. */
export async function closeAll(): Promise<void> {
  await Promise.all([...opened].map((bus) => bus.close()));
  opened.clear();
}

/** A bus with one camera and its rules. */
export async function site(...rules: Partial<RuleRecord>[]): Promise<{ bus: Bus; producer: Producer }> {
  const bus = openMemoryBus();
  opened.add(bus);
  const producer = bus.producer();
  await producer.send('cameras.v1', { key: KEY, value: encodeJson(cameraRecord()) });
  for (const rule of rules.map(ruleRecord)) {
    await producer.send('rules.v1', { key: `yard/${rule.rule}`, value: encodeJson(rule) });
  }
  return { bus, producer };
}

export async function publish(producer: Producer, records: readonly Tracks[]): Promise<void> {
  await Promise.all(records.map((record) => producer.send('tracks.v1', { key: KEY, value: encodeJson(record) })));
}

export function processorOn(
  bus: Bus,
  options: { metrics?: Metrics; onError?: (error: Error) => void } = {},
): IncidentsProcessor {
  const { metrics = noMetrics, ...rest } = options;
  const deps = { bus, site: 'yard', log: silentLogger, metrics, clock: systemClock };
  return new IncidentsProcessor(deps, { snapshotMs: 20, ...rest });
}

export async function all<T extends JsonTopic>(bus: Bus, topic: T): Promise<ValueOf<T>[]> {
  const messages: Message[] = [];
  for await (const message of bus.tail(topic, 'earliest', { stopAtEnd: true })) messages.push(message);
  return messages.map((message) => parseMessage(topic, message));
}

/** Resolves when the group has acknowledged all that is there. */
export async function consumed(bus: Bus): Promise<void> {
  await vi.waitFor(async () => {
    const lags = (await bus.lag()).filter(({ group }) => group === 'incidents');
    expect(lags.length).toBeGreaterThan(0);
    expect(lags.map(({ lag }) => lag)).toEqual(lags.map(() => 0));
  }, WAIT);
}

export const name = ({ id, revision }: Incident) => `${id}/${revision}`;

/** Each (id, revision) once; throws where two records of one differ. */
export function distinct(incidents: readonly Incident[]): Incident[] {
  const seen = new Map<string, Incident>();
  for (const incident of incidents) {
    const before = seen.get(name(incident));
    if (before) expect(incident).toEqual(before);
    else seen.set(name(incident), incident);
  }
  return [...seen.values()];
}

/** The bus as a process sees it that is killed at its nth step: a send begins, a send is durable, an acknowledgement. */
function mortal(bus: Bus, lastStep: number): { bus: Bus; isDead: () => boolean } {
  let steps = 0;
  const dead = () => steps > lastStep;
  const step = () => {
    steps += 1;
    if (dead()) throw new Error('killed');
  };
  const producer = (): Producer => {
    const inner = bus.producer();
    return {
      send: async (topic, message) => {
        step();
        const position = await inner.send(topic, message);
        step();
        return position;
      },
      close: () => inner.close(),
    };
  };
  return {
    isDead: dead,
    bus: {
      producer,
      consumer: (group, topics, handler, options) =>
        bus.consumer(
          group,
          topics,
          (delivery) =>
            handler({
              ...delivery,
              ack: () => {
                step();
                delivery.ack();
              },
            }),
          options,
        ),
      table: (...args) => bus.table(...args),
      tail: (topic, from, options) => bus.tail(topic, from, options),
      read: (topic, partition, offset) => bus.read(topic, partition, offset),
      partitions: (topic) => bus.partitions(topic),
      lag: () => bus.lag(),
      silentMs: bus.silentMs,
      close: () => bus.close(),
    },
  };
}

export const CRASH_RULES: Partial<RuleRecord>[] = [
  {},
  { rule: 'line', type: 'line_crossing', zone: null, line: 'entrance' },
  { rule: 'off', type: 'camera_offline', zone: null, min_duration_s: 2, hold_s: 0.4 },
];
/** Somebody passes, and then is an incident. Ends with a transition: nothing that comes later brings it out. */
export const CRASH_RECORDS = timeline('Q1 L0 Q4 L0 L:z L0 Q4 L0 L:a@0.5,0.4 L:a@0.5,0.6*5 L2*6 B3 run L2*3 L0*9');
/** Where the one near miss of them is decided. */
const NEAR_MISS_AT = 7;
export const CRASH_EXPECTED = play(CRASH_RECORDS, cameraRules(...CRASH_RULES));

/** Near misses of one process. */
class NearMisses implements Metrics {
  count = 0;

  inc(metric: MetricName, _labels?: Labels, by = 1): void {
    if (metric === 'near_misses_total') this.count += by;
  }
  set(): void {}
  observe(): void {}
  remove(): void {}
}

export interface Killed {
  bus: Bus;
  /** Whether it came to that. */
  killed: boolean;
  /** Near misses that either process counted. */
  nearMisses: number;
  /** A near miss that the snapshot covers and that was not counted: the process that died would have. */
  lost: number;
}

/** Runs until killed at the step, then a second processor to the end. */
export async function killedAt(step: number, between?: (producer: Producer) => Promise<unknown>): Promise<Killed> {
  const { bus, producer } = await site(...CRASH_RULES);
  await publish(producer, CRASH_RECORDS);
  const { bus: view, isDead } = mortal(bus, step);
  const [counted, countedAfter] = [new NearMisses(), new NearMisses()];
  const first = processorOn(view, { metrics: counted });
  await first.start().catch(() => undefined);
  await vi.waitFor(async () => {
    const lags = (await bus.lag()).filter(({ group }) => group === 'incidents');
    expect(isDead() || (lags.length > 0 && lags.every(({ lag }) => lag === 0))).toBe(true);
  }, WAIT);
  const killed = isDead();
  await first.stop().catch(() => undefined);
  const covered = Number((await all(bus, 'processor-state.v1')).at(-1)?.covered['tracks.v1'] ?? -1);
  const lost = covered >= NEAR_MISS_AT ? 1 - counted.count : 0;
  await between?.(producer);
  const second = processorOn(bus, { metrics: countedAfter });
  await second.start();
  await consumed(bus);
  await second.stop();
  return { bus, killed, nearMisses: counted.count + countedAfter.count, lost };
}

/**
 * Kills at the step and expects all transitions, each with one content, and the near miss at most once.
 * @returns whether it came to be killed.
 */
export async function expectWholeWhenKilledAt(step: number): Promise<boolean> {
  const { bus, killed, nearMisses, lost } = await killedAt(step);
  const published = distinct(await all(bus, 'incidents.v1'));
  expect(published.map(name).sort(), `killed at step ${step}`).toEqual(CRASH_EXPECTED.map(name).sort());
  for (const incident of published) expect(CRASH_EXPECTED).toContainEqual(incident);
  expect(nearMisses, `killed at step ${step}`).toBe(1 - lost);
  await closeAll();
  return killed;
}
