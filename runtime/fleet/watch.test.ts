import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { statusOf } from '../../test/fleet/camera_status.ts';
import { until } from '../../test/wait.ts';
import { openMemoryBus } from '../bus/local/memory.ts';
import type { Bus, Producer } from '../bus/types.ts';
import { FakeClock } from '../clock.ts';
import { silentLogger } from '../log.ts';
import { encodeJson } from '../messages/codec.ts';
import type { AgentRecord } from '../messages/types.ts';
import { PrometheusMetrics } from '../prometheus.ts';
import { toTimestamp } from '../time.ts';
import { FleetWatch } from './watch.ts';

/** Counts how often somebody asks for the time of day. */
class CountingClock extends FakeClock {
  looks = 0;

  override now(): number {
    this.looks += 1;
    return super.now();
  }

  get wall(): number {
    return super.now();
  }
}

let bus: Bus;
let producer: Producer;
let clock: CountingClock;
let metrics: PrometheusMetrics;
let watch: FleetWatch;
let agents: Map<string, { skewMs: number; cameras: string[] }>;

beforeEach(async () => {
  bus = openMemoryBus();
  producer = bus.producer();
  clock = new CountingClock();
  metrics = new PrometheusMetrics();
  agents = new Map();
  watch = new FleetWatch({ bus, site: 'yard', clock, metrics, log: silentLogger });
  for (const camera of ['gate', 'road']) {
    await producer.send('cameras.v1', { key: `yard/${camera}`, value: Buffer.from('{}') });
  }
  await watch.start();
});
afterEach(async () => {
  await watch.stop();
  await bus.close();
});

async function own(camera: string, agent: string): Promise<number> {
  const value = encodeJson({ site: 'yard', camera, agent, at: toTimestamp(clock.wall) });
  return (await producer.send('camera.owners.v1', { key: `yard/${camera}`, value })).offset;
}

/** Seconds in which the agents say what they say; then what the metric says. */
async function pass(seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    // Each that is heard is compared with the clock: time goes on when all are.
    const expected = clock.looks + agents.size;
    for (const [agent, { skewMs, cameras }] of agents) {
      const record: AgentRecord = {
        ...{ site: 'yard', agent, at: toTimestamp(clock.wall + skewMs), seq: i, state: 'running' },
        ...{ leads: agent === 'a', capacity: 2 },
        cameras: Object.fromEntries(cameras.map((camera) => [camera, { epoch: 0, cpu: 0.1 }])),
      };
      await producer.send('agents.v1', { key: `yard/${agent}`, value: encodeJson(record) });
    }
    await until('all to be heard', () => clock.looks >= expected, 10_000, 1);
    await clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function value(name: string, labels = ''): Promise<number | undefined> {
  const text = await metrics.registry.getSingleMetricAsString(`banksman_${name}`);
  const line = text.split('\n').find((each) => each.startsWith(`banksman_${name}${labels} `));
  return line === undefined ? undefined : Number(line.split(' ')[1]);
}

describe('who watches the fleet', () => {
  it('waits longer where all agents fall silent at once: a broker that died is likelier, and they run on', async () => {
    await own('gate', 'a');
    await own('road', 'b');
    const both = () => {
      agents.set('a', { skewMs: 0, cameras: ['gate'] });
      agents.set('b', { skewMs: 0, cameras: ['road'] });
    };
    both();
    await pass(12);
    agents.clear();
    await pass(13);
    expect(await value('cameras_unowned')).toBe(0);
    both();
    await pass(5);
    expect(await value('cameras_unowned')).toBe(0);
    expect(await statusOf(bus, 'gate')).toBeUndefined();
    agents.clear();
    await pass(20);
    expect(await value('cameras_unowned')).toBe(2);
  });

  it('tells within ten seconds of a camera whose agent is silent, once, and that it is well again', async () => {
    const epoch = await own('gate', 'a');
    await own('road', 'b');
    agents.set('a', { skewMs: 0, cameras: ['gate'] });
    agents.set('b', { skewMs: 0, cameras: ['road'] });
    await pass(12);
    expect(await value('cameras_unowned')).toBe(0);
    expect(await value('agents', '{state="running"}')).toBe(2);
    expect(await value('agents_leading')).toBe(1);
    expect(await value('agent_cameras', '{agent="b"}')).toBe(1);

    agents.delete('a');
    await pass(10);
    expect(await value('cameras_unowned')).toBe(1);
    expect(await value('agents_leading')).toBe(0);
    expect(await value('agent_cameras', '{agent="a"}')).toBeUndefined();
    const status = await until('its status', () => statusOf(bus, 'gate'));
    expect(status).toMatchObject({ state: 'stopped', reason: 'CAMERA_UNOWNED', agent: 'a', epoch, watched: false });
    expect(status?.detail).toContain('nothing is heard of a');
    expect(await statusOf(bus, 'road')).toBeUndefined();

    await own('gate', 'b');
    await until('it to be well again', async () => {
      await pass(1);
      return (await value('cameras_unowned')) === 0;
    });
  });

  it('tells of a camera that nobody was ever given', async () => {
    agents.set('a', { skewMs: 0, cameras: [] });
    await own('gate', 'a');
    await pass(10);
    expect(await value('cameras_unowned')).toBe(1);
    expect((await until('its status', () => statusOf(bus, 'road'))).detail).toBe('no ingest agent was given it');
  });

  it('misses nobody before agents were started, where they are started after it', async () => {
    const patient = new PrometheusMetrics();
    const other = new FleetWatch({ bus, site: 'yard', clock, metrics: patient, log: silentLogger, graceMs: 30_000 });
    await other.start();
    await pass(20);
    expect(await patient.registry.metrics()).not.toMatch(/cameras_unowned [1-9]/);
    await pass(15);
    expect(await patient.registry.metrics()).toContain('cameras_unowned 2');
    await other.stop();
  });

  it('tells of a camera that two run, but not while one hands it over', async () => {
    await own('gate', 'a');
    await own('road', 'b');
    agents.set('a', { skewMs: 0, cameras: ['gate', 'road'] });
    agents.set('b', { skewMs: 0, cameras: ['road'] });
    await pass(4);
    expect(await value('cameras_owned_twice')).toBe(0);
    await pass(5);
    expect(await value('cameras_owned_twice')).toBe(1);
    agents.set('a', { skewMs: 0, cameras: ['gate'] });
    await pass(2);
    expect(await value('cameras_owned_twice')).toBe(0);
  });

  it('measures clocks, and takes nobody for dead because of one', async () => {
    await own('gate', 'a');
    await own('road', 'b');
    agents.set('a', { skewMs: -30_000, cameras: ['gate'] });
    agents.set('b', { skewMs: 30_000, cameras: ['road'] });
    await pass(10);
    expect(await value('agent_clock_offset_seconds', '{agent="a"}')).toBeCloseTo(-30, 0);
    expect(await value('agent_clock_offset_seconds', '{agent="b"}')).toBeCloseTo(30, 0);
    expect(await value('cameras_unowned')).toBe(0);
    expect(await value('agents', '{state="running"}')).toBe(2);
  });
});
