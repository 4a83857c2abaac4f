/**
 * Two cameras in one `up`. At `visits` somebody comes, stays longer than any outage, and goes, again and again; at
 * `stay` one person stands all the time. Meanwhile processes chosen at random are killed, the supervisor and what
 * the site stands on among them, and the camera of `stay` is restarted. What is found must be what was there.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { BusAddress } from '../../runtime/bus/open.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import type { Coverage, Evidence, Incident } from '../../runtime/messages/types.ts';
import { freePort } from '../../runtime/ports.ts';
import { Random } from '../../simulator/random.ts';
import { type FileSource, type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { parseRecord } from '../../sinks/evidence/record.ts';
import { HAS_TEST_DATA, ONE_BY_ONE } from '../data.ts';
import { isAlive } from '../processes.ts';
import { until } from '../wait.ts';
import { Receiver } from './receiver.ts';
import { type SiteObject, Up } from './up.ts';
import { BusWatch } from './watch_bus.ts';

/** Something outside the product that the site stands on. */
export interface Service {
  name: string;
  kill(): Promise<void>;
  start(): Promise<unknown>;
}

/** What an `up` stands on, and how much is killed. */
export interface Stage {
  kills: number;
  /** How long the one who stays does. */
  stayMs: number;
  services: readonly Service[];
  /** Starts what the site stands on. @returns what its file says of it */
  start(): Promise<SiteObject>;
  stop(): Promise<void>;
  /** Before the first `up`, its site file written. */
  prepare?(configPath: string): Promise<void>;
  /** For who looks at the bus; undefined: the `up`'s own. */
  bus(): BusAddress | undefined;
  /** Where objects of evidence lie as files. */
  evidenceDir(up: Up): string;
  /** Frames outlive the supervisor: no picture may be missing. */
  keepsFrames: boolean;
}

const SUPERVISOR_KILLS = 2;
const CAMERA_RESTARTS = 2;
/** From one kill to the next: some hit what the one before has just started. */
const PAUSE_MS = [3_000, 28_000] as const;
const ROLES = ['ingest', 'process', 'sink', 'console', 'camera'] as const;

type Blow = { role: (typeof ROLES)[number] } | { service: Service } | 'supervisor' | 'device';

const ENCODE = { width: 640, height: 360, keyInt: 10, bframes: 0 };
/** Somebody comes in and stands; what he does standing repeats. */
const STANDING = { file: ONE_BY_ONE, fromS: 27, toS: 42 };
const SCENES = {
  empty: [{ file: ONE_BY_ONE, fromS: 0, toS: 5 }],
  arrive: [{ file: ONE_BY_ONE, fromS: 22, toS: 27 }, STANDING],
  leave: [
    { file: ONE_BY_ONE, fromS: 42, toS: 46 },
    { file: ONE_BY_ONE, fromS: 0, toS: 5 },
  ],
  standing: [STANDING],
};
const room = (scene: keyof typeof SCENES): FileSource => ({
  kind: 'file',
  scenes: SCENES,
  scene,
  end: 'hold',
  encode: ENCODE,
});

export function describeKills(title: string, stage: Stage): void {
  describe.skipIf(!HAS_TEST_DATA)(title, () => {
    const random = new Random();
    const receiver = new Receiver();
    const stay = room('arrive');
    const blows: { what: string; at: number }[] = [];
    /** When the visits began. The truth: one incident each. */
    const visits: number[] = [];
    let visitServer: RtspServer;
    let stayServer: RtspServer;
    let up: Up;
    let watch: BusWatch;

    /** What the console tells in the end, and what lay on the bus. */
    let stored: Incident[];
    let transitions: Incident[];
    let coverage: Coverage[];
    let evidence: Evidence[];
    /** When the first snapshot of each incident was on the bus. */
    const pictured = new Map<string, number>();

    beforeAll(async () => {
      console.log(`seed ${random.seed}`);
      await receiver.start();
      [visitServer, stayServer] = await Promise.all([
        startRtspServer({ streams: [{ path: '/room', source: room('empty') }] }),
        startRtspServer({ streams: [{ path: '/room', source: stay }] }),
      ]);
      const site: SiteObject = {
        console: { bind: `127.0.0.1:${await freePort()}` },
        detect: { workers: 1 },
        defaults: { sampling: { active_fps: 3, width_px: 640 } },
        cameras: { visits: { url: visitServer.url('/room') }, stay: { url: stayServer.url('/room') } },
        rules: [
          { id: 'visit', type: 'zone_entry', classes: ['person'], hold_s: 6, detect_within_s: 2, cool_down_s: 0 },
        ],
        alerts: {
          webhooks: [
            {
              id: 'ops',
              url: receiver.url,
              transitions: ['opened', 'updated', 'unobserved', 'closed'],
              // Longer than the machine may stall: who gives up on a receiver that took it repeats it, rightly.
              timeout_s: 60,
            },
          ],
        },
        ...(await stage.start()),
      };
      up = await Up.start(site, {}, async (dir) => {
        const file = join(dir, 'site.yaml');
        await writeFile(file, stringify({ site: 'test', ...site }));
        await stage.prepare?.(file);
      });

      const opened = await until('the stay to open', async () => (await incidentsOf('stay'))[0]);
      // Whoever plays it anew after a restart of the camera finds the person where he was.
      stay.scene = 'standing';
      const stayEnds = Date.parse(opened.openedAt) + stage.stayMs;
      const ending = new AbortController();
      const failures: unknown[] = [];
      const end = (): void => ending.abort();
      const fail = (error: unknown): void => {
        failures.push(error);
      };
      await Promise.all([
        strike(ending.signal)
          .then(() => sleep(Math.max(0, stayEnds - Date.now()), undefined, { signal: ending.signal }))
          .catch(fail)
          .finally(end),
        comeAndGo(ending.signal).catch(fail).finally(end),
      ]);
      if (failures.length > 0) {
        console.log(JSON.stringify(blows), up.output.slice(-12_000));
        throw failures[0];
      }

      await stayServer.scene('/room', 'leave');
      await until('the stay to be over', async () => (await incidentsOf('stay')).every(isClosed), 120_000);
      watch = await BusWatch.connect(up, stage.bus());
      transitions = watch.follow('incidents.v1');
      coverage = watch.follow('coverage.v1');
      evidence = [];
      watch.each('evidence.v1', 'earliest', (message) => {
        if (message.value === null) return;
        const one = parseMessage('evidence.v1', message);
        evidence.push(one);
        const { incident, kind } = one;
        if (kind === 'snapshot' && !pictured.has(incident)) pictured.set(incident, message.timestamp);
      });
      const expected = (): string[] => [...new Set(transitions.map(keyOf))];
      await until('the end of the last incident', () => {
        const ends = new Set(transitions.filter(isClosed).map(({ id }) => id));
        return ends.size === new Set(transitions.map(({ id }) => id)).size && ends.size > visits.length;
      });
      await until('the webhook to have everything', () => {
        const counts = receiver.counts();
        return expected().every((key) => counts.has(key));
      }).catch((error: unknown) => console.log(String(error)));
      await until('every record to be stored', () => {
        const records = new Set(
          evidence.filter(({ kind }) => kind === 'record').map((r) => `${r.incident}/${r.revision}`),
        );
        return expected().every((key) => records.has(key));
      }).catch((error: unknown) => console.log(String(error)));
      stored = [...(await incidentsOf('visits')), ...(await incidentsOf('stay'))];
    }, 1_500_000);

    afterAll(async () => {
      await watch?.close();
      await up?.[Symbol.asyncDispose]();
      await Promise.all([visitServer?.stop(), stayServer?.stop(), receiver.stop(), stage.stop()]);
    });

    async function incidentsOf(camera: string): Promise<Incident[]> {
      const response = await fetch(`${up.console}/api/v1/incidents?camera=${camera}&limit=500`);
      const { incidents } = (await response.json()) as { incidents: Incident[] };
      return incidents;
    }

    /** One visit after another. Each lasts until it is known, and the room stays empty until that is known. */
    async function comeAndGo(ending: AbortSignal): Promise<void> {
      const known = new Set<string>();
      while (!ending.aborted) {
        visits.push(Date.now());
        await visitServer.scene('/room', 'arrive');
        const isNew = (one: Incident): boolean => !known.has(one.id);
        const { id } = await until('the visit to open', async () => (await incidentsOf('visits')).find(isNew), 120_000);
        known.add(id);
        await sleep(random.between(4_000, 14_000));
        await visitServer.scene('/room', 'leave');
        await until('the visit to close', async () => (await incidentsOf('visits')).every(isClosed), 120_000);
        for (const one of await incidentsOf('visits')) known.add(one.id);
        await sleep(random.between(0, 5_000));
      }
    }

    /** Every role and service once at least, the rest at random, in an order at random. */
    async function strike(ending: AbortSignal): Promise<void> {
      const targets: Blow[] = [...ROLES.map((role) => ({ role })), ...stage.services.map((service) => ({ service }))];
      const chosen = [...targets];
      while (chosen.length < stage.kills - SUPERVISOR_KILLS) chosen.push(random.pick(targets));
      for (let n = 0; n < SUPERVISOR_KILLS; n += 1) chosen.push('supervisor');
      for (let n = 0; n < CAMERA_RESTARTS; n += 1) chosen.push('device');
      for (const what of random.shuffle(chosen)) {
        await sleep(random.between(...PAUSE_MS), undefined, { signal: ending });
        if (what === 'device') await restartDevice();
        else if (what === 'supervisor') await killSupervisor();
        else if ('service' in what) await killService(what.service);
        else await killRole(what.role);
      }
    }

    async function killRole(what: (typeof ROLES)[number]): Promise<void> {
      const { pid } = await until(`${what} to run`, () => random.pick(up.roles(what)));
      blows.push({ what, at: Date.now() });
      process.kill(pid, 'SIGKILL');
      await until('it to be gone', () => !isAlive(pid));
    }

    async function killService({ name, kill, start }: Service): Promise<void> {
      blows.push({ what: name, at: Date.now() });
      await kill();
      await sleep(random.between(0, 5_000));
      await start();
    }

    async function killSupervisor(): Promise<void> {
      blows.push({ what: 'supervisor', at: Date.now() });
      await up.kill();
      const killed = performance.now();
      await until('its roles to end', () => up.left().length === 0, 20_000);
      const endedMs = performance.now() - killed;
      await up.launch();
      const readyMs = performance.now() - killed - endedMs;
      console.log(
        `supervisor: roles ended after ${seconds(endedMs)} s, the next was ready after ${seconds(readyMs)} s`,
      );
    }

    async function restartDevice(): Promise<void> {
      blows.push({ what: 'device', at: Date.now() });
      await stayServer.kill();
      await sleep(random.between(0, 5_000));
      await stayServer.restart();
    }

    test('every visit is one incident, and so is the long stay', () => {
      for (const camera of ['visits', 'stay']) console.log(describeGaps(camera));
      const kills = blows.filter(({ what }) => what !== 'device');
      expect(kills).toHaveLength(stage.kills);
      const of = (camera: string): Incident[] => stored.filter((one) => one.camera === camera);

      const [stayed] = of('stay');
      expect(of('stay')).toHaveLength(1);
      expect(stayed).toMatchObject({ state: 'closed', closeReason: 'left' });
      expect(Date.parse(stayed?.closedAt ?? '') - Date.parse(stayed?.openedAt ?? '')).toBeGreaterThan(stage.stayMs);

      const begun = of('visits')
        .map(({ openedAt }) => Date.parse(openedAt))
        .sort((a, b) => a - b);
      console.log(`${visits.length} visits, ${begun.length} incidents, ${kills.length} kills`);
      expect(begun.map((at) => visits.findLastIndex((began) => began <= at))).toEqual(visits.map((_, n) => n));
      expect(of('visits').map(({ closeReason }) => closeReason)).toEqual(visits.map(() => 'left'));
    });

    test('the bus has each transition with one content, and the store what came last', () => {
      const contents = new Map<string, string>();
      for (const one of transitions) {
        const text = JSON.stringify(one);
        expect(text).toBe(contents.get(keyOf(one)) ?? text);
        contents.set(keyOf(one), text);
      }
      const ids = new Set(transitions.map(({ id }) => id));
      expect(new Set(stored.map(({ id }) => id))).toEqual(ids);
      expect(stored).toHaveLength(ids.size);
      for (const one of stored) {
        const revisions = [...new Set(transitions.filter(({ id }) => id === one.id).map(({ revision }) => revision))];
        expect(revisions).toEqual(Array.from({ length: one.revision }, (_, n) => n + 1));
      }
    });

    test('the webhook has each transition, at most one repeat a kill', () => {
      const expected = new Set(transitions.map(keyOf));
      const counts = receiver.counts();
      const repeats = [...counts].filter(([, times]) => times > 1);
      console.log(
        `${expected.size} transitions, ${receiver.received.length} messages, repeated: ${JSON.stringify(repeats)}`,
      );
      expect([...counts.keys()].sort()).toEqual([...expected].sort());
      expect(receiver.received.length - expected.size).toBeLessThanOrEqual(
        blows.filter(({ what }) => what === 'sink' || what === 'supervisor').length,
      );
      const bodies = new Map<string, string>();
      for (const { key, body } of receiver.received) {
        expect(body).toBe(bodies.get(key) ?? body);
        bodies.set(key, body);
      }
    });

    test('the evidence of each incident is whole, and there is no more', async () => {
      const known = new Set<string>();
      for (const one of stored) {
        const incident = await until(`the index to list the newest record of ${one.id}`, async () => {
          const response = await fetch(`${up.console}/api/v1/incidents/${one.id}`);
          const indexed = (await response.json()) as Incident;
          const record = indexed.evidence.find(({ kind }) => kind === 'record');
          if (!record) return false;
          const file = await readFile(join(stage.evidenceDir(up), record.key));
          return createHash('sha256').update(file).digest('hex') === record.sha256 && indexed;
        });
        const files = new Map<string, Buffer>();
        for (const { kind, key, sha256, bytes } of incident.evidence) {
          const file = await readFile(join(stage.evidenceDir(up), key));
          expect([file.length, createHash('sha256').update(file).digest('hex')], `${key}`).toEqual([bytes, sha256]);
          files.set(kind, file);
        }
        const record = parseRecord(files.get('record'));
        expect(record?.incident).toMatchObject({ id: one.id, revision: one.revision, state: 'closed' });
        expect(record?.transitions.map(({ revision }) => revision)).toEqual(
          Array.from({ length: one.revision }, (_, n) => n + 1),
        );
        expect(record?.files.map(({ sha256 }) => sha256).sort()).toEqual(
          incident.evidence
            .filter(({ kind }) => kind !== 'record')
            .map(({ sha256 }) => sha256)
            .sort(),
        );
        // Frames are in the memory of the supervisor: what was not stored before its end is gone, and said to be.
        // A slow machine stores late, but not after a minute.
        const openedAt = Date.parse(one.openedAt);
        const storedAt = Math.min(pictured.get(one.id) ?? Number.POSITIVE_INFINITY, openedAt + 60_000);
        const supervised =
          stage.keepsFrames ||
          blows.every(
            ({ what, at }) =>
              what !== 'supervisor' || at < openedAt - 5_000 || at > Math.max(openedAt + 5_000, storedAt + 1_000),
          );
        if (record?.missing.length) console.log(`${one.id} lacks ${JSON.stringify(record.missing)}`);
        if (supervised) expect([...files.keys()].sort()).toEqual(['annotated', 'record', 'snapshot']);
        for (const { key } of incident.evidence) known.add(key);
      }
      // Nothing was put twice under another name. Configurations are named by what is in them.
      const lying = await objects(stage.evidenceDir(up));
      expect(lying.filter((key) => !known.has(key) && !key.startsWith('configs/'))).toEqual([]);
    });

    test('it ends in order', async () => {
      expect(await up.stop()).toBe(0);
      expect(up.left()).toEqual([]);
    });

    /** The stretches in which nobody watched the camera, and what happened before. */
    function describeGaps(camera: string): string {
      const spans = coverage
        .filter((one) => one.camera === camera && one.watched)
        .map(({ from, to }) => [Date.parse(from), Date.parse(to)] as const)
        .sort(([a], [b]) => a - b);
      const gaps: { ms: number; after: string }[] = [];
      let seen = spans[0]?.[0] ?? 0;
      for (const [from, to] of spans) {
        const blow = blows.findLast(({ at }) => at < from);
        if (from - seen > 200) gaps.push({ ms: from - seen, after: blow?.what ?? 'the start' });
        seen = Math.max(seen, to);
      }
      gaps.sort((a, b) => b.ms - a.ms);
      return `${camera}: not watched for ${gaps.map(({ ms, after }) => `${seconds(ms)} s (${after})`).join(', ')}`;
    }
  });
}

function isClosed({ state }: Incident): boolean {
  return state === 'closed';
}

function keyOf({ id, revision }: Incident): string {
  return `${id}/${revision}`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}

/** Keys of the objects that lie as files in a folder, without what a store keeps for itself. */
async function objects(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((key) => !key.startsWith('.'));
}
