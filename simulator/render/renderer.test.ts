import { beforeAll, expect, test } from 'vitest';
import { type CameraModel, Projection } from '../camera.ts';
import type { TruthObject } from '../truth.ts';
import type { Furniture } from '../world/furniture.ts';
import { CLEAR, type PersonState, type SitePlan, type VehicleState } from '../world/types.ts';
import { SceneRenderer } from './renderer.ts';
import { WIND_STEP_S } from './wind.ts';

const CAMERA: CameraModel = {
  id: 'test',
  position: { x: 30, y: 5, z: 6 },
  lookAt: { x: 30, y: 20, z: 0 },
  horizontalFovDeg: 60,
  width: 320,
  height: 192,
  fps: 10,
  rate: { mode: 'vbr', kbps: 1000, gop: 10, smartGop: null },
};
const PLAN: SitePlan = { areas: [], lines: [] };
const CONTAINER: Furniture = {
  kind: 'container',
  at: { x: 30, y: 17 },
  heading: 0,
  size: { lengthM: 6, widthM: 2.4, heightM: 2.6 },
};

function person(id: string, x: number, y: number, change: Partial<PersonState> = {}): PersonState {
  return {
    kind: 'person',
    id,
    look: {
      skin: [200, 150, 120],
      jacket: [40, 60, 90],
      trousers: [60, 60, 70],
      helmet: [250, 250, 250],
      vest: [250, 120, 20],
      hair: [50, 30, 20],
      heightM: 1.8,
      build: 0.26,
    },
    at: { x, y },
    heading: 1,
    posture: 'walking',
    speed: 1.2,
    stride: 0.3,
    crouch: 0,
    fallen: 0,
    idle: 0,
    ...change,
  };
}

const FORKLIFT: VehicleState = {
  kind: 'forklift',
  id: 'forklift',
  colour: [230, 130, 30],
  at: { x: 33, y: 14 },
  heading: 2,
  speed: 1,
  steer: 0.1,
  rolledM: 2,
  forkM: 0.4,
  isLoaded: true,
  hasHeadlights: true,
};

let open: SceneRenderer;
let blocked: SceneRenderer;

beforeAll(() => {
  open = new SceneRenderer(PLAN, CAMERA, { seed: 1, furniture: [] });
  blocked = new SceneRenderer(PLAN, CAMERA, { seed: 1, furniture: [CONTAINER] });
}, 60_000);

function find(objects: readonly TruthObject[], id: string, kind: TruthObject['class'] = 'person'): TruthObject {
  const found = objects.find((one) => one.id === id && one.class === kind);
  if (!found) throw new Error(`no ${kind} ${id}`);
  return found;
}

/** Pixel extents of all samples with one of some ids. */
function extent(ids: Uint16Array, wanted: readonly number[]): number[] {
  const box = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, -1, -1];
  const wide = 2 * CAMERA.width;
  for (const [i, id] of ids.entries()) {
    if (!wanted.includes(id)) continue;
    const [x, y] = [(i % wide) / 2, Math.floor(i / wide) / 2];
    box[0] = Math.min(box[0] ?? x, x);
    box[1] = Math.min(box[1] ?? y, y);
    box[2] = Math.max(box[2] ?? x, x + 0.5);
    box[3] = Math.max(box[3] ?? y, y + 0.5);
  }
  return box;
}

function count(ids: Uint16Array, wanted: readonly number[]): number {
  return ids.reduce((sum, id) => sum + (wanted.includes(id) ? 1 : 0), 0);
}

test('the box of somebody alone is the extent of his pixels, and that of his helmet of its', () => {
  const { objects } = open.render([person('a', 29, 15)], CLEAR, 0);
  const ids = open.ids();
  for (const [one, wanted] of [
    [find(objects, 'a'), [1, 2, 3]],
    [find(objects, 'a', 'hard-hat'), [2]],
  ] as const) {
    const truth = one.box.map((value, k) => value * (k % 2 === 0 ? CAMERA.width : CAMERA.height));
    for (const [k, value] of extent(ids, wanted).entries())
      expect(Math.abs(value - (truth[k] ?? 0))).toBeLessThanOrEqual(1);
  }
  expect(find(objects, 'a').visible).toBe(1);
  expect(find(objects, 'a').inside).toBe(1);
  expect(find(objects, 'a', 'hard-hat').visible).toBeGreaterThan(0.8);
});

test('somebody stands where the camera model says', () => {
  const heightM = 1.8;
  const at = { x: 28, y: 16 };
  const { objects } = open.render([person('a', at.x, at.y, { posture: 'standing', speed: 0 })], CLEAR, 0);
  const projection = new Projection(CAMERA);
  const feet = projection.project({ ...at, z: 0 });
  const crown = projection.project({ ...at, z: heightM });
  const { box } = find(objects, 'a');
  expect(Math.abs(box[3] - (feet?.y ?? 0)) * CAMERA.height).toBeLessThan(4);
  expect(Math.abs(box[1] - (crown?.y ?? 0)) * CAMERA.height).toBeLessThan(4);
  expect(Math.abs((box[0] + box[2]) / 2 - (feet?.x ?? 0)) * CAMERA.width).toBeLessThan(4);
});

test('visible is the share of pixels that a container leaves of somebody behind it', () => {
  const behind = [person('a', 33.8, 18.6, { heading: 0 })];
  const whole = open.render(behind, CLEAR, 0);
  const wholeBox = find(whole.objects, 'a').box;
  const all = count(open.ids(), [1, 2, 3]);
  const hidden = blocked.render(behind, CLEAR, 0);
  const rest = count(blocked.ids(), [1, 2, 3]);
  const seen = find(hidden.objects, 'a');
  expect(rest).toBeLessThan(all);
  expect(rest).toBeGreaterThan(0);
  expect(seen.visible).toBeCloseTo(rest / all, 6);
  expect(seen.box).toEqual(wholeBox);
  const { objects } = blocked.render([person('a', 30, 18.8)], CLEAR, 0);
  expect(find(objects, 'a').visible).toBeLessThan(0.2);
});

test('who stands before another takes from his visible share', () => {
  const back = person('back', 30, 15);
  const { objects } = open.render([back, person('front', 30, 14.2)], CLEAR, 0);
  expect(find(objects, 'front').visible).toBe(1);
  expect(find(objects, 'back').visible).toBeLessThan(0.8);
  expect(open.render([back], CLEAR, 0).objects.length).toBe(3);
});

test('inside tells how much of a body the edge leaves', () => {
  const edge = new Projection(CAMERA).ground(0, 0.6);
  if (!edge) throw new Error('no ground there');
  const { objects } = open.render([person('a', edge.x, edge.y)], CLEAR, 0);
  const cut = find(objects, 'a');
  expect(cut.box[0]).toBe(0);
  expect(cut.inside).toBeGreaterThan(0.2);
  expect(cut.inside).toBeLessThan(0.8);
  expect(open.render([person('a', 30, -20)], CLEAR, 0).objects).toEqual([]);
});

test('somebody lying is low and long', () => {
  const lying = person('a', 30, 15, { posture: 'lying', fallen: 1, speed: 0, heading: 0 });
  const { objects } = open.render([lying], CLEAR, 0);
  const { box, person: attributes } = find(objects, 'a');
  expect((box[2] - box[0]) * CAMERA.width).toBeGreaterThan(1.5 * (box[3] - box[1]) * CAMERA.height);
  expect(attributes).toEqual({ posture: 'lying', hasHelmet: true, hasVest: true });
});

test('a frame does not depend on what was drawn before it', () => {
  const actors = [person('a', 29, 15), FORKLIFT];
  const night = { ...CLEAR, night: 3, rain: 1 };
  const fresh = new SceneRenderer(PLAN, CAMERA, { seed: 1, furniture: [CONTAINER] });
  const used = [CLEAR, night].map((conditions) => {
    blocked.render([person('b', 31, 12), { ...FORKLIFT, at: { x: 28, y: 19 } }], night, 3);
    blocked.render([], CLEAR, 3.1);
    return Buffer.from(blocked.render(actors, conditions, 4).pixels);
  });
  for (const [k, conditions] of [CLEAR, night].entries()) {
    expect(Buffer.compare(Buffer.from(fresh.render(actors, conditions, 4).pixels), used[k] ?? Buffer.alloc(0))).toBe(0);
  }
  expect(Buffer.compare(used[0] ?? Buffer.alloc(0), used[1] ?? Buffer.alloc(0))).not.toBe(0);
}, 60_000);

test('a frame in the wind does not depend on what was drawn before it', () => {
  const furniture: Furniture[] = [
    CONTAINER,
    { kind: 'tree', at: { x: 27, y: 18 }, heading: 0, size: { lengthM: 3, widthM: 3, heightM: 5 } },
    { kind: 'tarpaulin', at: { x: 33, y: 18 }, heading: 0, size: { lengthM: 4, widthM: 0.2, heightM: 2 } },
  ];
  const among = [person('a', 28, 17), FORKLIFT];
  const dark = { ...CLEAR, night: 3, sway: 2 };
  const used = new SceneRenderer(PLAN, CAMERA, { seed: 1, furniture });
  const draw = (renderer: SceneRenderer, conditions: typeof CLEAR, t: number): string => {
    const { pixels, objects } = renderer.render(among, conditions, t);
    return `${Buffer.from(pixels).toString('latin1')} ${JSON.stringify(objects)}`;
  };
  for (const conditions of [{ ...CLEAR, sway: 2 }, { ...CLEAR, sway: 1, clouds: 2 }, dark]) {
    for (const [t, before] of [
      [4, 3.9],
      [4.1, 4],
      [4.3, 4.2],
    ] as const) {
      used.render([person('b', 27, 17)], before === 4 ? conditions : CLEAR, before);
      used.render([], conditions, before);
      const fresh = new SceneRenderer(PLAN, CAMERA, { seed: 1, furniture });
      expect(draw(used, conditions, t) === draw(fresh, conditions, t)).toBe(true);
    }
  }
}, 120_000);

test('leaves and cloth move, and nothing of them is left in still air', () => {
  const furniture: Furniture[] = [
    { kind: 'tree', at: { x: 27, y: 18 }, heading: 0, size: { lengthM: 3, widthM: 3, heightM: 5 } },
  ];
  const renderer = new SceneRenderer(PLAN, CAMERA, { seed: 1, furniture });
  const still = Buffer.from(renderer.render([], CLEAR, 0).pixels);
  const windy = { ...CLEAR, sway: 3 };
  const first = Buffer.from(renderer.render([], windy, 0).pixels);
  const later = Buffer.from(renderer.render([], windy, WIND_STEP_S).pixels);
  expect(Buffer.compare(first, later)).not.toBe(0);
  expect(Buffer.compare(Buffer.from(renderer.render([], CLEAR, 1).pixels), still)).toBe(0);
}, 60_000);

test('leaves and cloth move more with each grade of wind', () => {
  const furniture: Furniture[] = [
    { kind: 'tree', at: { x: 27, y: 18 }, heading: 0, size: { lengthM: 3, widthM: 3, heightM: 5 } },
    { kind: 'tarpaulin', at: { x: 33, y: 18 }, heading: 0, size: { lengthM: 4, widthM: 0.2, heightM: 2 } },
  ];
  const renderer = new SceneRenderer(PLAN, CAMERA, { seed: 1, furniture });
  const movement = (sway: number): number => {
    let [sum, before] = [0, Buffer.from(renderer.render([], { ...CLEAR, sway }, 0).pixels)];
    for (let t = 0.2; t < 6; t += 0.2) {
      const now = Buffer.from(renderer.render([], { ...CLEAR, sway }, t).pixels);
      for (let i = 1; i < now.length; i += 4) sum += Math.abs((now[i] ?? 0) - (before[i] ?? 0));
      before = now;
    }
    return sum;
  };
  const [none = 0, mild = 0, usual = 0, worst = 0] = [0, 1, 2, 3].map(movement);
  expect(none).toBe(0);
  expect(mild).toBeGreaterThan(0);
  expect(usual).toBeGreaterThan(1.1 * mild);
  expect(worst).toBeGreaterThan(1.1 * usual);
}, 60_000);

test('clouds that pass take more light away with each grade', () => {
  /** Of how bright the ground is, from its brightest moment to its darkest, in levels. */
  const swing = (clouds: number): number => {
    const means = Array.from({ length: 30 }, (_, i) => {
      const { pixels } = open.render([], { ...CLEAR, clouds }, 6 * i);
      let sum = 0;
      for (let at = 1; at < pixels.length; at += 4) sum += pixels[at] ?? 0;
      return (4 * sum) / pixels.length;
    });
    return Math.max(...means) - Math.min(...means);
  };
  const [none = 0, mild = 0, usual = 0, worst = 0] = [0, 1, 2, 3].map(swing);
  expect(none).toBe(0);
  expect(mild).toBeGreaterThan(2);
  expect(usual).toBeGreaterThan(1.2 * mild);
  expect(worst).toBeGreaterThan(1.2 * usual);
}, 60_000);

test('nothing is left of those who went', () => {
  const empty = Buffer.from(open.render([], CLEAR, 0).pixels);
  const full = Buffer.from(open.render([person('a', 29, 15), FORKLIFT], CLEAR, 0).pixels);
  expect(Buffer.compare(empty, full)).not.toBe(0);
  expect(Buffer.compare(empty, Buffer.from(open.render([], CLEAR, 0).pixels))).toBe(0);
});

test('frames leave no buffers behind', () => {
  const draw = (frames: number): void => {
    for (let i = 0; i < frames; i++) open.render([person('a', 29 + i / 100, 15), FORKLIFT], CLEAR, i / 10);
  };
  draw(20);
  const before = process.memoryUsage();
  draw(200);
  const after = process.memoryUsage();
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(2 ** 20);
  // A picture's worth of numbers a frame would be hundreds of megabytes.
  expect(after.heapUsed - before.heapUsed).toBeLessThan(40 * 2 ** 20);
}, 60_000);

test('over the horizon is sky, bluer than the ground', () => {
  const level = { ...CAMERA, lookAt: { x: 30, y: 20, z: 6 } };
  const { pixels } = new SceneRenderer(PLAN, level, { seed: 1, furniture: [] }).render([], CLEAR, 0);
  const mean = (row: number, channel: number): number => {
    let sum = 0;
    for (let x = 0; x < level.width; x++) sum += pixels[4 * (row * level.width + x) + channel] ?? 0;
    return sum / level.width;
  };
  expect(mean(5, 2)).toBeGreaterThan(mean(5, 0) + 15);
  expect(mean(level.height - 5, 2)).toBeLessThan(mean(level.height - 5, 0));
}, 60_000);
