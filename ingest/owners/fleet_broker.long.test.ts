/** Agents over a Kafka of three brokers: one of them vanishes, then another is killed. No camera is to notice. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TopicAdmin, wantedTopics } from '../../runtime/bus/kafka/topics.ts';
import { IngestFleet } from '../../test/fleet/ingest_fleet.ts';
import { family } from '../../test/processes.ts';
import { KafkaCluster } from '../../test/services/kafka_cluster.ts';
import { until } from '../../test/wait.ts';

const CAMERAS = Array.from({ length: 6 }, (_, i) => `camera-${i}`);
const AGENTS = ['a', 'b', 'c'];
const PREFIX = 'owners.';
const SLOW_MS = 300_000;
let kafka: KafkaCluster;
let fleet: IngestFleet;

beforeEach(async () => {
  kafka = await new KafkaCluster().start();
  const topics = { partitions: 3, replication: 3, frames_max_age_s: 300, frames_max_bytes: 100_000_000 };
  const wishes = { partitions: 3, replication: 3, framesMs: 300_000, framesBytes: 100_000_000 };
  const cluster = { brokers: kafka.addresses, client: 'platformatic', prefix: PREFIX } as const;
  const admin = new TopicAdmin({ ...cluster, clientId: 'test' });
  await admin.apply(await admin.plan(wantedTopics(PREFIX, wishes)));
  await admin.close();
  fleet = new IngestFleet({ type: 'kafka', kafka: { ...cluster, tls: null, sasl: null, topics } });
  await fleet.start();
}, SLOW_MS);
afterEach(async () => {
  await fleet.stop();
  await kafka[Symbol.asyncDispose]();
});

/** Of all cameras. */
function processes(): number[] {
  const pids = AGENTS.flatMap((id) => family(fleet.pidOf(id)).map(({ pid }) => pid));
  return pids.filter((pid) => !AGENTS.some((id) => fleet.pidOf(id) === pid)).sort((a, b) => a - b);
}

/** Every agent is heard anew. */
async function heardAnew(): Promise<void> {
  const from = performance.now();
  await until(
    'all agents to be heard',
    () => fleet.living().filter(({ heardAt }) => heardAt > from).length === AGENTS.length,
    SLOW_MS,
  );
}

it('the death of one broker restarts no camera and moves none', async () => {
  await fleet.addCameras(...CAMERAS);
  for (const id of AGENTS) fleet.launch(id);
  await fleet.seen(CAMERAS, AGENTS, SLOW_MS);
  const before = processes();
  expect(before).toHaveLength(CAMERAS.length);
  const given = fleet.given.length;
  const untouched = () => {
    expect(fleet.given.slice(given)).toEqual([]);
    expect(processes()).toEqual(before);
  };

  // Its machine is gone: nobody is told that its connections are.
  const frozen = await kafka.leader(`${PREFIX}agents.v1`);
  const frozenAt = performance.now();
  frozen.freeze(true);
  await until('another leader', async () => (await kafka.leader(`${PREFIX}agents.v1`)) !== frozen, SLOW_MS);
  const ledMs = Math.round(performance.now() - frozenAt);
  await heardAnew();
  await fleet.seen(CAMERAS, AGENTS, SLOW_MS);
  const seenMs = Math.round(performance.now() - frozenAt);
  process.stdout.write(`a broker vanished: another leads after ${ledMs} ms, all seen after ${seenMs} ms\n`);
  untouched();
  frozen.freeze(false);

  await kafka.whole(SLOW_MS);
  await heardAnew();
  const killed = await kafka.coordinator(`${PREFIX}coordinator-yard`);
  await killed.kill();
  await until(
    'another coordinator',
    async () => (await kafka.coordinator(`${PREFIX}coordinator-yard`)) !== killed,
    SLOW_MS,
  );
  await heardAnew();
  await fleet.seen(CAMERAS, AGENTS, SLOW_MS);
  untouched();
  await until('one to lead', () => fleet.living().filter(({ record }) => record.leads).length === 1, SLOW_MS);
  expect(fleet.violations()).toEqual([]);
});
