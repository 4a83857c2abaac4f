/**
 * How long after somebody appears an incident is on the bus. One 720p camera at 10 fps, the person
 * cut into the picture at a known frame; every frame carries the wall clock at its painting. Reported
 * are, over all openings: from the painting of the deciding frame, and from the first frame with the
 * person, less the rule's own minimum duration.
 *
 * usage: npm run bench -- latency [--openings 30] [--json]
 */
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { connectLocalBus } from '../runtime/bus/local/client.ts';
import { busSocketPath } from '../runtime/bus/local/paths.ts';
import type { Bus } from '../runtime/bus/types.ts';
import { decodeFrameHeaders, splitFrame } from '../runtime/messages/codec.ts';
import { parseMessage } from '../runtime/messages/schemas.ts';
import type { Incident } from '../runtime/messages/types.ts';
import { type RtspServer, startRtspServer } from '../simulator/rtsp/server.ts';
import { readStrip } from '../simulator/rtsp/strip.ts';
import { VISITOR } from '../test/data.ts';
import { residentBytes } from '../test/processes.ts';
import { Up } from '../test/system/up.ts';
import { until } from '../test/wait.ts';

const MIN_DURATION_S = 0.5;
const BAR_MS = 600;
const CAMERA = 'gate';
const PATH = '/gate';

export interface Opening {
  /** Painting of the deciding frame to the record's arrival on the bus, ms. */
  fromDecidingFrameMs: number | null;
  /** First frame with the person to the record's arrival, less the minimum duration, ms. */
  fromAppearanceMs: number;
}

export interface LatencyReport {
  openings: Opening[];
  residentMb: Record<string, number>;
}

/** @param openings how many times the person appears. */
export async function measureLatency(openings: number): Promise<LatencyReport> {
  const server = await startRtspServer({
    streams: [
      {
        path: PATH,
        source: {
          kind: 'file',
          scenes: VISITOR,
          scene: 'empty',
          paint: true,
          encode: { width: 1280, height: 720, fps: 10, keyInt: 10, bitrateKbps: 2000 },
        },
      },
    ],
  });
  try {
    await using up = await Up.start({
      cameras: { [CAMERA]: { url: server.url(PATH), sampling: { active_fps: 10 } } },
      rules: [{ id: 'entry', type: 'zone_entry', classes: ['person'], min_duration_s: MIN_DURATION_S, hold_s: 1 }],
    });
    const bus = await connectLocalBus(busSocketPath(up.dataDir));
    const measured = await openAndClose(up, server, bus, openings);
    const residentMb: Record<string, number> = {};
    for (const { pid, args } of up.family()) {
      const name = args.findLast((arg) => /^(up|sink|process|console|ingest)$|camera\.ts$/.test(arg)) ?? String(pid);
      residentMb[name.endsWith('camera.ts') ? 'camera' : name] = residentBytes(pid) / 1e6;
    }
    await bus.close();
    return { openings: measured, residentMb };
  } finally {
    await server.stop();
  }
}

async function openAndClose(up: Up, server: RtspServer, bus: Bus, openings: number): Promise<Opening[]> {
  const abort = new AbortController();
  const incidents: { incident: Incident; at: number }[] = [];
  const following = (async () => {
    for await (const message of bus.tail('incidents.v1', 'earliest', { signal: abort.signal })) {
      incidents.push({ incident: parseMessage('incidents.v1', message), at: message.timestamp });
    }
  })();
  await until('the camera to be watched', async () => (await up.camera(CAMERA)).watched);
  const seen = (transition: string) => incidents.filter(({ incident }) => incident.transition === transition);
  const measured: Opening[] = [];
  for (let n = 1; n <= openings; n += 1) {
    const begun = new Promise<number>((resolve) => {
      const stop = server.onSegment((event) => {
        if (event.scene !== 'person') return;
        stop();
        resolve(event.atMs);
      });
    });
    await server.scene(PATH, 'person');
    const appearedAt = await begun;
    const opened = await until(`opening ${n}`, () => seen('opened')[n - 1], 30_000, 20);
    measured.push({
      fromDecidingFrameMs: await sincePainting(bus, opened.incident, opened.at),
      fromAppearanceMs: opened.at - appearedAt - MIN_DURATION_S * 1000,
    });
    await server.scene(PATH, 'empty');
    await until(`closing ${n}`, () => seen('closed')[n - 1], 30_000, 20);
    // Longer than a lost track is remembered, and not in step with the key frames or the heartbeat.
    await new Promise((resolve) => setTimeout(resolve, 2_500 + ((n * 370) % 1000)));
  }
  abort.abort();
  await following;
  return measured;
}

async function sincePainting(bus: Bus, incident: Incident, at: number): Promise<number | null> {
  const { frame } = incident.peak;
  const message = frame ? await bus.read(frame.topic, frame.partition, Number(frame.offset)) : undefined;
  if (!message?.value) return null;
  const [jpeg] = splitFrame(decodeFrameHeaders(message.headers), message.value);
  const { data, info } = await sharp(jpeg).grayscale().raw().toBuffer({ resolveWithObject: true });
  const strip = readStrip(data, info.width, info.height);
  return strip ? at - strip.wallMs : null;
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { openings: { type: 'string', default: '30' }, json: { type: 'boolean' } },
  });
  const report = await measureLatency(Number(values.openings));
  if (values.json) return console.log(JSON.stringify(report, null, 2));
  const line = (what: string, all: number[]): string =>
    `${what.padEnd(58)} p50 ${quantile(all, 0.5).toFixed(0)} ms, p95 ${quantile(all, 0.95).toFixed(0)} ms, range ${Math.min(...all).toFixed(0)} to ${Math.max(...all).toFixed(0)} ms`;
  const appearance = report.openings.map((opening) => opening.fromAppearanceMs);
  const deciding = report.openings.flatMap(({ fromDecidingFrameMs: ms }) => (ms === null ? [] : [ms]));
  console.log(`720p10, yolox-nano, minimum duration ${MIN_DURATION_S} s, ${report.openings.length} openings`);
  console.log(line('deciding frame painted → incident on the bus', deciding));
  console.log(line(`person appears → incident, less minimum duration (≤ ${BAR_MS})`, appearance));
  const total = Object.values(report.residentMb).reduce((sum, mb) => sum + mb, 0);
  const parts = Object.entries(report.residentMb).map(([name, mb]) => `${name} ${mb.toFixed(0)}`);
  console.log(`resident: ${total.toFixed(0)} MB (${parts.join(', ')})`);
}
