import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apply } from '../picture/matrix.ts';
import { readStrip, type Strip } from '../rtsp/strip.ts';
import type { ClipConditions } from './conditions.ts';
import { renderClips } from './render.ts';
import { serveClips, siteClips } from './site_clips.ts';
import { openTruth } from './truth.ts';
import type { Clip } from './types.ts';

const MAKERS = new URL('./boards_testing.ts', import.meta.url).href;

let cacheDir: string;
beforeAll(() => {
  cacheDir = mkdtempSync(join(tmpdir(), 'banksman-site-clips-'));
});
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

/** The gate in the scenario in which somebody comes in by it, painted small. */
async function atGate(seconds: number, strip: boolean, conditions: ClipConditions = {}): Promise<Clip> {
  const { specs, world } = siteClips({ scenario: 'line_crossing', seed: 1, cameras: ['gate'], conditions, strip });
  const short = specs.map((spec) => {
    const camera = { ...spec.camera, width: 480, height: 272, fps: 5 };
    return { ...spec, camera, frames: seconds * camera.fps };
  });
  const [clip] = await renderClips(short, { cacheDir, makers: MAKERS, incidents: () => world.incidents });
  if (!clip) throw new Error('no clip');
  return clip;
}

describe('the truth beside a clip', () => {
  test.each([
    ['at rest', {}],
    ['turning and shaking', { turning: 2, shake: 3 }],
  ] as const)(
    'its homography takes ground points to where the boxes stand: %s',
    async (_name, conditions) => {
      const clip = await atGate(32, false, conditions);
      const { header, frames } = await openTruth(clip.truth);
      const { width, height } = header.camera;
      let looked = 0;
      for await (const { index, objects, warp } of frames) {
        for (const { box, ground, inside, class: name } of objects) {
          if (name !== 'person' || inside < 1) continue;
          const rest = apply(header.homography, ground.x, ground.y);
          const { x, y } = warp ? apply(warp, rest.x, rest.y) : rest;
          const off = Math.hypot((x - (box[0] + box[2]) / 2) * width, (y - box[3]) * height);
          expect(off, `frame ${index}`).toBeLessThan(2);
          looked++;
        }
      }
      expect(looked).toBeGreaterThan(50);
    },
    120_000,
  );

  test('tells what happens on the site, whatever of it is in the clip', async () => {
    const { header } = await openTruth((await atGate(32, false)).truth);
    const { world } = siteClips({ scenario: 'line_crossing', seed: 1 });
    expect(header.incidents).toEqual(JSON.parse(JSON.stringify(world.incidents)));
    expect(header.incidents.map(({ kind, direction, place }) => [kind, direction, place])).toEqual([
      ['line_crossing', 'in', 'gate-line'],
      ['line_crossing', 'out', 'gate-line'],
    ]);
  }, 120_000);
});

/** Strips of the first pictures that a client which is not ours decodes. */
async function stripsOf(url: string, width: number, height: number, count: number): Promise<(Strip | null)[]> {
  const line = `rtspsrc location=${url} protocols=tcp latency=0 ! rtph264depay ! h264parse ! avdec_h264 ! videoconvert ! video/x-raw,format=GRAY8 ! fdsink fd=1 sync=false`;
  const client = spawn('gst-launch-1.0', ['-q', ...line.split(' ')], { stdio: ['ignore', 'pipe', 'ignore'] });
  const found: (Strip | null)[] = [];
  let left = Buffer.alloc(0);
  try {
    for await (const chunk of client.stdout) {
      left = Buffer.concat([left, chunk]);
      for (; left.length >= width * height && found.length < count; left = left.subarray(width * height)) {
        found.push(readStrip(left.subarray(0, width * height), width, height, { nearMs: 0 }));
      }
      if (found.length >= count) break;
    }
  } finally {
    client.kill('SIGKILL');
  }
  return found;
}

test('the strip survives x264 and RTSP: its counter goes on by one, and its time with it', async () => {
  const clip = await atGate(6, true);
  const { width, height, fps } = clip.spec.camera;
  const server = await serveClips([clip]);
  try {
    const seen = await stripsOf(server.url('/gate'), width, height, 25);
    const first = seen[0]?.counter ?? Number.NaN;
    const counters = Array.from({ length: 25 }, (_, i) => (first + i) % clip.spec.frames);
    expect(seen).toEqual(counters.map((counter) => ({ counter, wallMs: (counter * 1000) / fps })));
  } finally {
    await server.stop();
  }
}, 120_000);
