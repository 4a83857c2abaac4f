/**
 * The whole product with more cameras than detection can serve. Reported are, over the second half of the run:
 * the event-loop delay of every process's main thread (99th percentile of each 5 s, resolution
 * subtracted; median and worst of these), how old a frame is when its boxes are out, what was shed, and
 * resident memory at the middle and at the end.
 *
 * usage: npm run bench -- saturation [--cameras 3] [--seconds 60] [--workers 1] [--json]
 */
import { parseArgs } from 'node:util';
import { connectLocalBus } from '../runtime/bus/local/client.ts';
import { busSocketPath } from '../runtime/bus/local/paths.ts';
import { parseMessage } from '../runtime/messages/schemas.ts';
import { fromTimestamp } from '../runtime/time.ts';
import { startRtspServer } from '../simulator/rtsp/server.ts';
import { ONE_BY_ONE } from '../test/data.ts';
import { residentBytes } from '../test/processes.ts';
import { Up } from '../test/system/up.ts';
import { until } from '../test/wait.ts';
import { quantile } from './latency.ts';

const SAMPLE_MS = 5_000;
const LOOP_BAR_MS = 20;

interface Sample {
  atMs: number;
  /** By process: role, or `camera NAME`; ms. */
  loop: Map<string, number>;
  residentMb: number;
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      cameras: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '60' },
      workers: { type: 'string', default: '1' },
      json: { type: 'boolean' },
    },
  });
  const names = Array.from({ length: Number(values.cameras) }, (_, index) => `cam${index + 1}`);
  const server = await startRtspServer({
    streams: names.map((name, index) => ({
      path: `/${name}`,
      source: {
        kind: 'file',
        segments: [{ file: ONE_BY_ONE, fromS: 25 + index, toS: 43 }],
        encode: { width: 1280, height: 720, fps: 10, keyInt: 10, bitrateKbps: 2000 },
      },
    })),
  });
  try {
    await using up = await Up.start({
      detect: { workers: Number(values.workers) },
      cameras: Object.fromEntries(
        names.map((name) => [name, { url: server.url(`/${name}`), sampling: { active_fps: 10 } }]),
      ),
      rules: [{ id: 'entry', type: 'zone_entry', classes: ['person'], hold_s: 2 }],
    });
    await until('all cameras to play', async () =>
      (await Promise.all(names.map((name) => up.camera(name)))).every(({ state }) => state === 'active'),
    );
    const bus = await connectLocalBus(busSocketPath(up.dataDir));
    const over = new AbortController();
    const ages: { atMs: number; ms: number }[] = [];
    let shed = 0;
    const following = (async () => {
      for await (const message of bus.tail('detections.v1', 'latest', { signal: over.signal })) {
        const record = parseMessage('detections.v1', message);
        if (record.shed) shed += 1;
        else ages.push({ atMs: message.timestamp, ms: message.timestamp - fromTimestamp(record.captureTime) });
      }
    })();
    const samples: Sample[] = [];
    const endMs = Date.now() + Number(values.seconds) * 1000;
    while (Date.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
      samples.push(await sample(up));
    }
    over.abort();
    await following;
    await bus.close();
    report(values.json === true, samples, ages, shed);
  } finally {
    await server.stop();
  }
}

async function sample(up: Up): Promise<Sample> {
  const loop = new Map<string, number>();
  const text = await up.metrics();
  for (const [, labels, value] of text.matchAll(/^banksman_\w*event_loop_delay_p99_seconds\{(.*)\} (\S+)$/gm)) {
    const name = /(?:role|camera)="([^"]+)"/.exec(labels ?? '')?.[1] ?? '?';
    loop.set(name, Number(value) * 1000);
  }
  const residentMb = up.family().reduce((sum, { pid }) => sum + residentBytes(pid) / 1e6, 0);
  return { atMs: Date.now(), loop, residentMb };
}

function report(json: boolean, samples: Sample[], ages: { atMs: number; ms: number }[], shed: number): void {
  const half = samples.slice(Math.floor(samples.length / 2));
  const fromMs = half[0]?.atMs ?? 0;
  const late = ages.filter(({ atMs }) => atMs >= fromMs).map(({ ms }) => ms);
  const seconds = ((ages.at(-1)?.atMs ?? 0) - (ages[0]?.atMs ?? 0)) / 1000;
  const loops = [...(half[0]?.loop.keys() ?? [])].map((name) => {
    const all = half.map(({ loop }) => loop.get(name) ?? 0);
    return { process: name, medianMs: quantile(all, 0.5), worstMs: Math.max(...all) };
  });
  const result = {
    loops,
    ageMs: { p50: quantile(late, 0.5), p95: quantile(late, 0.95), worst: Math.max(...late) },
    looked: ages.length,
    lookedPerS: ages.length / seconds,
    shed,
    residentMb: { middle: half[0]?.residentMb ?? 0, end: half.at(-1)?.residentMb ?? 0 },
  };
  if (json) {
    console.log(JSON.stringify(result, null, 2));
    return;
  }
  for (const { process, medianMs, worstMs } of loops) {
    const mark = worstMs > LOOP_BAR_MS ? `  over ${LOOP_BAR_MS} ms` : '';
    console.log(
      `event loop ${process.padEnd(12)} p99 ${medianMs.toFixed(1)} ms, worst ${worstMs.toFixed(1)} ms${mark}`,
    );
  }
  const { p50, p95, worst } = result.ageMs;
  console.log(
    `frame taken → boxes out: p50 ${p50.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms, worst ${worst.toFixed(0)} ms`,
  );
  console.log(`looked at ${result.lookedPerS.toFixed(1)} a second, ${shed} frames shed at detection`);
  console.log(`resident: ${result.residentMb.middle.toFixed(0)} MB, at the end ${result.residentMb.end.toFixed(0)} MB`);
}
