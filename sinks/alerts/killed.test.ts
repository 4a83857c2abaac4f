import { afterEach, beforeEach, expect, it } from 'vitest';
import { webhookChannel } from '../../config/site_alerts.ts';
import { at, sampleIncident } from '../../runtime/stores/state/samples.ts';
import { until } from '../../test/wait.ts';
import { publish } from '../testing.ts';
import { type Answer, HookServer, sampleWebhook } from './hook_server.ts';
import { KilledSink } from './killing.ts';

let server: HookServer;
let sink: KilledSink;

beforeEach(async () => {
  server = new HookServer();
  await server.start();
  sink = await KilledSink.make([sampleWebhook({ url: server.url })]);
});
afterEach(async () => {
  await sink.remove();
  await server.stop();
});

const three = [0, 1, 2].map((n) => sampleIncident({ id: `i-${n}`, openedAt: at(n) }));

it.each<[string, Answer]>([
  ['before the receiver answers', 'hang'],
  ['as the receiver answers', 204],
])('killed %s: the same key at most once more, and nothing lost', async (_when, answer) => {
  let killed: Promise<void> | undefined;
  server.answer = (key) => {
    if (killed || key !== 'i-1/1') return 204;
    killed = sink.kill();
    return answer;
  };
  await sink.start();
  await publish(sink.bus, 'incidents.v1', ...three);
  await until('the kill', () => killed !== undefined, 30_000, 5);
  await killed;
  expect(sink.alive).toBe(false);
  await sink.start();
  await sink.settled(() => server.keys().includes('i-2/1'));
  const { length } = server.received;
  expect([...new Set(server.keys())]).toEqual(['i-0/1', 'i-1/1', 'i-2/1']);
  if (answer === 'hang') expect(length).toBe(4);
  expect(length).toBeLessThanOrEqual(4);
  const bodies = server.received.filter(({ key }) => key === 'i-1/1').map(({ body }) => body);
  expect(new Set(bodies).size).toBe(1);
});

it('killed while a receiver is away: everything that was acknowledged is delivered later', async () => {
  await server.stop();
  await sink.start();
  await publish(sink.bus, 'incidents.v1', ...three);
  await sink.settled(() => true);
  await sink.kill();
  await server.start();
  await sink.start();
  await sink.settled(() => server.keys().length >= 3);
  expect(server.keys()).toEqual(['i-0/1', 'i-1/1', 'i-2/1']);
});

it('killed as a group goes out: the same group at most once more, and nobody joins it', async () => {
  const grouped = webhookChannel(sampleWebhook({ id: 'group', url: `${server.url}/group` }));
  const other = await KilledSink.make([], [{ ...grouped, group_wait_s: 2 }]);
  try {
    let killed: Promise<void> | undefined;
    server.answer = () => {
      if (killed) return 204;
      killed = other.kill();
      return 'hang';
    };
    await other.start();
    await publish(other.bus, 'incidents.v1', ...three);
    await until('the kill', () => killed !== undefined, 30_000, 5);
    await killed;
    await publish(other.bus, 'incidents.v1', sampleIncident({ id: 'late', openedAt: at(9) }));
    await other.start();
    await other.settled(() => server.keys().includes('late/1'));
    const bodies = server.received.filter(({ key }) => key === 'i-0/1').map(({ body }) => body);
    expect(bodies).toHaveLength(2);
    expect(bodies[1]).toBe(bodies[0]);
    expect(server.keys()).toEqual(['i-0/1', 'i-0/1', 'late/1']);
  } finally {
    await other.remove();
  }
});
