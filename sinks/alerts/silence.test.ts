/** The whole sink: what was silenced and still lasts when that ends is told. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ChannelPolicy, webhookChannel } from '../../config/site_alerts.ts';
import { FakeClock } from '../../runtime/clock.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import type { Incident, Schedule } from '../../runtime/messages/types.ts';
import { at, sampleFeedback, sampleIncident, sampleMute } from '../../runtime/stores/state/samples.ts';
import { until } from '../../test/wait.ts';
import { caughtUp, publish, sampleRule, type TestDeps, testDeps } from '../testing.ts';
import { AlertsSink } from './alerts.ts';
import { HookServer, sampleWebhook } from './hook_server.ts';

const LIMIT_MS = 15_000;

let folder: string;
let clock: FakeClock;
let deps: TestDeps;
let server: HookServer;
let sink: AlertsSink | undefined;

async function run(...channels: Partial<ChannelPolicy>[]): Promise<void> {
  // Its attempts end by themselves: time that is moved on must not end them.
  const made = (channels.length > 0 ? channels : [{}]).map((over) => ({
    ...webhookChannel(sampleWebhook({ url: server.url, timeout_s: 1_000_000 })),
    ...over,
  }));
  const retry = { minMs: 10, maxMs: 50 };
  sink = new AlertsSink(deps, { webhooks: [], channels: made, version: '1', onError: () => undefined, retry });
  await sink.start();
}

/** Time stands still for it. */
async function stop(): Promise<void> {
  const stopped = sink?.stop();
  sink = undefined;
  await clock.advance(5_000);
  await stopped;
}

const judged = () => until('everything judged', () => caughtUp(deps.bus, 'alerts'), LIMIT_MS, 5);

/** Moves time on, and lets what is due then be sent. */
async function pass(seconds: number): Promise<void> {
  for (let gone = 0; gone < seconds; gone += 5) {
    await clock.advance(Math.min(5, seconds - gone) * 1000);
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
}

/** Until the receiver has it, moving time on by a little where something waits for time. */
async function received(...keys: string[]): Promise<void> {
  await until(
    keys.join(),
    async () => {
      if (server.keys().length >= keys.length) return true;
      await clock.advance(20);
      return false;
    },
    LIMIT_MS,
    5,
  );
  expect(server.keys()).toEqual(keys);
}

const opened = (id: string, from = 0, over: Partial<Incident> = {}): Incident =>
  sampleIncident({ id, openedAt: at(from), ...over });
const updated = (incident: Incident, seconds: number, revision = 2): Incident => ({
  ...incident,
  ...{ revision, transition: 'updated', updatedAt: at(seconds) },
});
const closed = (incident: Incident, seconds: number, revision = 2): Incident => ({
  ...incident,
  ...{ revision, transition: 'closed', state: 'closed', closeReason: 'left' },
  ...{ updatedAt: at(seconds), closedAt: at(seconds) },
});

const mute = (from: number, to: number) =>
  sampleFeedback({ action: 'mute', incident: null, mute: sampleMute({ at: at(from), until: at(to) }) });
const rule = (cool_down_s: number) => {
  const record = sampleRule({ cool_down_s });
  return deps.bus.producer().send('rules.v1', { key: 'yard/person-on-road', value: encodeJson(record) });
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banksman-silence-'));
  clock = new FakeClock(Date.parse(at(0)));
  deps = testDeps(folder, { clock });
  server = new HookServer();
  await server.start();
});
afterEach(async () => {
  await stop();
  await server.stop();
  await deps.bus.close();
  await rm(folder, { recursive: true });
});

describe('a mute', () => {
  it('that ends while an incident lasts: it is told as it opened, then its end', async () => {
    await publish(deps.bus, 'feedback.v1', mute(0, 600));
    await run();
    const lasts = opened('lasts');
    await publish(deps.bus, 'incidents.v1', lasts, updated(lasts, 60));
    await judged();
    await pass(590);
    expect(server.keys()).toEqual([]);
    await pass(30);
    await received('lasts/1');
    expect(server.received[0]?.incident).toEqual(lasts);
    expect(JSON.parse(server.received[0]?.body ?? '')).toMatchObject({ type: 'incident.opened' });
    await publish(deps.bus, 'incidents.v1', updated(lasts, 640, 3), closed(lasts, 700, 4));
    await received('lasts/1', 'lasts/4');
  });

  it('that is taken back ends there', async () => {
    await publish(deps.bus, 'feedback.v1', mute(0, 3_600));
    await run();
    await publish(deps.bus, 'incidents.v1', opened('lasts'));
    await judged();
    await pass(60);
    expect(server.keys()).toEqual([]);
    const taken = sampleMute({ at: at(0), until: at(3_600) });
    const unmute = sampleFeedback({ action: 'unmute', incident: null, at: at(60), mute: taken });
    await publish(deps.bus, 'feedback.v1', unmute);
    await received('lasts/1');
  });

  it('that outlasts an incident: neither beginning nor end, whatever comes between', async () => {
    await publish(deps.bus, 'feedback.v1', mute(0, 600));
    await run();
    const over = opened('over');
    await publish(deps.bus, 'incidents.v1', over, updated(over, 300), closed(over, 500, 3));
    await judged();
    await pass(700);
    await publish(deps.bus, 'incidents.v1', opened('next', 700));
    await received('next/1');
  });

  it('that ends while the sink is away: it is told after the start', async () => {
    await publish(deps.bus, 'feedback.v1', mute(0, 600));
    await run();
    const [lasts, over] = [opened('lasts'), opened('over', 1, { zone: 'lawn' })];
    await publish(deps.bus, 'incidents.v1', lasts, over);
    await judged();
    await stop();
    await pass(600);
    await publish(deps.bus, 'incidents.v1', closed(over, 300));
    await run();
    await judged();
    await pass(15);
    await received('lasts/1');
  });

  it('and a channel of ends alone: the end of what lasted longer', async () => {
    await publish(deps.bus, 'feedback.v1', mute(0, 600));
    await run({ transitions: ['closed'] });
    const [lasts, over] = [opened('lasts'), opened('over')];
    await publish(deps.bus, 'incidents.v1', lasts, over, closed(over, 300));
    await judged();
    await pass(620);
    await publish(deps.bus, 'incidents.v1', closed(lasts, 620));
    await received('lasts/2');
  });
});

describe('a cool-down', () => {
  it('that ends while an incident lasts: it is told, and begins the next one', async () => {
    await rule(60);
    await run({ realert_s: 600 });
    const [first, second, third] = [opened('a'), opened('b', 50), opened('c', 70)];
    await publish(deps.bus, 'incidents.v1', first, closed(first, 5));
    await received('a/1', 'a/2');
    await pass(50);
    await publish(deps.bus, 'incidents.v1', second);
    await judged();
    await pass(5);
    expect(server.keys()).toHaveLength(2);
    await pass(10);
    await received('a/1', 'a/2', 'b/1');
    await pass(10);
    await publish(deps.bus, 'incidents.v1', third, closed(third, 75));
    await judged();
    // It speaks again as what was told at once does.
    await pass(580);
    expect(server.keys()).toHaveLength(3);
    await pass(30);
    await received('a/1', 'a/2', 'b/1', 'b/1.1');
    await publish(deps.bus, 'incidents.v1', closed(second, 7_200));
    await received('a/1', 'a/2', 'b/1', 'b/1.1', 'b/2');
  });

  it('is not begun by what was announced to nobody', async () => {
    await rule(3_600);
    await publish(deps.bus, 'feedback.v1', mute(0, 10));
    await run();
    const muted = opened('muted');
    await publish(deps.bus, 'incidents.v1', muted, updated(muted, 11), closed(muted, 12, 3), opened('next', 13));
    await received('next/1');
  });
});

describe('the cool-down of what was never escalated silences nothing', () => {
  beforeEach(() => rule(600));

  it('because somebody had answered', async () => {
    await publish(deps.bus, 'feedback.v1', sampleFeedback({ incident: 'answered' }));
    await run({ escalate_after_s: 300 });
    await publish(deps.bus, 'incidents.v1', opened('answered'), opened('nobody-came', 50));
    await judged();
    await pass(290);
    expect(server.keys()).toEqual([]);
    await pass(70);
    await received('nobody-came/1');
  });

  it('because it was over, also where that came later', async () => {
    await run({ escalate_after_s: 300 });
    const over = opened('over');
    await publish(deps.bus, 'incidents.v1', over, opened('nobody-came', 50));
    await judged();
    expect(deps.metrics.value('alerts_silenced_total', { reason: 'cool_down' })).toBe(1);
    await publish(deps.bus, 'incidents.v1', closed(over, 60));
    await judged();
    await pass(290);
    expect(server.keys()).toEqual([]);
    await pass(70);
    await received('nobody-came/1');
  });
});

it('what lasts speaks again when the schedule holds', async () => {
  const notThen: Schedule = { days: [0, 1, 2, 3, 4, 5, 6], from: '20:30', to: '20:15', timezone: 'UTC' };
  await run({ schedule: notThen, realert_s: 600 });
  await publish(deps.bus, 'incidents.v1', opened('lasts'));
  await received('lasts/1');
  await pass(620);
  await received('lasts/1', 'lasts/1.1');
  await pass(1_100);
  expect(server.keys()).toHaveLength(2);
  await pass(110);
  await received('lasts/1', 'lasts/1.1', 'lasts/1.2');
});

it('a schedule that begins while an incident lasts', async () => {
  const later: Schedule = { days: [0, 1, 2, 3, 4, 5, 6], from: '20:10', to: '22:00', timezone: 'UTC' };
  await run({ schedule: later });
  await publish(deps.bus, 'incidents.v1', opened('lasts'));
  await judged();
  await pass(590);
  expect(server.keys()).toEqual([]);
  await pass(20);
  await received('lasts/1');
});
