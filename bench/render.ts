/**
 * usage: npm run bench -- render [--repeats N] [--frames N] [--json]
 * How fast the simulator draws: frames a second on one core, encoding aside, median and range over the repeats. `demo`:
 * the demo's round as its four cameras see it, wind and clouds included; `sensor`: the same with the sensor's noise and
 * clock, all that a clip takes before its encoder; beside it what real time takes. The others are drawn alone, without
 * a sensor, in the yard. `calm`: the site with nobody in motion near; `busy`: ten people and vehicles at work;
 * `wind`: trees and cloth sway as well; `clouds`: the light changes from frame to frame; `full`: the busy frame with the whole scene
 * shaded anew, as without kept colours.
 */
import { parseArgs } from 'node:util';
import { Sensor } from '../simulator/picture/sensor.ts';
import { SceneRenderer } from '../simulator/render/renderer.ts';
import { CAMERAS, cameraModel } from '../simulator/site.ts';
import { PLAN } from '../simulator/world/plan.ts';
import {
  type ActorState,
  CLEAR,
  type Conditions,
  type PersonState,
  type VehicleState,
} from '../simulator/world/types.ts';
import { makeWorld } from '../simulator/world/world.ts';

interface Case {
  name: string;
  actors: (t: number) => ActorState[];
  conditions: Conditions;
  keepScene: boolean;
}

/** Frames before it counts: scenes are drawn, code is compiled. */
const WARM_UP = 60;

/** Frames a second of all cameras of the site. */
const REAL_TIME = CAMERAS.reduce((sum, { fps }) => sum + fps, 0);

const CASES: readonly Case[] = [
  { name: 'calm', actors: (t) => crew(t, 2, 0), conditions: CLEAR, keepScene: true },
  { name: 'busy', actors: (t) => crew(t, 8, 2), conditions: CLEAR, keepScene: true },
  { name: 'wind', actors: (t) => crew(t, 8, 2), conditions: { ...CLEAR, sway: 2 }, keepScene: true },
  { name: 'clouds', actors: (t) => crew(t, 8, 2), conditions: { ...CLEAR, clouds: 2 }, keepScene: true },
  { name: 'full', actors: (t) => crew(t, 8, 2), conditions: CLEAR, keepScene: false },
];

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      repeats: { type: 'string', default: '5' },
      frames: { type: 'string', default: '150' },
      json: { type: 'boolean', default: false },
    },
  });
  const frames = Number(values.frames);
  const repeats = Number(values.repeats);
  const results = CASES.map(({ name, actors, conditions, keepScene }) => {
    const renderer = new SceneRenderer(PLAN, cameraModel('yard'), { seed: 1, keepScene });
    return measure(name, repeats, frames, (i) => renderer.render(actors(i / 10), conditions, i / 10));
  });
  const views = CAMERAS.map((camera) => ({
    renderer: new SceneRenderer(PLAN, camera, { seed: 1 }),
    sensor: new Sensor(camera, { seed: 1, clock: true }),
  }));
  results.unshift(demo(views, repeats, frames, false), demo(views, repeats, frames, true));
  const rate = (wanted: string): number => results.find(({ name }) => name === wanted)?.median ?? 0;
  const gain = rate('busy') / rate('full');
  if (values.json) {
    console.log(JSON.stringify({ width: 960, height: 540, frames, results, gain, realTime: REAL_TIME }));
    return;
  }
  console.log(`960×540, frames per second of CPU time, median (range) of ${values.repeats} × ${frames} frames`);
  for (const { name, median, low, high } of results) {
    const beside = name === 'sensor' ? `  real time of ${CAMERAS.length} cameras: ${REAL_TIME}` : '';
    console.log(`${name.padEnd(7)} ${median.toFixed(0).padStart(5)}  (${low.toFixed(0)}–${high.toFixed(0)})${beside}`);
  }
  console.log(`keeping the still scene: ${gain.toFixed(1)} × the busy frame drawn in full`);
}

interface Rate {
  name: string;
  median: number;
  low: number;
  high: number;
}

/** Frames a second of CPU time. */
function measure(name: string, repeats: number, frames: number, draw: (index: number) => void): Rate {
  for (let i = 0; i < WARM_UP; i++) draw(i);
  const rates: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const before = process.cpuUsage();
    for (let i = 0; i < frames; i++) draw(i);
    const spent = process.cpuUsage(before);
    rates.push((frames * 1e6) / (spent.user + spent.system));
  }
  rates.sort((a, b) => a - b);
  return { name, median: rates[rates.length >> 1] ?? 0, low: rates[0] ?? 0, high: rates.at(-1) ?? 0 };
}

interface View {
  renderer: SceneRenderer;
  sensor: Sensor;
}

/** Moments spread over the whole round, two frames in a row at each, cameras in turn. */
function demo(views: readonly View[], repeats: number, frames: number, withSensor: boolean): Rate {
  const world = makeWorld('demo', 1);
  const moments = Math.ceil(frames / (2 * views.length));
  return measure(withSensor ? 'sensor' : 'demo', repeats, 2 * views.length * moments, (index) => {
    const moment = Math.floor(index / (2 * views.length)) % moments;
    const t = (moment * world.durationS) / moments + (index % 2) / 10;
    const view = views[Math.floor(index / 2) % views.length];
    if (!view) return;
    const conditions = world.conditions(t);
    const { pixels } = view.renderer.render(world.actors(t), conditions, t);
    if (withSensor) view.sensor.expose(pixels, conditions, t);
  });
}

/** People in motion in the yard camera's picture, and forklifts. */
function crew(t: number, people: number, forklifts: number): ActorState[] {
  const persons = Array.from({ length: people }, (_, i): PersonState => {
    const turn = t * 0.35 + i * 1.7;
    const reach = 1.2 + 0.25 * i;
    return {
      kind: 'person',
      id: `person-${i}`,
      look: {
        skin: [190, 140, 110],
        jacket: [50, 60, 90],
        trousers: [40, 45, 60],
        helmet: i % 3 === 0 ? null : [240, 240, 240],
        vest: i % 2 === 0 ? [240, 120, 30] : null,
        hair: [60, 40, 30],
        heightM: 1.7 + 0.02 * i,
        build: 0.26,
      },
      at: { x: 38 + 1.5 * i + reach * Math.cos(turn), y: 8 + reach * Math.sin(turn) },
      heading: turn + Math.PI / 2,
      posture: 'walking',
      speed: 1.3,
      stride: (t * 0.9 + i * 0.3) % 1,
      crouch: 0,
      fallen: 0,
      idle: 0,
    };
  });
  const vehicles = Array.from({ length: forklifts }, (_, i): VehicleState => {
    const turn = t * 0.3 + i * 3;
    return {
      kind: 'forklift',
      id: `forklift-${i}`,
      colour: [230, 130, 30],
      at: { x: 34 + 6 * i + 2 * Math.cos(turn), y: 12 + 2 * Math.sin(turn) },
      heading: turn + Math.PI / 2,
      speed: 1,
      steer: 0.2,
      rolledM: t,
      forkM: 0.3,
      isLoaded: i % 2 === 0,
      hasHeadlights: false,
    };
  });
  return [...persons, ...vehicles];
}
