/** The same agents over a real Kafka: one is killed while it leads, then the broker is restarted under the others. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TopicAdmin, wantedTopics } from '../../runtime/bus/kafka/topics.ts';
import { IngestFleet } from '../../test/fleet/ingest_fleet.ts';
import { family } from '../../test/processes.ts';
import { KafkaServer } from '../../test/services/kafka.ts';
import { until } from '../../test/wait.ts';

const CAMERAS = Array.from({ length: 12 }, (_, i) => `camera-${i}`);
const SLOW_MS = 300_000;
const kafka = new KafkaServer();
let fleet: IngestFleet;

beforeEach(async () => {
  await kafka.start();
  const topics = { partitions: 4, replication: 1, frames_max_age_s: 300, frames_max_bytes: 100_000_000 };
  const wishes = { partitions: 4, replication: 1, framesMs: 300_000, framesBytes: 100_000_000 };
  const cluster = { brokers: [kafka.address], client: 'platformatic', prefix: 'owners.' } as const;
  const admin = new TopicAdmin({ ...cluster, clientId: 'test' });
  await admin.apply(await admin.plan(wantedTopics(cluster.prefix, wishes)));
  await admin.close();
  fleet = new IngestFleet({ type: 'kafka', kafka: { ...cluster, tls: null, sasl: null, topics } });
  await fleet.start();
});
afterEach(async () => {
  await fleet.stop();
  await kafka[Symbol.asyncDispose]();
});

it('every camera has one owner again after an agent dies, and after the broker was away', async () => {
  await fleet.launchAll(['a', 'b', 'c']);
  await fleet.addCameras(...CAMERAS);
  await fleet.seen(CAMERAS, ['a', 'b', 'c'], SLOW_MS);
  await fleet.shared(['a', 'b', 'c'], 4);

  const victim = await until('one to lead', () => fleet.living().find(({ record }) => record.leads)?.record.agent);
  const left = ['a', 'b', 'c'].filter((id) => id !== victim);
  const others = CAMERAS.filter((camera) => fleet.ownerOf(camera) !== victim);
  const before = runs(others);
  const killedAt = performance.now();
  await fleet.kill(victim);
  await until('other owners', () => !fleet.owned().has(victim), SLOW_MS);
  const ownedMs = Math.round(performance.now() - killedAt);
  await fleet.seen(CAMERAS, left, SLOW_MS);
  const seenMs = Math.round(performance.now() - killedAt);
  process.stdout.write(`over Kafka, the leader killed: owned after ${ownedMs} ms, all seen after ${seenMs} ms\n`);
  // Ten seconds are promised, and measured by bench: this is for a machine that stalls.
  expect(ownedMs).toBeLessThan(45_000);
  expect(runs(others)).toEqual(before);
  const given = fleet.given.length;

  await kafka.kill();
  // The lease ends: nobody may run a camera that another could be given.
  const isIdle = (id: string): boolean => family(fleet.pidOf(id)).length === 1;
  await until('agents to let go of their cameras', () => left.every(isIdle), SLOW_MS);
  await kafka.start();
  const backAt = performance.now();
  await fleet.seen(CAMERAS, left, SLOW_MS);
  process.stdout.write(`the broker is back: all seen after ${Math.round(performance.now() - backAt)} ms\n`);
  await until('one to lead', () => fleet.living().filter(({ record }) => record.leads).length === 1, SLOW_MS);
  // Whoever heard itself first after the outage took nobody else for dead: no camera was given anew.
  expect(fleet.given.slice(given)).toEqual([]);
  expect(fleet.violations()).toEqual([]);
});

function runs(cameras: readonly string[]): Map<string, string | undefined> {
  return new Map(cameras.map((camera) => [camera, fleet.sights.findLast((sight) => sight.camera === camera)?.runId]));
}
