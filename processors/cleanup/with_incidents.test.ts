/** Detections to incidents: both processors on one bus, while what is before them and they themselves die. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openMemoryBus } from '../../runtime/bus/local/memory.ts';
import type { Bus, Message, Producer } from '../../runtime/bus/types.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { type JsonTopic, parseMessage, type ValueOf } from '../../runtime/messages/schemas.ts';
import type { Detection, Detections, Observation } from '../../runtime/messages/types.ts';
import { noMetrics } from '../../runtime/metrics.ts';
import { toTimestamp } from '../../runtime/time.ts';
import { IncidentsProcessor } from '../incidents/incidents.ts';
import { ruleRecord } from '../incidents/timeline.ts';
import { CleanupProcessor } from './cleanup.ts';
import { cameraRecord, found, jitter, observed, person, randomFrom, START } from './scenes.ts';

const KEY = 'yard/gate';
const WAIT = { timeout: 30_000, interval: 10 };
const FPS = 5;

let bus: Bus;
let running: (CleanupProcessor | IncidentsProcessor)[] = [];

afterEach(async () => {
  await kill();
  await bus.close();
});

/** The bus as the processors see it: nothing that they do after they were killed counts. */
function mortal(): Bus {
  const life = { dead: false };
  kill = async () => {
    life.dead = true;
    await Promise.all(running.map((processor) => processor.stop().catch(() => undefined)));
    running = [];
  };
  return {
    producer: () => {
      const inner = bus.producer();
      return {
        send: (topic, message) => (life.dead ? Promise.reject(new Error('killed')) : inner.send(topic, message)),
        close: () => inner.close(),
      };
    },
    consumer: (group, topics, handler, options) =>
      bus.consumer(group, topics, (it) => handler({ ...it, ack: () => (life.dead ? undefined : it.ack()) }), options),
    table: (...args) => bus.table(...args),
    tail: (topic, from, options) => bus.tail(topic, from, options),
    read: (topic, partition, offset) => bus.read(topic, partition, offset),
    partitions: (topic) => bus.partitions(topic),
    lag: () => bus.lag(),
    silentMs: bus.silentMs,
    close: () => bus.close(),
  };
}

let kill: () => Promise<void> = async () => undefined;

async function start(): Promise<void> {
  const deps = { bus: mortal(), site: 'yard', log: silentLogger, metrics: noMetrics, clock: systemClock };
  running = [
    new IncidentsProcessor(deps, { snapshotMs: 50 }),
    new CleanupProcessor(deps, { snapshotMs: 50, silentMs: 600_000 }),
  ];
  for (const processor of running) await processor.start();
}

async function restart(): Promise<void> {
  await kill();
  await start();
}

/** A camera whose records come as ingest and detect send them, at 5 samples a second. */
class Camera {
  readonly #producer: Producer;
  readonly #random = randomFrom(8);
  #epoch = 1;
  #run = 0;
  #seq = 0;
  #frame = 0;
  /** Seconds of capture time since the start. */
  now = 0;
  /** The last detections records, which a detector that is killed sends again. */
  #last: Detections[] = [];

  constructor(producer: Producer) {
    this.#producer = producer;
  }

  /** Somebody comes in from the left and stops at x = 0.5: what only appears there may be taken for a thing. */
  async seesComing(): Promise<void> {
    for (let step = 0; step < 20; step++) await this.looks(1 / FPS, 0.1 + step * 0.02);
  }

  /** Somebody stands at x for so long, swaying a little; null: nobody. */
  async looks(seconds: number, x: number | null): Promise<void> {
    for (let step = 0; step < Math.round(seconds * FPS); step++) {
      this.now += 1 / FPS;
      const boxes: Detection[] = [];
      if (x !== null && this.#random() > 0.05) {
        boxes.push({
          ...person(x, 0.8, 0.5 + this.#random() * 0.4),
          box: jitter(person(x, 0.8).box, 0.02, this.#random),
        });
      }
      const captureTime = toTimestamp(START + this.now * 1000);
      const frame = { topic: 'frames.v1', partition: 0, offset: String(this.#frame++) };
      await this.#send(found(this.#seq++, boxes, { ...this.#whose, captureTime, receiveTime: captureTime, frame }));
    }
  }

  /** Nothing to be seen for so long, and then a new run, of a new owner when the agent itself died. */
  async isGone(seconds: number, owner: 'same' | 'new' = 'same'): Promise<void> {
    for (let left = seconds; left > 0; left -= 1) await this.observes('blind', Math.min(1, left));
    if (owner === 'new') this.#epoch += 1;
    this.#run += 1;
    this.#seq = 0;
  }

  async observes(kind: Observation['kind'], seconds: number): Promise<void> {
    const from = toTimestamp(START + this.now * 1000);
    this.now += seconds;
    const to = toTimestamp(START + this.now * 1000);
    const reason = kind === 'blind' ? 'RTSP_ENDED' : null;
    await this.#send(observed(this.#seq - 1, { ...this.#whose, kind, reason, from, to }));
  }

  async detectorDies(): Promise<void> {
    for (const record of this.#last) await this.#send(record);
  }

  get #whose(): { epoch: number; runId: string } {
    return { epoch: this.#epoch, runId: `run-${this.#run}` };
  }

  async #send(record: Detections | Observation): Promise<void> {
    if ('boxes' in record) this.#last = [...this.#last, record].slice(-10);
    const topic = 'boxes' in record ? 'detections.v1' : 'observations.v1';
    await this.#producer.send(topic, { key: KEY, value: encodeJson(record) });
  }
}

async function scene(rules: Parameters<typeof ruleRecord>[0][]): Promise<Camera> {
  bus = openMemoryBus();
  const producer = bus.producer();
  await producer.send('cameras.v1', { key: KEY, value: encodeJson(cameraRecord()) });
  for (const rule of rules) {
    const record = ruleRecord({ zone: null, hold_s: 5, ...rule });
    await producer.send('rules.v1', { key: `yard/${record.rule}`, value: encodeJson(record) });
  }
  await start();
  return new Camera(producer);
}

/** Resolves when both groups have acknowledged all that is there. */
async function settled(): Promise<void> {
  await vi.waitFor(async () => {
    const lags = await bus.lag();
    expect(new Set(lags.map(({ group }) => group)).size).toBe(2);
    expect(lags.filter(({ lag }) => lag > 0)).toEqual([]);
  }, WAIT);
}

async function all<T extends JsonTopic>(topic: T): Promise<ValueOf<T>[]> {
  const messages: Message[] = [];
  for await (const message of bus.tail(topic, 'earliest', { stopAtEnd: true })) messages.push(message);
  return messages.map((message) => parseMessage(topic, message));
}

/** Ids of confirmed tracks, in the order in which they came. */
async function trackIds(): Promise<string[]> {
  const tracks = (await all('tracks.v1')).flatMap((record) => record.tracks);
  return [...new Set(tracks.filter(({ tentative }) => !tentative).map(({ id }) => id))];
}

/** What became of the incidents of a rule: each (id, revision) once, by id. */
async function incidentsOf(rule: string): Promise<string[][]> {
  const records = (await all('incidents.v1')).filter((incident) => incident.rule === rule);
  const distinct = new Map(records.map((incident) => [`${incident.id}/${incident.revision}`, incident]));
  const byId = Map.groupBy(distinct.values(), ({ id }) => id);
  return [...byId.values()].map((revisions) =>
    revisions
      .sort((a, b) => a.revision - b.revision)
      .map(({ transition, closeReason }) => (closeReason ? `${transition}:${closeReason}` : transition))
      .filter((transition) => transition !== 'updated'),
  );
}

const RULES = [{ rule: 'inside' }, { rule: 'loiters', type: 'dwell' as const, dwell_s: 20 }];

describe('one incident', () => {
  test('lasts ten minutes while every role is killed once and the camera restarts', async () => {
    const camera = await scene(RULES);
    await camera.looks(4, null);
    await camera.seesComing();
    await camera.looks(60, 0.5);
    await settled();
    // cleanup and incidents: at once, as they are one process, and in the middle of a backlog.
    const backlog = camera.looks(60, 0.5);
    await restart();
    await backlog;
    await camera.detectorDies();
    await camera.looks(120, 0.5);
    // The camera's process: a new run. Shorter than the hold.
    await camera.isGone(4);
    await camera.looks(120, 0.5);
    // The agent: a new run and a new owner. Longer than the hold: nobody knows whether he left meanwhile.
    await camera.isGone(12, 'new');
    await camera.looks(180, 0.5);
    await settled();
    await restart();
    await camera.looks(44, 0.5);
    await camera.looks(10, null);
    await settled();
    expect(camera.now).toBeGreaterThan(600);
    const whole = ['opened', 'unobserved', 'unobserved', 'closed:left'];
    expect(await incidentsOf('inside')).toEqual([whole]);
    expect(await incidentsOf('loiters')).toEqual([whole]);
    // Only the gap that is wider than a place can be remembered gives him a new id.
    expect(await trackIds()).toHaveLength(2);
  }, 60_000);

  test('though nobody is at work when the camera restarts: what happened then is read afterwards', async () => {
    const camera = await scene(RULES.slice(0, 1));
    await camera.looks(10, 0.5);
    await settled();
    await kill();
    await camera.looks(20, 0.5);
    await camera.isGone(3);
    await camera.looks(5, 0.5);
    await camera.observes('quiet', 2);
    await start();
    await camera.looks(5, 0.5);
    await settled();
    expect(await incidentsOf('inside')).toEqual([['opened', 'unobserved']]);
    expect(await trackIds()).toHaveLength(1);
    const looked = (await all('tracks.v1')).filter(({ kind }) => kind === 'looked');
    expect(new Set(looked.map(({ runId, seq }) => `${runId} ${seq}`)).size).toBe(40 * FPS);
  }, 60_000);

  test('is another one for whoever comes after he left, restart or not', async () => {
    const camera = await scene(RULES.slice(0, 1));
    await camera.looks(10, 0.5);
    await camera.looks(8, null);
    await settled();
    await restart();
    await camera.isGone(3);
    await camera.looks(10, 0.5);
    await settled();
    expect(await incidentsOf('inside')).toEqual([['opened', 'closed:left'], ['opened']]);
    expect(await trackIds()).toHaveLength(2);
  }, 60_000);

  test('has its tracks once where a detector that died says all again', async () => {
    const camera = await scene(RULES.slice(0, 1));
    await camera.looks(10, 0.5);
    await settled();
    await camera.detectorDies();
    await restart();
    await camera.detectorDies();
    await camera.looks(1, 0.5);
    await settled();
    const looked = (await all('tracks.v1')).map(({ seq }) => seq);
    expect(looked).toEqual(Array.from({ length: 11 * FPS }, (_, seq) => seq));
    const times = (await all('tracks.v1')).map(({ to }) => to);
    expect(times).toEqual([...times].sort());
    expect(await trackIds()).toHaveLength(1);
  }, 60_000);
});
