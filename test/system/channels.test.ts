/** Every kind of channel under a whole `up`, from the site file and secrets of the environment; servers are real where there are any. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { ChannelType } from '../../config/site_alerts.ts';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { CHANNEL_TYPES } from '../../sinks/alerts/channels/registry.ts';
import { RECEIVERS, type Receiver, SECRET, SECRET_NAME, samplePolicy } from '../../sinks/alerts/channels/testing.ts';
import { HAS_TEST_DATA } from '../data.ts';
import { until } from '../wait.ts';
import { Doorway } from './doorway.ts';
import { banksman } from './up.ts';
import { metricSum } from './watch_bus.ts';

const LIMIT_MS = 120_000;
/** Read by people. */
const PEOPLE = ['email', 'slack', 'teams', 'telegram', 'ntfy'] as const;
/** All on one server. */
const YARD = ['yard-1', 'yard-2', 'yard-3', 'yard-4'];

const resolved = z.union([
  z.strictObject({ env: z.string() }).transform(() => null),
  z.strictObject({ text: z.string() }).transform(({ text }) => text),
  z.unknown(),
]);

/** What a site file says of a receiver, its secret by name; all that every channel has is left unsaid. */
function asFile(type: ChannelType, receiver: Receiver): Record<string, unknown> {
  const own = Object.entries(receiver.config()).filter(([key, value]) => value !== null && !(key in samplePolicy()));
  const said = own.map(([key, value]): [string, unknown] => [key, resolved.parse(value) ?? `\${${nameOf(type)}}`]);
  return { id: type, ...Object.fromEntries(said) };
}

const nameOf = (type: ChannelType): string => `CHANNEL_OF_${type.toUpperCase()}`;

describe.skipIf(!HAS_TEST_DATA)('every kind of channel', { timeout: 600_000 }, () => {
  const receivers = new Map<ChannelType, Receiver>();
  let yard: RtspServer;
  let doorway: Doorway;

  beforeAll(async () => {
    const env: Record<string, string> = {};
    for (const type of CHANNEL_TYPES) {
      process.env[SECRET_NAME] = SECRET;
      const receiver = await RECEIVERS[type]();
      receivers.set(type, receiver);
      await receiver.start();
      env[nameOf(type)] = process.env[SECRET_NAME];
    }
    // From here on it is known to nobody but `up`.
    delete process.env[SECRET_NAME];
    const source = { kind: 'pattern' as const, width: 320, height: 180, fps: 5, moving: false };
    yard = await startRtspServer({ streams: YARD.map((id) => ({ path: `/${id}`, source })) });
    const cameras = Object.fromEntries(YARD.map((id) => [id, { url: yard.url(`/${id}`) }]));
    doorway = await Doorway.start({
      env,
      limitMs: LIMIT_MS,
      prepare: async (_dir, site) => {
        Object.assign(site['cameras'] ?? {}, cameras);
        site['rules'] = [
          { id: 'anybody', type: 'zone_entry', cameras: ['gate'], classes: ['person'], hold_s: 1, cool_down_s: 0 },
          { id: 'camera-down', type: 'camera_offline', cameras: YARD, min_duration_s: 2, cool_down_s: 0 },
        ];
        const channels = [...receivers].map(([type, receiver]) => asFile(type, receiver));
        site['alerts'] = { channels };
      },
    });
  }, 400_000);

  afterAll(async () => {
    await doorway?.[Symbol.asyncDispose]();
    await yard?.stop();
    for (const receiver of receivers.values()) await receiver.remove();
  }, 120_000);

  /** Every key that a receiver has, as often as it has it. */
  const keysAt = async (type: ChannelType): Promise<string[]> =>
    ((await receivers.get(type)?.taken()) ?? []).flatMap(({ keys }) => keys);
  const about = async (type: ChannelType, start: string): Promise<string[]> =>
    (await keysAt(type)).filter((key) => key.startsWith(start));
  /** Grafana and Alertmanager have one thing an incident, with the newest key; the others a message each. */
  const isNewest = (type: ChannelType): boolean => type === 'grafana' || type === 'alertmanager';

  test('alerts test reaches each, once', async () => {
    const { configPath, env } = doorway.up;
    const { code, stdout, stderr } = await banksman(['alerts', 'test', '-c', configPath, '--json'], env);
    expect(JSON.parse(stdout), stderr).toEqual(
      CHANNEL_TYPES.map((type) => ({ channel: type, type, ok: true, detail: null, mend: null })),
    );
    expect(code).toBe(0);
    for (const type of CHANNEL_TYPES) {
      await until(`a test at ${type}`, async () => (await about(type, 'test-')).length > 0, LIMIT_MS);
      expect(await about(type, 'test-'), type).toHaveLength(1);
    }
  });

  test('an incident that opens and closes is at each once, under its keys', async () => {
    const keysOf = (id: string): string[] =>
      doorway.incidents
        .filter((one) => one.id === id && one.transition !== 'updated')
        .map(({ revision }) => `${id}/${revision}`);
    const { id } = await doorway.visit(async (open) => {
      for (const type of CHANNEL_TYPES)
        await until(`it to be open at ${type}`, async () => (await about(type, `${open}/`)).length > 0, LIMIT_MS);
    });
    const last = keysOf(id).slice(-1);
    for (const type of CHANNEL_TYPES) {
      const newest = async () => (await about(type, `${id}/`)).slice(-1);
      await until(`its end at ${type}`, async () => `${await newest()}` === `${last}`, LIMIT_MS);
      expect(await about(type, `${id}/`), type).toEqual(isNewest(type) ? last : keysOf(id));
    }
    const counted = await doorway.up.metrics();
    expect(metricSum(counted, 'alerts_failed_total')).toBe(0);
    expect(doorway.up.output).not.toContain(SECRET);
  });

  test('cameras behind one switch that dies are one mail, and a message each for programs', async () => {
    const ofYard = () => doorway.incidents.filter(({ camera }) => YARD.includes(camera));
    // A camera that begins slowly is down for a while too: that is over, and told.
    await until(
      'the yard to be watched, and nothing to tell',
      async () => {
        const text = await doorway.up.metrics();
        const isWatched = YARD.every((camera) => metricSum(text, 'camera_watched', { camera }) === 1);
        const newest = new Map(ofYard().map((one) => [one.id, one]));
        const isOver = [...newest.values()].every(({ state }) => state === 'closed');
        const ends = [...newest.values()].map(({ id, revision }) => `${id}/${revision}`);
        const heard = await Promise.all(PEOPLE.map(keysAt));
        return isWatched && isOver && heard.every((keys) => ends.every((key) => keys.includes(key)));
      },
      LIMIT_MS,
    );
    const before = new Set(ofYard().map(({ id }) => id));
    await yard.kill();
    const down = await until(
      'all to be down',
      () => {
        const ids = [...new Set(ofYard().map(({ id }) => id))].filter((id) => !before.has(id));
        return ids.length === YARD.length && ids;
      },
      LIMIT_MS,
    );
    const keys = down.map((id) => `${id}/1`).sort();
    const told = async (type: ChannelType) => {
      const taken = (await receivers.get(type)?.taken()) ?? [];
      return taken.map((one) => one.keys).filter((all) => all.some((key) => keys.includes(key)));
    };
    for (const type of PEOPLE) {
      const messages = await until(
        `them at ${type}`,
        async () => {
          const found = await told(type);
          return found.length > 0 && found;
        },
        LIMIT_MS,
      );
      expect(
        messages.map((all) => [...all].sort()),
        type,
      ).toEqual([keys]);
    }
    for (const type of ['webhook', 'mqtt'] as const) expect(await told(type), type).toHaveLength(YARD.length);
  });
});
