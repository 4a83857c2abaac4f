import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Incident } from '../../runtime/messages/types.ts';
import { at, sampleIncident } from '../../runtime/stores/state/samples.ts';
import { publish } from '../testing.ts';
import { HookServer, sampleWebhook } from './hook_server.ts';
import { KilledSink } from './killing.ts';

const KILLS = 30;
const INCIDENTS = 600;
const CAMERAS = ['gate', 'dock', 'lane', 'yard'];

let well: HookServer;
let sick: HookServer;
let sink: KilledSink;

beforeEach(async () => {
  [well, sick] = [new HookServer(), new HookServer()];
  await Promise.all([well.start(), sick.start()]);
  const webhooks = [sampleWebhook({ id: 'well', url: well.url }), sampleWebhook({ id: 'sick', url: sick.url })];
  sink = await KilledSink.make(webhooks);
});
afterEach(async () => {
  await sink.remove();
  await Promise.all([well.stop(), sick.stop()]);
});

/** Every transition of one incident, in order. */
function life(n: number): Incident[] {
  const camera = CAMERAS[n % CAMERAS.length] ?? 'gate';
  const opened = sampleIncident({ id: `i-${n}`, camera, openedAt: at(n) });
  const unobserved: Incident = { ...opened, revision: 2, transition: 'unobserved', state: 'unobserved' };
  return [opened, unobserved, { ...opened, revision: 3, transition: 'closed', state: 'closed' }];
}

it(`loses nothing and repeats at most once a kill, killed ${KILLS} times at random`, async () => {
  // Every third first attempt fails, one way or another.
  sick.answer = (key, times) => (times === 0 && Number(/\d+/.exec(key)?.[0]) % 3 === 0 ? 503 : 204);
  let published = 0;
  let kills = 0;
  await sink.start();
  while (kills < KILLS) {
    const until_ = Math.round((INCIDENTS * (kills + 1)) / KILLS);
    const sending: Promise<unknown>[] = [];
    for (; published < until_; published += 1) sending.push(publish(sink.bus, 'incidents.v1', ...life(published)));
    // Somewhere between the first of these and well after the last, the start of the sink included.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 600));
    await sink.kill();
    kills += 1;
    await Promise.all(sending);
    const starting = sink.start();
    if (Math.random() < 0.7) await starting;
  }
  const expected = Array.from({ length: INCIDENTS }, (_, n) => [`i-${n}/1`, `i-${n}/2`, `i-${n}/3`]).flat();
  await sink.settled(() => [well, sick].every((server) => new Set(delivered(server)).size === expected.length));
  for (const server of [well, sick]) {
    const keys = delivered(server);
    expect([...new Set(keys)].sort()).toEqual([...expected].sort());
    expect(keys.length - expected.length).toBeLessThanOrEqual(KILLS);
    for (let n = 0; n < INCIDENTS; n += 1) {
      const order = [...new Set(keys.filter((key) => key.startsWith(`i-${n}/`)))];
      expect(order).toEqual([`i-${n}/1`, `i-${n}/2`, `i-${n}/3`]);
    }
  }
}, 300_000);

/** Keys that the receiver took, repeats included. */
function delivered(server: HookServer): string[] {
  return server.received.filter(({ answer }) => answer === 204).map(({ key }) => key);
}
