/**
 * usage: node models/training/generate.ts --out DIR [--count N] [--seed S] [--kind train|val] [--life 0-1]
 *          [--workers N]
 *
 * Renders stills of the simulated site with their truth to a folder in COCO form. `train`: the site's cameras as they
 * hang, moved, and cameras anywhere; random furniture, people, vehicles, light and weather; a third of the pictures
 * from the life of a busy site.
 * `val`: seen by the site's own cameras, half of the pictures from its life and half with people and vehicles
 * anywhere, so that all classes are there near and far; before every second camera things stand elsewhere, with more
 * cones, barriers and pallets about. Seed and count give the same folder, whatever
 * the workers.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import sharp from 'sharp';
import { type CameraModel, Projection } from '../../simulator/camera.ts';
import { Sensor } from '../../simulator/picture/sensor.ts';
import { keyedSeed, Random } from '../../simulator/random.ts';
import { SceneRenderer } from '../../simulator/render/renderer.ts';
import { CAMERAS } from '../../simulator/site.ts';
import { TRUTH_CLASSES, type TruthObject } from '../../simulator/truth.ts';
import { FURNITURE } from '../../simulator/world/furniture.ts';
import { PLAN } from '../../simulator/world/plan.ts';
import type { ActorState, Conditions, World } from '../../simulator/world/types.ts';
import { makeWorld } from '../../simulator/world/world.ts';
import { randomActors, randomCamera, randomConditions, randomFurniture } from './random_site.ts';

const USAGE =
  'usage: node models/training/generate.ts --out DIR [--count N] [--seed S] [--kind train|val] [--life 0-1] [--workers N]';
/** Stills of one camera: what stands still is drawn once for all of them. */
const STILLS_PER_CAMERA = 24;
const LIFE_SHARE = { train: 0.35, val: 0.5 } as const;
/** Of cameras before which things stand elsewhere, with more of what people and hats are mistaken for. */
const MOVED_SHARE = { train: 0.6, val: 0.5 } as const;
/** Moments drawn for a still of life, of which the busiest is taken; a camera mostly sees nobody. */
const MOMENTS = 6;
const ANY_MOMENT_SHARE = 0.25;
const LIVES = ['busy', 'busy', 'night_shift'] as const;
/** Long enough that lorries come, which back out again; short enough to think up quickly. */
const LIFE_S = 240;
/** Boxes with less in sight are left out altogether: nothing of them is in the picture. */
const LEAST_VISIBLE = 0.02;

interface Job {
  out: string;
  count: number;
  seed: number;
  kind: 'train' | 'val';
  /** Share of the pictures that are from the life of the site. */
  life: number;
  workers: number;
  worker: number;
}

interface Still {
  id: number;
  file_name: string;
  width: number;
  height: number;
  objects: readonly TruthObject[];
}

/** Everything of one camera, in order. */
async function shoot(job: Job, group: number, say: (still: Still) => void): Promise<void> {
  const random = new Random(keyedSeed(job.seed, `${job.kind}-${group}`));
  const camera: CameraModel =
    job.kind === 'train' ? randomCamera(random) : (CAMERAS[group % CAMERAS.length] ?? random.pick(CAMERAS));
  const seed = keyedSeed(job.seed, `look-${group}`);
  const furniture = random.next() < MOVED_SHARE[job.kind] ? randomFurniture(random, camera) : FURNITURE;
  const renderer = new SceneRenderer(PLAN, camera, { seed, furniture });
  const sensor = new Sensor(camera, { seed, clock: random.next() < 0.4 });
  // With and without swaying leaves a camera has two still scenes, and each takes seconds to draw.
  const sways = random.next() < 0.5;
  const scenario = random.pick(LIVES);
  const world = makeWorld(scenario, keyedSeed(job.seed, `world-${group}`) % 1_000_000, LIFE_S);
  const first = group * STILLS_PER_CAMERA;
  for (let index = first; index < Math.min(job.count, first + STILLS_PER_CAMERA); index++) {
    const isLife = random.next() < job.life;
    const t = isLife ? moment(random, world, camera) : random.between(0, world.durationS);
    const actors: readonly ActorState[] = isLife ? world.actors(t) : randomActors(random, camera, `s${index}`);
    const own = world.conditions(t);
    const isOwn = isLife && scenario !== 'busy' && random.next() < 0.7;
    const drawn = isOwn ? still(own) : randomConditions(random);
    const conditions: Conditions = { ...drawn, sway: sways ? Math.max(0.3, drawn.sway) : 0 };
    const { pixels, objects } = renderer.render(actors, conditions, t);
    const rgb = toRgb(sensor.expose(pixels, conditions, t), camera.width, camera.height);
    const name = `${job.kind}-${String(index).padStart(6, '0')}.jpg`;
    const quality = Math.round(random.next() < 0.2 ? random.between(25, 50) : random.between(55, 92));
    await sharp(rgb, { raw: { width: camera.width, height: camera.height, channels: 3 } })
      .jpeg({ quality })
      .toFile(join(job.out, 'images', name));
    say({
      id: index + 1,
      file_name: name,
      width: camera.width,
      height: camera.height,
      objects: structuredClone(sensor.truth(objects, conditions, t)),
    });
  }
}

function moment(random: Random, world: World, camera: CameraModel): number {
  const projection = new Projection(camera);
  const inSight = (t: number): number =>
    world.actors(t).filter(({ at }) => {
      const seen = projection.project({ ...at, z: 1 });
      return seen !== null && seen.x > 0 && seen.x < 1 && seen.y > 0 && seen.y < 1;
    }).length;
  const any = random.next() < ANY_MOMENT_SHARE;
  const times = Array.from({ length: any ? 1 : MOMENTS }, () => random.between(0, world.durationS));
  const counts = times.map(inSight);
  return times[counts.indexOf(Math.max(...counts))] ?? 0;
}

/** Shake and turning move the picture, not its truth. */
function still(conditions: Conditions): Conditions {
  return { ...conditions, shake: 0, turning: 0 };
}

/** I420 in video range (ITU-R BT.601) to RGB, 8 bits, interleaved. */
function toRgb(i420: Uint8Array, width: number, height: number): Uint8Array {
  const rgb = new Uint8ClampedArray(width * height * 3);
  const luma = width * height;
  const half = width >> 1;
  let to = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++, to += 3) {
      const chroma = luma + (row >> 1) * half + (column >> 1);
      const y = 1.164 * ((i420[row * width + column] ?? 0) - 16);
      const u = (i420[chroma] ?? 0) - 128;
      const v = (i420[chroma + luma / 4] ?? 0) - 128;
      rgb[to] = y + 1.596 * v;
      rgb[to + 1] = y - 0.392 * u - 0.813 * v;
      rgb[to + 2] = y + 2.017 * u;
    }
  }
  return new Uint8Array(rgb.buffer);
}

function toCoco(stills: readonly Still[]): object {
  let id = 0;
  return {
    info: { description: 'Rendered pictures of the simulated site' },
    categories: TRUTH_CLASSES.map((name, index) => ({ id: index + 1, name })),
    images: stills.map(({ objects: _, ...image }) => image),
    annotations: stills.flatMap((image) =>
      image.objects
        .filter(({ visible }) => visible >= LEAST_VISIBLE)
        .map(({ class: name, box: [x1, y1, x2, y2], visible, inside }) => {
          const bbox = [x1 * image.width, y1 * image.height, (x2 - x1) * image.width, (y2 - y1) * image.height].map(
            (value) => Math.round(value * 100) / 100,
          );
          id += 1;
          return {
            id,
            image_id: image.id,
            category_id: TRUTH_CLASSES.indexOf(name) + 1,
            bbox,
            area: Math.round((bbox[2] ?? 0) * (bbox[3] ?? 0) * 100) / 100,
            iscrowd: 0,
            visible: Math.round(visible * 1000) / 1000,
            inside: Math.round(inside * 1000) / 1000,
          };
        }),
    ),
  };
}

function parse(args: string[]): Omit<Job, 'worker'> | null {
  const { values } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', default: false },
      out: { type: 'string' },
      count: { type: 'string', default: '4000' },
      seed: { type: 'string', default: '1' },
      kind: { type: 'string', default: 'train' },
      life: { type: 'string' },
      workers: { type: 'string', default: '2' },
    },
  });
  const { out, kind } = values;
  const [count, seed, workers] = [Number(values.count), Number(values.seed), Number(values.workers)];
  if (values.help || !out || (kind !== 'train' && kind !== 'val')) return null;
  const life = Number(values.life ?? LIFE_SHARE[kind]);
  const wrong = !(count > 0) || !Number.isInteger(seed) || !(workers > 0) || !(life >= 0 && life <= 1);
  return wrong ? null : { out, kind, life, count, seed, workers };
}

async function main(): Promise<void> {
  const options = parse(process.argv.slice(2));
  if (options === null) {
    console.error(USAGE);
    process.exitCode = 2;
    return;
  }
  mkdirSync(join(options.out, 'images'), { recursive: true });
  const stills: Still[] = [];
  const start = performance.now();
  const write = (): void => {
    const inOrder = stills.toSorted((a, b) => a.id - b.id);
    writeFileSync(join(options.out, 'instances.json'), JSON.stringify(toCoco(inOrder)));
  };
  await Promise.all(
    Array.from({ length: options.workers }, (_, worker) => {
      const thread = new Worker(new URL(import.meta.url), { workerData: { ...options, worker } });
      thread.on('message', (one: Still) => {
        stills.push(one);
        if (stills.length % 100 !== 0) return;
        const rate = (stills.length * 1000) / (performance.now() - start);
        console.error(`${stills.length} of ${options.count}, ${rate.toFixed(1)} a second`);
        // What is there can be used where the rest is not waited for.
        write();
      });
      return new Promise<void>((done, failed) => {
        thread.on('error', failed);
        thread.on('exit', (code) => (code === 0 ? done() : failed(new Error(`a worker ended with ${code}`))));
      });
    }),
  );
  write();
}

if (isMainThread) await main();
else {
  const job: Job = workerData;
  sharp.cache(false);
  sharp.concurrency(1);
  const groups = Math.ceil(job.count / STILLS_PER_CAMERA);
  for (let group = job.worker; group < groups; group += job.workers) {
    await shoot(job, group, (one) => parentPort?.postMessage(one));
  }
}
