/** Every topic of a cluster gets what nobody can read, in the middle of an incident and before the processors restart. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeadLetter } from '../../runtime/messages/types.ts';
import { freePort } from '../../runtime/ports.ts';
import { HAS_TEST_DATA } from '../data.ts';
import { isAlive } from '../processes.ts';
import { KafkaServer } from '../services/kafka.ts';
import { RedisServer } from '../services/redis.ts';
import { S3Server } from '../services/s3.ts';
import { until } from '../wait.ts';
import { Doorway } from './doorway.ts';
import { onKafka } from './on_kafka.ts';
import { type Place, Poisoner } from './poison.ts';
import { Receiver } from './receiver.ts';
import type { SiteObject } from './up.ts';
import { metricSum } from './watch_bus.ts';

const LONG_MS = 120_000;
const PARTITIONS = 4;
/** Who reads a topic for good, and puts aside what it cannot read. */
const READERS: Readonly<Record<string, number>> = {
  'frames.v1': 1,
  'detections.v1': 1,
  'observations.v1': 1,
  'tracks.v1': 1,
  // Evidence, state and alerts.
  'incidents.v1': 3,
  'coverage.v1': 1,
  'evidence.v1': 1,
  'feedback.v1': 1,
  'camera.status.v1': 1,
};

describe.skipIf(!HAS_TEST_DATA)('what nobody can read, on every topic', { timeout: 300_000 }, () => {
  const kafka = new KafkaServer();
  const redis = new RedisServer();
  const ops = new Receiver();
  let s3: S3Server;
  let doorway: Doorway;
  let poisoner: Poisoner;
  let letters: DeadLetter[];
  let site: SiteObject;

  beforeAll(async () => {
    [s3] = await Promise.all([S3Server.start(), kafka.start(), redis.start(), ops.start()]);
    const cluster = onKafka(kafka, { partitions: PARTITIONS });
    doorway = await Doorway.start({
      site: {
        bus: cluster.bus,
        console: { bind: `127.0.0.1:${await freePort()}` },
        state: { store: 'redis', redis: { url: redis.url } },
        evidence: { store: 's3', s3: { bucket: 'evidence', endpoint: s3.endpoint } },
        alerts: { webhooks: [{ id: 'ops', url: ops.url }] },
      },
      prepare: (dir, made) => {
        site = made;
        return cluster.makeTopics(dir, made);
      },
      bus: cluster.address,
      holdS: 2,
      limitMs: LONG_MS,
    });
    letters = doorway.watch.follow('dead-letters.v1');
    poisoner = new Poisoner(kafka.address, PARTITIONS);
    await poisoner.connect();
  }, 300_000);

  afterAll(async () => {
    await poisoner?.close();
    await doorway?.[Symbol.asyncDispose]();
    await Promise.all([ops.stop(), kafka[Symbol.asyncDispose](), redis.stop(), s3?.stop()]);
  });

  const ROLES = ['sink', 'process', 'console', 'ingest'] as const;
  const pids = (): number[] => ROLES.map((name) => doorway.up.role(name)?.pid ?? 0);
  const lettersOf = (topic: string): DeadLetter[] => letters.filter(({ source }) => source.topic === topic);
  const nameOf = ({ topic, partition, offset }: Place): string => `${topic}/${partition}@${offset}`;

  /**
   * One incident, no other beside it, each transition told, its evidence whole.
   * @param repeats of messages, at most: one that was under way when its sink was killed
   */
  async function visit(meanwhile?: (id: string) => Promise<void>, repeats = 0): Promise<void> {
    const { incidents, evidence } = doorway;
    const from = incidents.length;
    const { id, closeReason } = await doorway.visit(meanwhile);
    expect(closeReason).toBe('left');
    const own = incidents.slice(from);
    expect(new Set(own.map((one) => one.id))).toEqual(new Set([id]));
    // What was killed may have said the same twice.
    const transitions = [...new Map(own.map((one) => [one.revision, one.transition]))].sort(([a], [b]) => a - b);
    expect(transitions.filter(([, transition]) => transition === 'closed')).toHaveLength(1);
    expect(transitions[0]).toEqual([1, 'opened']);
    const expected = transitions.flatMap(([n, transition]) => (transition === 'updated' ? [] : `${id}/${n}`));
    await until('its messages', () => expected.every((key) => ops.counts().has(key)), LONG_MS);
    const told = ops.received.filter(({ incident }) => incident.id === id).map(({ key }) => key);
    expect(new Set(told)).toEqual(new Set(expected));
    expect(told.length - expected.length).toBeLessThanOrEqual(repeats);
    const has = (kind: string) => evidence.some((one) => one.incident === id && one.kind === kind && one.complete);
    await until('its evidence', () => ['snapshot', 'annotated', 'record'].every(has), LONG_MS);
  }

  async function watched(): Promise<void> {
    const { up } = doorway;
    const isWatched = async () => metricSum(await up.metrics(), 'camera_watched', { camera: 'gate' }) === 1;
    await until('the camera to be watched', isWatched, LONG_MS);
  }

  test('in the middle of an incident: it is set aside, and the incident ends as if nothing had been', async () => {
    const before = pids();
    await visit(async () => {
      const places = await poisoner.everywhere();
      const readers = new Map(places.map((place) => [nameOf(place), READERS[place.topic] ?? 0]));
      const missing = (): number => {
        const left = new Map(readers);
        for (const { source } of letters) left.set(nameOf(source), (left.get(nameOf(source)) ?? 0) - 1);
        return [...left.values()].filter((count) => count > 0).length;
      };
      await until('a letter of each', () => missing() === 0, LONG_MS);
      // Nothing else is; twice at most where a slow machine lost its partitions meanwhile.
      expect(letters.map(({ source }) => nameOf(source)).filter((name) => !readers.has(name))).toEqual([]);
      expect(new Set(letters.map(({ reason }) => reason))).toEqual(new Set(['MESSAGE_INVALID']));
      await watched();
    });
    expect(pids()).toEqual(before);
    const text = await doorway.up.metrics();
    for (const topic of Object.keys(READERS)) {
      expect(metricSum(text, 'dead_letters_total', { topic }), topic).toBe(lettersOf(topic).length);
    }
  });

  test('after it: a visit is an incident, with pictures, and told', () => visit());

  test('people and programs are shown what there is', async () => {
    const { up } = doorway;
    const response = await fetch(`${up.console}/api/v1/cameras`);
    const { cameras } = (await response.json()) as { cameras: { id: string; watched: boolean; reason: string }[] };
    expect(cameras.find(({ id }) => id === 'gate')).toMatchObject({ watched: true, reason: null });
    expect(cameras.find(({ id }) => id === 'strange-0')).toMatchObject({ watched: false, reason: 'MESSAGE_INVALID' });
    expect((await up.camera('gate')).watched).toBe(true);
    expect(await up.incidents()).toHaveLength(2);
  });

  test('processors, sinks and console start on it, and an incident that was open is the same one', async () => {
    const { up, incidents } = doorway;
    await visit(async (id) => {
      const before = pids();
      await poisoner.over('cameras.v1', 'test/gate');
      await poisoner.over('rules.v1', 'test/anybody');
      for (const name of ['process', 'sink', 'console'] as const) process.kill(up.role(name)?.pid ?? 0, 'SIGKILL');
      await until('them to be gone', () => before.slice(0, 3).every((pid) => !isAlive(pid)));
      for (const key of ['cleanup/test/gate', 'incidents/test/gate']) await poisoner.over('processor-state.v1', key);
      await until('the console', async () => (await fetch(`${up.console}/healthz`)).ok, LONG_MS);
      // As whoever made the mistake does: says again what the site is.
      await up.write({ ...site, alerts: { webhooks: [{ id: 'ops', url: ops.url, timeout_s: 9 }] } });
      await until('it to be read', () => up.output.includes('site file applied'), LONG_MS);
      const from = incidents.length;
      await watched();
      expect(incidents.slice(from).filter((one) => one.id !== id || one.state === 'closed')).toEqual([]);
    }, 1);
  });
});
