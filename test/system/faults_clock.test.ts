/** The clock of the machine is set while people are in the picture: back by 40 minutes, then to where it was. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SiteView } from '../../dashboards/console/views.ts';
import type { CameraStatus, Incident, Tracks } from '../../runtime/messages/types.ts';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { HAS_TEST_DATA, VTEST } from '../data.ts';
import { until } from '../wait.ts';
import { Receiver } from './receiver.ts';
import { Up } from './up.ts';
import { BusWatch, metricSum } from './watch_bus.ts';

/** Under an hour: put forward by more, an open incident is given up as one that nobody saw for an hour. */
const STEP_MS = 40 * 60_000;
const STREAM = '/yard';

describe.skipIf(!HAS_TEST_DATA)('a clock that is set', { timeout: 120_000 }, () => {
  let dir: string;
  let server: RtspServer;
  let receiver: Receiver;
  let up: Up;
  let watch: BusWatch;
  let incidents: Incident[];
  let tracks: Tracks[];
  let statuses: CameraStatus[];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'banksman-clock-'));
    server = await startRtspServer({
      streams: [
        {
          path: STREAM,
          source: {
            kind: 'file',
            // People walk about in this clip all the time.
            scenes: { people: [{ file: VTEST, fromS: 0, toS: 40 }], nobody: [{ pattern: 'smpte' }] },
            scene: 'people',
            encode: { width: 480, height: 360, fps: 10, keyInt: 10, bitrateKbps: 1000 },
          },
        },
      ],
    });
    receiver = new Receiver();
    await receiver.start();
    up = await Up.start(
      {
        detect: { workers: 1 },
        defaults: { sampling: { active_fps: 4, idle_fps: 2, width_px: 480 } },
        cameras: { yard: { url: server.url(STREAM) } },
        rules: [{ id: 'anybody', type: 'zone_entry', classes: ['person'], hold_s: 3 }],
        alerts: { webhooks: [{ id: 'ops', url: receiver.url }] },
      },
      {
        NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'shifted_clock.ts'))}`,
        BANKSMAN_TEST_CLOCK: join(dir, 'offset'),
      },
    );
    watch = await BusWatch.connect(up);
    incidents = watch.follow('incidents.v1');
    tracks = watch.follow('tracks.v1');
    statuses = watch.follow('camera.status.v1');
    await until('an incident', () => incidents.at(-1)?.state === 'open');
  }, 180_000);

  afterAll(async () => {
    await watch?.close();
    await up?.[Symbol.asyncDispose]();
    await Promise.all([server?.stop(), receiver?.stop(), rm(dir, { recursive: true, force: true })]);
  });

  async function setClock(offsetMs: number): Promise<void> {
    const from = tracks.length;
    await writeFile(join(dir, 'offset'), String(offsetMs));
    await until('frames of the new time', () =>
      tracks.slice(from).some(({ kind, to }) => {
        return kind === 'looked' && Math.abs(Date.parse(to) - Date.now() - offsetMs) < STEP_MS / 2;
      }),
    );
    await until('the console to say that it watches', async () => {
      const response = await fetch(`${up.console}/api/v1/cameras`);
      const site = (await response.json()) as SiteView;
      return site.cameras[0]?.watched;
    });
  }

  const stillOpen = (id: string): void => {
    expect(incidents.at(-1)).toMatchObject({ id, closeReason: null });
    expect(new Set(incidents.map((one) => one.id))).toEqual(new Set([id]));
  };

  test('back: a new session, watched again, the same incident', async () => {
    const id = incidents.at(-1)?.id ?? '';
    await setClock(-STEP_MS);
    await until('the reason', () => statuses.some(({ reason }) => reason === 'CLOCK_STEPPED'));
    await until('the incident to be in sight', () => incidents.at(-1)?.state === 'open');
    stillOpen(id);
  });

  test('while it is back incidents close and open as ever, with pictures and messages', async () => {
    const first = incidents.at(-1)?.id;
    await server.scene(STREAM, 'nobody');
    await until('the first to be closed', () => incidents.at(-1)?.closeReason === 'left');
    await server.scene(STREAM, 'people');
    const second = await until('another', () => {
      const newest = incidents.at(-1);
      return newest && newest.id !== first && newest.state === 'open' && newest;
    });
    expect(Math.abs(Date.parse(second.openedAt) - Date.now() + STEP_MS)).toBeLessThan(STEP_MS / 2);
    await until('their pictures', async () => {
      const all = await up.incidents();
      return all.length === 2 && all.every(({ evidence }) => evidence.length >= 3) && all;
    });
    await until('their messages', () => receiver.received.length >= 3);
  });

  test('to where it was: the same once more', async () => {
    const id = incidents.at(-1)?.id;
    const from = incidents.length;
    await setClock(0);
    await until('the incident to be in sight', () => incidents.at(-1)?.state === 'open');
    expect(new Set(incidents.slice(from).map((one) => one.id))).toEqual(new Set([id]));
  });

  test('nothing was restarted, and nothing was told twice', async () => {
    const text = await up.metrics();
    expect(metricSum(text, 'role_restarts_total')).toBe(0);
    expect([...receiver.counts().values()].filter((times) => times > 1)).toEqual([]);
    const told = incidents.filter(({ transition }) => transition === 'opened' || transition === 'closed');
    await until('every message', () => told.every(({ id, revision }) => receiver.counts().has(`${id}/${revision}`)));
  });
});
