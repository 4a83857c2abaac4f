/** One machine of a fleet on real Kafka, Redis and S3: an incident goes through all of them, and through their deaths. */
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { Incident } from '../../runtime/messages/types.ts';
import { HAS_TEST_DATA } from '../data.ts';
import { KafkaServer } from '../services/kafka.ts';
import { RedisServer } from '../services/redis.ts';
import { S3Server } from '../services/s3.ts';
import { until } from '../wait.ts';
import { Doorway } from './doorway.ts';
import { onKafka } from './on_kafka.ts';
import { Receiver } from './receiver.ts';
import { banksman, type SiteObject } from './up.ts';
import { metricSum } from './watch_bus.ts';

const LONG_MS = 120_000;

/** As an operator does, from a site file that names the cluster. */
async function makeTopics(dir: string, site: SiteObject): Promise<void> {
  const file = `${dir}/site.yaml`;
  await writeFile(file, stringify({ site: 'test', ...site }));
  const before = await banksman(['topics', 'check', '-c', file]);
  expect(before.code, before.stderr).toBe(1);
  const applied = await banksman(['topics', 'apply', '--yes', '-c', file]);
  expect(applied.code, applied.stderr).toBe(0);
  const after = await banksman(['topics', 'check', '-c', file]);
  expect(after.code, after.stdout).toBe(0);
  expect(after.stdout).toContain('KIP-848');
}

describe.skipIf(!HAS_TEST_DATA)('a fleet of one machine', { timeout: 300_000 }, () => {
  const kafka = new KafkaServer();
  const redis = new RedisServer();
  const ops = new Receiver();
  let s3: S3Server;
  let doorway: Doorway;

  beforeAll(async () => {
    [s3] = await Promise.all([S3Server.start(), kafka.start(), redis.start(), ops.start()]);
    const { bus, address } = onKafka(kafka, { client: 'kafkajs' });
    doorway = await Doorway.start({
      site: {
        bus,
        state: { store: 'redis', redis: { url: redis.url } },
        evidence: { store: 's3', s3: { bucket: 'evidence', endpoint: s3.endpoint } },
        alerts: { webhooks: [{ id: 'ops', url: ops.url }] },
      },
      prepare: makeTopics,
      bus: address,
      holdS: 2,
      limitMs: LONG_MS,
    });
  }, 300_000);

  afterAll(async () => {
    await doorway?.[Symbol.asyncDispose]();
    await Promise.all([ops.stop(), kafka[Symbol.asyncDispose](), redis.stop(), s3?.stop()]);
  });

  const newest = (): Incident | undefined => doorway.incidents.at(-1);
  const of = (id: string): Incident[] => doorway.incidents.filter((one) => one.id === id);

  /** Each revision once at the receiver (a crash may repeat one), and the last is the close. */
  function told(id: string): void {
    const messages = ops.received.filter(({ incident }) => incident.id === id);
    const transitions = messages.map(({ incident }) => incident.transition);
    expect(transitions[0]).toBe('opened');
    expect(transitions.at(-1)).toBe('closed');
    expect(new Set(messages.map(({ key }) => key)).size).toBe(messages.length);
  }

  /** One incident and no other comes of it, and all of it is told and kept. */
  async function visit(meanwhile?: (id: string) => Promise<void>): Promise<string> {
    const { incidents, evidence } = doorway;
    const from = incidents.length;
    const { id } = await doorway.visit(meanwhile);
    expect(new Set(incidents.slice(from).map((one) => one.id))).toEqual(new Set([id]));
    await until('its messages', () =>
      ops.received.some(({ incident }) => incident.id === id && incident.transition === 'closed'),
    );
    await until('its record', () => evidence.some((one) => one.incident === id && one.kind === 'record'), LONG_MS);
    told(id);
    return id;
  }

  test('an incident is in Redis, in S3, and with whoever is to be told', async () => {
    const { up, evidence } = doorway;
    const id = await visit();
    const found = await until('Redis to have it', async () => (await up.incidents()).find((one) => one.id === id));
    expect(found.state).toBe('closed');
    const snapshot = await until(
      'its picture',
      () => evidence.find((one) => one.incident === id && one.kind === 'snapshot' && one.complete),
      LONG_MS,
    );
    expect(snapshot.key).toContain(id);
    const picture = await fetch(`${up.console}/api/v1/incidents/${id}/evidence/snapshot`);
    expect(picture.status).toBe(200);
    expect((await picture.arrayBuffer()).byteLength).toBe(snapshot.bytes);
  });

  test('Kafka killed in the middle of an incident: the same incident, nothing lost, no role ended', async () => {
    const roles = () => (['sink', 'process', 'console', 'ingest'] as const).map((name) => doorway.up.role(name)?.pid);
    const before = roles();
    await visit(async (id) => {
      await kafka.kill();
      await kafka.start();
      const seen = of(id).length;
      await until('it to go on', () => of(id).length > seen || newest()?.state === 'unobserved', LONG_MS);
    });
    // The camera's own process ends: an agent that is cut off must not hold what another may have been given.
    expect(roles()).toEqual(before);
  });

  test('Redis and S3 killed in the middle of an incident: it is with both when they are back', async () => {
    const { up } = doorway;
    const id = await visit(async () => {
      await Promise.all([redis.kill(), s3.kill()]);
      await doorway.camera.scene('/gate', 'empty');
      await until('it to close without them', () => newest()?.state === 'closed', LONG_MS);
      await Promise.all([redis.start(), s3.restart()]);
    });
    await until('Redis to have it', async () =>
      (await up.incidents()).some((one) => one.id === id && one.state === 'closed'),
    );
    expect(metricSum(await up.metrics(), 'dead_letters_total')).toBe(0);
  });
});
