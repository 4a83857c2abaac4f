/**
 * usage: npm run bench -- vtest [--model yolox-nano] [--fps 10] [--passes 2] [--kbps 1000] [--json]
 *
 * Detector, filters, static suppression and tracker together on vtest.avi (re-encoded without B-frames,
 * a key frame a second, JPEG, as a camera and ingest would), played over and over; the last pass is
 * scored on the sparse ground truth at IoU 0.5. Tracked boxes are those found on the sample and
 * confirmed. Bars for yolox-nano at 10 fps on the second pass: TP ≥ 58, FP ≤ 12 of 70.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadRegistry } from '../models/registry.ts';
import { lookScene, startScene } from '../processors/cleanup/core.ts';
import { DEFAULT_RULES } from '../processors/cleanup/filter.ts';
import { Detector } from '../processors/detect/look.ts';
import { toDetections } from '../processors/detect/records.ts';
import type { Box, Detection } from '../runtime/messages/types.ts';
import { toTimestamp } from '../runtime/time.ts';
import { TEST_DATA, VTEST } from '../test/data.ts';
import { type BoxScore, readPets, scoreBoxes, sumScores } from './eval/pets.ts';

const FILES: Record<string, string> = { 'yolox-nano': 'yolox_nano_416x416.onnx', 'nanodet-m': 'nanodet_m_320.onnx' };
const PETS = join(TEST_DATA, 'annotations/pets09_s2l1_sparse/gt_sparse.txt');
const [WIDTH, HEIGHT, VIDEO_FPS] = [480, 360, 10];
const START = Date.UTC(2026, 0, 1);

export interface VtestReport {
  /** Detections of the annotated frames at the default threshold, and tracked boxes of each pass. */
  detected: BoxScore;
  passes: (BoxScore & { ids: number })[];
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: 'yolox-nano' },
      fps: { type: 'string', default: '10' },
      passes: { type: 'string', default: '2' },
      kbps: { type: 'string', default: '1000' },
      json: { type: 'boolean', default: false },
    },
  });
  const frames = await detectVtest(values.model, Number(values.kbps));
  const report = scoreVtest(frames, Number(values.fps), Number(values.passes));
  if (values.json) return console.log(JSON.stringify(report, null, 2));
  const line = ({ truePositives, falsePositives, truth }: BoxScore) =>
    `TP ${truePositives}  FP ${falsePositives}  of ${truth}`;
  console.log(`detections      ${line(report.detected)}`);
  report.passes.forEach((pass, index) => {
    console.log(`tracks, pass ${index + 1}  ${line(pass)}  ids ${pass.ids}`);
  });
}

/** Detections of every frame, from score 0.1 up. */
export async function detectVtest(model: string, kbps: number): Promise<Detection[][]> {
  const manifest = (await loadRegistry({ env: {} })).get(model);
  const detector = await Detector.open(manifest, join(TEST_DATA, 'models', FILES[manifest.id] ?? manifest.file));
  const folder = await mkdtemp(join(tmpdir(), 'banksman-vtest-'));
  try {
    await toJpegs(kbps, join(folder, '%05d.jpg'));
    const frames: Detection[][] = [];
    for (const name of (await readdir(folder)).sort()) {
      const pixels = await detector.decode(await readFile(join(folder, name)));
      const { boxes } = await detector.look([pixels], { regions: [], floor: 0.1 });
      frames.push(toDetections(boxes, manifest.labels));
    }
    return frames;
  } finally {
    await rm(folder, { recursive: true });
    await detector.release();
  }
}

/** Plays the detections of the whole clip over and over, thinned to `fps`. */
export function scoreVtest(frames: readonly Detection[][], fps: number, passes: number): VtestReport {
  const truth = readPets(PETS);
  const step = Math.max(1, Math.round(VIDEO_FPS / fps));
  // Most annotations lie on frames 9, 19, 29, …: the thinned clip keeps those.
  const sampled = frames.keys().filter((frame) => frame % step === (step - 1) % step);
  const numbers = [...sampled];
  const score = (frame: number, boxes: Box[]): BoxScore[] => {
    const people = truth.get(frame);
    return people ? [scoreBoxes(boxes, people)] : [];
  };
  const isPerson = ({ class: name }: { class: string }) => name === 'person';
  const sure = (frame: number) => (frames[frame] ?? []).filter((it) => isPerson(it) && it.score >= 0.4);
  const detected = sumScores(
    numbers.flatMap((frame) =>
      score(
        frame,
        sure(frame).map(({ box }) => box),
      ),
    ),
  );

  let state = startScene();
  const results: VtestReport['passes'] = [];
  for (let pass = 0; pass < passes; pass++) {
    const scores: BoxScore[] = [];
    const ids = new Set<string>();
    for (const frame of numbers) {
      const captureTime = toTimestamp(START + ((pass * frames.length + frame) * 1000) / VIDEO_FPS);
      const sample = { captureTime, width: WIDTH, height: HEIGHT, boxes: frames[frame] ?? [] };
      const scene = lookScene(state, sample, DEFAULT_RULES, (index) => `${pass}/${frame}/${index}`);
      state = scene.state;
      const visible = scene.tracks.filter((track) => isPerson(track) && !track.coasting && !track.tentative);
      for (const { id } of visible) ids.add(id);
      scores.push(
        ...score(
          frame,
          visible.map(({ box }) => box),
        ),
      );
    }
    results.push({ ...sumScores(scores), ids: ids.size });
  }
  return { detected, passes: results };
}

async function toJpegs(kbps: number, location: string): Promise<void> {
  const decode = ['filesrc', `location=${VTEST}`, '!', 'decodebin', '!', 'videoconvert', '!'];
  const encode = ['x264enc', `bitrate=${kbps}`, 'bframes=0', 'key-int-max=10', 'speed-preset=veryfast', '!'];
  const again = ['h264parse', '!', 'avdec_h264', '!', 'videoconvert', '!', 'jpegenc', 'quality=85', '!'];
  const child = spawn(
    'gst-launch-1.0',
    ['-q', ...decode, ...encode, ...again, 'multifilesink', `location=${location}`],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const code = await new Promise((done, fail) => child.on('error', fail).on('exit', done));
  if (code !== 0) throw new Error(`gst-launch-1.0 ended with ${code}`);
}
