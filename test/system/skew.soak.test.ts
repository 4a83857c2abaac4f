/**
 * Two ingest agents on Kafka, the clock of one 30 s ahead. When either dies its cameras move to the other, in the
 * middle of an incident: capture times go back by 30 s, and forward.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBus } from '../../runtime/bus/open.ts';
import { silentLogger } from '../../runtime/log.ts';
import type { CameraOwner, CameraStatus, Detections, Evidence, Incident } from '../../runtime/messages/types.ts';
import { type FileSource, type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { HAS_TEST_DATA, VISITOR, YOLOX_NANO } from '../data.ts';
import { KafkaServer } from '../services/kafka.ts';
import { until } from '../wait.ts';
import { onKafka } from './on_kafka.ts';
import { Receiver } from './receiver.ts';
import { Role } from './role.ts';
import { banksman, type SiteObject } from './up.ts';
import { BusWatch, metricSum } from './watch_bus.ts';

const SKEW_MS = 30_000;
const NEAR_MS = 12_000;
const LONG_MS = 120_000;
const CAMERAS = ['left', 'right'] as const;
type Camera = (typeof CAMERAS)[number];

const room = (): FileSource => ({
  kind: 'file',
  scenes: VISITOR,
  scene: 'empty',
  encode: { width: 640, height: 360, fps: 10, keyInt: 10, bitrateKbps: 1000 },
});

describe.skipIf(!HAS_TEST_DATA)('agents whose clocks are 30 s apart', { timeout: 400_000 }, () => {
  const kafka = new KafkaServer();
  const ops = new Receiver();
  const parts = new AsyncDisposableStack();
  let dir: string;
  let env: Record<string, string>;
  let site: SiteObject;
  let server: RtspServer;
  let watch: BusWatch;
  let sink: Role;
  let processors: Role[];
  let right: Role;
  let skewed: Role;
  let incidents: Incident[];
  let evidence: Evidence[];
  let owners: CameraOwner[];
  let statuses: CameraStatus[];
  let detections: Detections[];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'banksman-skew-'));
    parts.defer(() => rm(dir, { recursive: true, force: true }));
    [server] = await Promise.all([
      startRtspServer({ streams: CAMERAS.map((camera) => ({ path: `/${camera}`, source: room() })) }),
      kafka.start(),
      ops.start(),
    ]);
    parts.defer(async () => {
      await Promise.all([server.stop(), kafka[Symbol.asyncDispose](), ops.stop()]);
    });
    env = { BANKSMAN_MODELS_DIR: join(dir, 'models'), NO_COLOR: '1' };
    const pulled = await banksman(['models', 'pull', 'yolox-nano', '--from', YOLOX_NANO], env);
    expect(pulled.code, pulled.stderr).toBe(0);
    // As many as no topic of the local bus has: whoever reads a partition must know its cameras.
    const cluster = onKafka(kafka, { partitions: 6 });
    site = {
      bus: cluster.bus,
      detect: { workers: 1 },
      cameras: Object.fromEntries(
        CAMERAS.map((id) => [id, { url: server.url(`/${id}`), sampling: { active_fps: 4, width_px: 640 } }]),
      ),
      rules: [{ id: 'anybody', type: 'zone_entry', classes: ['person'], hold_s: 2, cool_down_s: 0 }],
      alerts: { webhooks: [{ id: 'ops', url: ops.url }] },
    };
    await cluster.makeTopics(dir, site);
    const applied = await banksman(
      ['cameras', 'apply', '--yes', '-c', join(dir, 'site.yaml'), '-f', join(dir, 'site.yaml')],
      env,
    );
    expect(applied.code, applied.stderr).toBe(0);
    watch = new BusWatch(
      await openBus(cluster.address, { clientId: 'test', log: silentLogger, onLost: () => undefined }),
    );
    parts.defer(() => watch.close());
    incidents = watch.follow('incidents.v1');
    evidence = watch.follow('evidence.v1');
    owners = watch.follow('camera.owners.v1');
    statuses = watch.follow('camera.status.v1');
    detections = watch.follow('detections.v1');
    const start = async (role: 'process' | 'sink', name: string): Promise<Role> =>
      parts.use(await Role.start({ role, dir: join(dir, name), site, env }));
    [sink, ...processors] = await Promise.all([
      start('sink', 'sink'),
      start('process', 'process-1'),
      start('process', 'process-2'),
    ]);
    [right, skewed] = await Promise.all([agent('right', 0), agent('skewed', SKEW_MS)]);
    await watched();
  }, 300_000);

  afterAll(() => parts.disposeAsync());

  /** An ingest agent on a machine whose clock is off by so much. */
  async function agent(name: string, skewMs: number): Promise<Role> {
    await writeFile(join(dir, `${name}.clock`), String(skewMs));
    const clock = {
      NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'shifted_clock.ts'))}`,
      BANKSMAN_TEST_CLOCK: join(dir, `${name}.clock`),
    };
    return parts.use(await Role.start({ role: 'ingest', dir: join(dir, name), site, env: { ...env, ...clock } }));
  }

  async function watched(): Promise<void> {
    const areWatched = async () => metricSum(await sink.metrics(), 'camera_watched') === CAMERAS.length;
    await until('both cameras to be watched', areWatched, LONG_MS);
  }

  /** The agent that has a camera now. */
  const ownerOf = (camera: Camera): string | undefined => owners.findLast((one) => one.camera === camera)?.agent;
  const of = (camera: Camera, from = 0): Incident[] => incidents.slice(from).filter((one) => one.camera === camera);

  /** How far ahead the clock is that stamps a camera's times, as frames say that come now. */
  async function offsetOf(camera: Camera): Promise<number> {
    const from = detections.length;
    const frame = await until('a frame', () => detections.slice(from).find((one) => one.camera === camera), LONG_MS);
    return Date.parse(frame.receiveTime) - Date.now();
  }

  /** Somebody comes to each camera and goes. One incident each, in order, told and kept once. @returns both */
  async function visits(meanwhile: () => Promise<void> = async () => undefined): Promise<Map<Camera, Incident>> {
    const from = incidents.length;
    const told = ops.received.length;
    await Promise.all(CAMERAS.map((camera) => server.scene(`/${camera}`, 'person')));
    await until('an incident at each', () => CAMERAS.every((camera) => of(camera, from).length > 0), LONG_MS);
    await meanwhile();
    expect(incidents.slice(from).filter(({ state }) => state === 'closed')).toEqual([]);
    await Promise.all(CAMERAS.map((camera) => server.scene(`/${camera}`, 'empty')));
    await until(
      'both to be over',
      () => CAMERAS.every((camera) => of(camera, from).at(-1)?.state === 'closed'),
      LONG_MS,
    );
    const ended = new Map<Camera, Incident>();
    for (const camera of CAMERAS) {
      const own = of(camera, from);
      const [first, last] = [own[0], own.at(-1)];
      if (!first || !last) throw new Error('no incident');
      expect(new Set(own.map(({ id }) => id)).size, `incidents at ${camera}`).toBe(1);
      expect(own.map(({ revision }) => revision)).toEqual(own.map((_, n) => n + 1));
      expect(own.filter(({ transition }) => transition === 'closed')).toHaveLength(1);
      expect(last.closeReason).toBe('left');
      const times = own.map(({ updatedAt }) => updatedAt);
      expect(times).toEqual(times.toSorted());
      const has = (kind: string) =>
        evidence.some((one) => one.incident === last.id && one.kind === kind && one.complete);
      await until('its evidence', () => ['snapshot', 'record'].every(has), LONG_MS);
      ended.set(camera, last);
    }
    const messages = incidents.slice(from).filter(({ transition }) => transition !== 'updated');
    await until('the messages', () => ops.received.length >= told + messages.length, LONG_MS);
    const keys = ops.received.slice(told).map(({ key }) => key);
    expect(keys.sort()).toEqual(messages.map(({ id, revision }) => `${id}/${revision}`).sort());
    return ended;
  }

  test('each has a camera, both are watched, and the skew is said', async () => {
    expect(new Set(CAMERAS.map(ownerOf)).size).toBe(2);
    const text = await sink.metrics();
    const offsets = CAMERAS.map((camera) =>
      metricSum(text, 'agent_clock_offset_seconds', { agent: ownerOf(camera) ?? '' }),
    ).sort((a, b) => a - b);
    expect(Math.abs(offsets[0] ?? Number.NaN)).toBeLessThan(5);
    expect(Math.abs((offsets[1] ?? Number.NaN) - SKEW_MS / 1_000)).toBeLessThan(5);
    await until('it to be logged', () => sink.output.includes('AGENT_CLOCK_OFFSET'), LONG_MS);
    const said = await banksman(['status', '-c', join(dir, 'sink/site.yaml'), '--json'], env);
    const { cameras }: { cameras: { watched: boolean; reason: string | null }[] } = JSON.parse(said.stdout);
    expect(cameras.map(({ watched, reason }) => [watched, reason])).toEqual(CAMERAS.map(() => [true, null]));
  });

  test('a visit at each is an incident, in the time of its agent', async () => {
    const ended = await visits();
    const [early = 0, late = 0] = [...ended.values()].map(({ openedAt }) => Date.parse(openedAt)).sort((a, b) => a - b);
    expect(Math.abs(late - early - SKEW_MS)).toBeLessThan(NEAR_MS);
  });

  test('the one whose clock is ahead dies: times go back, and what is open is the same', async () => {
    const from = statuses.length;
    await visits(async () => {
      await skewed.kill();
      await until('all to be the other’s', () => new Set(CAMERAS.map(ownerOf)).size === 1, LONG_MS);
      await watched();
    });
    for (const camera of CAMERAS) expect(Math.abs(await offsetOf(camera))).toBeLessThan(NEAR_MS);
    expect(statuses.slice(from).filter(({ reason }) => reason === 'CLOCK_STEPPED')).toEqual([]);
  });

  test('the one whose clock is right dies: times go forward, and what is open is the same', async () => {
    const before = new Set(owners.map(({ agent: id }) => id));
    skewed = await agent('skewed', SKEW_MS);
    await watched();
    await visits(async () => {
      await right.kill();
      await until(
        'all to be the other’s',
        () => CAMERAS.every((camera) => !before.has(ownerOf(camera) ?? '')),
        LONG_MS,
      );
      await watched();
    });
    for (const camera of CAMERAS) expect(Math.abs((await offsetOf(camera)) - SKEW_MS)).toBeLessThan(NEAR_MS);
    expect([sink, ...processors].every(({ isAlive }) => isAlive)).toBe(true);
    expect(metricSum(await sink.metrics(), 'dead_letters_total')).toBe(0);
  });
});
