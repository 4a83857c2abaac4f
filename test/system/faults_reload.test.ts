/** Edits of the site file while it runs: what did not change is not disturbed, what is wrong is not applied. */
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CameraView, SiteView } from '../../dashboards/console/views.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import type { CameraRecord, Tracks } from '../../runtime/messages/types.ts';
import { freePort } from '../../runtime/ports.ts';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { HAS_TEST_DATA } from '../data.ts';
import { isAlive } from '../processes.ts';
import { until } from '../wait.ts';
import { type SiteObject, Up } from './up.ts';
import { BusWatch, metricSum } from './watch_bus.ts';

describe.skipIf(!HAS_TEST_DATA)('edits of the site file', { timeout: 300_000 }, () => {
  let server: RtspServer;
  let up: Up;
  let watch: BusWatch;
  let tracks: Tracks[];
  /** Always the same, so that it is found after a restart of its role. */
  let consolePort: number;
  /** The session of the camera that no edit changes. */
  let session: { runId: string | null };

  const camera = (path: string, more: SiteObject = {}): SiteObject => ({ url: server.url(path), ...more });
  const rule = { id: 'anybody', type: 'zone_entry', detect_within_s: 3 };
  const site = (cameras: Record<string, SiteObject>, more: SiteObject = {}): SiteObject => ({
    detect: { workers: 1 },
    console: { bind: `127.0.0.1:${consolePort}` },
    cameras,
    rules: [rule],
    ...more,
  });

  beforeAll(async () => {
    const pattern = { kind: 'pattern' as const, width: 320, height: 180, fps: 5 };
    server = await startRtspServer({
      streams: ['/still', '/other', '/late'].map((path) => ({ path, source: pattern })),
    });
    consolePort = await freePort();
    up = await Up.start(site({ still: camera('/still'), other: camera('/other') }));
    watch = await BusWatch.connect(up);
    // Coverage and session are told apart, and in any order.
    await until('both to be watched, in sessions of their own', async () => {
      const { cameras } = await state();
      return cameras.length === 2 && cameras.every(({ watched, runId }) => watched && runId !== null);
    });
    session = { runId: (await tile('still')).runId };
    // Before its first session the agent spoke for it, under a run of its own.
    tracks = watch.follow('tracks.v1', 'latest');
  }, 300_000);

  afterAll(async () => {
    await watch?.close();
    await up?.[Symbol.asyncDispose]();
    await server?.stop();
  });

  async function state(): Promise<SiteView> {
    const response = await fetch(`${up.console}/api/v1/cameras`);
    return (await response.json()) as SiteView;
  }

  async function tile(id: string): Promise<CameraView> {
    const found = (await state()).cameras.find((one) => one.id === id);
    if (!found) throw new Error(`no camera ${id}`);
    return found;
  }

  async function reloads(result: 'applied' | 'refused'): Promise<number> {
    return metricSum(await up.metrics(), 'config_reloads_total', { result });
  }

  /** Writes it and waits until it was judged. */
  async function edit(next: SiteObject | string, result: 'applied' | 'refused'): Promise<void> {
    const before = await reloads(result);
    if (typeof next === 'string') await writeFile(up.configPath, next);
    else await up.write(next);
    await until(`the edit to be ${result}`, async () => (await reloads(result)) > before);
  }

  async function undisturbed(): Promise<void> {
    const at = Date.now();
    await until('looks after it', () => tracks.some((t) => t.camera === 'still' && Date.parse(t.to) > at));
    const runs = new Set(tracks.filter((t) => t.camera === 'still').map(({ runId }) => runId));
    expect([...runs]).toEqual([session.runId]);
    // A moment without looks, as on a busy machine, is no disturbance: the session is what tells.
    const now = await until('it to be watched', async () => {
      const seen = await tile('still');
      return seen.watched && seen;
    });
    expect(now.runId).toBe(session.runId);
    expect(metricSum(await up.metrics(), 'camera_reconnects_total', { camera: 'still' })).toBe(0);
  }

  test('a camera is added, and one is removed', async () => {
    expect(await server.clients()).toBe(2);
    await edit(site({ still: camera('/still'), other: camera('/other'), late: camera('/late') }), 'applied');
    await until('the new one to be watched', async () => (await tile('late')).watched);
    expect(await server.clients()).toBe(3);
    expect(metricSum(await up.metrics(), 'cameras_expected')).toBe(3);
    await undisturbed();

    await edit(site({ still: camera('/still'), late: camera('/late') }), 'applied');
    await until('its session to be over', async () => (await server.clients()) === 2);
    await until('it to be off the page', async () => !(await state()).cameras.some(({ id }) => id === 'other'));
    const text = await until('its series to be gone', async () => {
      const said = await up.metrics();
      const series = ['camera_watched{camera="other"', 'evidence_bytes_total{camera="other"'];
      return !series.some((one) => said.includes(one)) && said;
    });
    expect(metricSum(text, 'cameras_expected')).toBe(2);
    expect(await until('its process to be gone', () => cameraProcesses() === 2)).toBe(true);
    await undisturbed();
  });

  test('zones, rules and thresholds change without a new session', async () => {
    const zones = {
      gate: [
        [0.1, 0.1],
        [0.9, 0.1],
        [0.9, 0.9],
      ],
    };
    const zoned = { id: 'in-zone', type: 'zone_entry', zone: 'gate', detect_within_s: 3 };
    await edit(
      site(
        { still: camera('/still', { zones, filters: { person: { score: 0.5 } } }), late: camera('/late') },
        { rules: [rule, zoned] },
      ),
      'applied',
    );
    await until('the record to have them', async () =>
      Object.keys((await record('still'))?.zones ?? {}).includes('gate'),
    );
    await undisturbed();

    zones.gate = [
      [0.2, 0.2],
      [0.8, 0.2],
      [0.8, 0.8],
    ];
    await edit(
      site({ still: camera('/still', { zones }), late: camera('/late') }, { rules: [rule, zoned] }),
      'applied',
    );
    await until('the record to have moved', async () => (await record('still'))?.zones['gate']?.[0]?.[0] === 0.2);
    await undisturbed();
  });

  test('what is wrong is refused with its place, on the console and in a metric, and the old goes on', async () => {
    const good = await readFile(up.configPath, 'utf8');
    const twice = site({ still: camera('/still'), late: camera('/late'), twin: camera('/still') });
    const wrong: [SiteObject | string, RegExp][] = [
      ['site: test\ncameras:\n  still: [\n', /site\.yaml:\d+:\d+: error: .*\[CONFIG_SYNTAX\]/],
      ['', /site\.yaml:1:1: error: .*\[CONFIG_MISSING_KEY\]/],
      [site({ still: camera('/still', { zone: {} }) }), /site\.yaml:\d+:\d+: error: .*\[CONFIG_UNKNOWN_KEY\]/],
      [site({ still: camera('/still', { model: 'yolox' }) }), /\[CONFIG_UNKNOWN_REFERENCE\]/],
      [site({ still: camera('/still', { model: 'nanodet-m' }) }), /\[MODEL_NOT_PULLED\]/],
      [site({ still: camera('/still') }, { data_dir: './elsewhere' }), /data_dir cannot change while it runs/],
      [twice, /site\.yaml:\d+:\d+: error: [\s\S]*\[CONFIG_DUPLICATE_URL\]/],
    ];
    const before = new Set(up.family().map(({ pid }) => pid));
    for (const [edited, why] of wrong) {
      await edit(edited, 'refused');
      const { cameras } = await until('the console to say why', async () => {
        const said = await state();
        return why.test(said.refusedEdit?.why ?? '') && said;
      });
      expect(cameras.map(({ id }) => id)).toEqual(['late', 'still']);
      expect(metricSum(await up.metrics(), 'config_last_reload_successful')).toBe(0);
      await until('the terminal to say why', () => why.test(up.output));
    }
    await undisturbed();
    expect(await server.clients()).toBe(2);
    expect(
      [...before].filter((pid) => !isAlive(pid)),
      'processes that ended of it',
    ).toEqual([]);

    // Back to what is active: nothing to apply, nothing refused.
    await writeFile(up.configPath, good);
    await until('all to be well', async () => metricSum(await up.metrics(), 'config_last_reload_successful') === 1);
    expect((await state()).refusedEdit).toBeNull();
    await undisturbed();
  });

  test('an edit that a role cannot start with is rolled back', async () => {
    const taken = new URL(server.url('/').replace('rtsp:', 'http:')).port;
    const cameras = { still: camera('/still'), late: camera('/late') };
    await edit(site(cameras, { console: { bind: `127.0.0.1:${taken}` } }), 'refused');
    await until(
      'the console to be back',
      async () => metricSum(await up.metrics(), 'role_up', { role: 'console' }) === 1,
    );
    expect(up.output).toMatch(/console\.bind 127\.0\.0\.1:\d+: the port is taken \[PORT_TAKEN\]/);
    expect((await state()).refusedEdit?.why).toContain('PORT_TAKEN');
    await undisturbed();
  });

  async function record(id: string): Promise<CameraRecord | undefined> {
    const table = watch.bus.table('cameras.v1');
    await table.start();
    const value = table.get(cameraKey('test', id))?.value;
    await table.stop();
    return value ? (JSON.parse(value.toString('utf8')) as CameraRecord) : undefined;
  }

  function cameraProcesses(): number {
    return up.family().filter(({ args }) => args.some((arg) => arg.endsWith('ingest/camera.ts'))).length;
  }
});
