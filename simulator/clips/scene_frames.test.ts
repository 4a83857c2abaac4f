import { describe, expect, test } from 'vitest';
import { type CameraModel, Projection } from '../camera.ts';
import { apply } from '../picture/matrix.ts';
import { CLEAR, type Conditions, type PersonState, type World } from '../world/types.ts';
import { Boards } from './boards.ts';
import { sceneFrames, shownTime, widened } from './scene_frames.ts';
import type { ClipSpec } from './types.ts';

const camera: CameraModel = {
  id: 'gate',
  position: { x: 0, y: 0, z: 6 },
  lookAt: { x: 15, y: 0, z: 0.5 },
  horizontalFovDeg: 60,
  width: 320,
  height: 184,
  fps: 10,
  rate: { mode: 'vbr', kbps: 500, gop: 10, smartGop: null },
};
const spec = (more: Partial<ClipSpec> = {}): ClipSpec => ({
  scenario: 'walk',
  seed: 3,
  camera,
  frames: 400,
  conditions: {},
  clock: false,
  strip: false,
  frozen: null,
  ...more,
});

/** Somebody in white who walks across the picture in 40 s. */
function world(conditions: Partial<Conditions> = {}): World {
  const person = (t: number): PersonState => ({
    kind: 'person',
    id: 'anna',
    look: {
      skin: [200, 160, 140],
      jacket: [250, 250, 250],
      trousers: [20, 20, 60],
      helmet: null,
      vest: null,
      hair: [30, 20, 10],
      heightM: 1.8,
      build: 0.25,
    },
    at: { x: 15, y: 3 - 0.15 * t },
    heading: 0,
    posture: 'walking',
    speed: 0.15,
    stride: 0,
    crouch: 0,
    fallen: 0,
    idle: 0,
  });
  return {
    scenario: 'walk',
    seed: 3,
    plan: { areas: [], lines: [] },
    durationS: 40,
    actors: (t) => [person(t)],
    conditions: () => ({ ...CLEAR, ...conditions }),
    incidents: [],
  };
}

/** Half way from white to what covers it: of a darker pixel more than half is the cover's. */
const HALF_LUMA = { covered: (235 + 24) / 2, dirt: (235 + 78) / 2 };

/** Pixels of what is bright. */
function brightBox(i420: Buffer): [number, number, number, number] {
  const box: [number, number, number, number] = [camera.width, camera.height, 0, 0];
  for (let i = 0; i < camera.width * camera.height; i++) {
    if ((i420[i] ?? 0) < 180) continue;
    const [x, y] = [i % camera.width, Math.floor(i / camera.width)];
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x + 1);
    box[3] = Math.max(box[3], y + 1);
  }
  return box;
}

test('a wider camera sees the same where both look', () => {
  const wide = widened(camera, 32);
  for (const [x, y] of [
    [12, 2],
    [18, -3],
    [30, 5],
  ] as const) {
    const at = new Projection(camera).project({ x, y, z: 1 });
    const there = new Projection(wide).project({ x, y, z: 1 });
    expect((there?.x ?? 0) * wide.width - 32).toBeCloseTo((at?.x ?? 0) * camera.width, 6);
    expect((there?.y ?? 0) * wide.height - 32).toBeCloseTo((at?.y ?? 0) * camera.height, 6);
  }
});

describe('frames of a scene', () => {
  test.each([
    ['at rest', {}],
    ['turning', { turning: 3 }],
    ['turning and shaking', { turning: 2, shake: 3 }],
  ] as const)('have their truth where the picture shows it: %s', (_name, conditions) => {
    const maker = sceneFrames(spec({ conditions }), world(), (model) => new Boards(model));
    for (let index = 0; index < 400; index += 37) {
      const { i420, objects, warp } = maker.frame(index);
      const [anna] = objects;
      const seen = brightBox(i420);
      const told = (anna?.box ?? []).map((edge, i) => edge * (i % 2 === 0 ? camera.width : camera.height));
      for (const [i, edge] of told.entries())
        expect(Math.abs(edge - (seen[i] ?? 0)), `${index}, ${seen}`).toBeLessThan(2);
      expect(warp === undefined).toBe(Object.keys(conditions).length === 0);
      // Where she stands, by the homography of the camera at rest and the frame's warp.
      const foot = new Projection(camera).project({ ...(world().actors(index / 10)[0]?.at ?? { x: 0, y: 0 }), z: 0 });
      const shown = warp ? apply(warp, foot?.x ?? 0, foot?.y ?? 0) : foot;
      expect(Math.abs((shown?.y ?? 0) * camera.height - (seen[3] ?? 0))).toBeLessThan(2);
    }
  });

  test('what the command line asks for is instead of what the scenario has', () => {
    const dark = sceneFrames(spec({ conditions: { covered: 3 } }), world(), (model) => new Boards(model)).frame(0);
    expect(Math.max(...dark.i420.subarray(0, camera.width * camera.height))).toBeLessThan(60);
    const clear = sceneFrames(
      spec({ conditions: { covered: 0 } }),
      world({ covered: 3 }),
      (model) => new Boards(model),
    ).frame(0);
    expect(Math.max(...clear.i420.subarray(0, camera.width * camera.height))).toBeGreaterThan(200);
  });

  test.each([
    ['covered', 2],
    ['covered', 1.6],
    ['dirt', 3],
  ] as const)('%s %f: somebody is as visible as the lens leaves them', (name, grade) => {
    const told = new Set<number>();
    // Somebody of five sites in turn: each has its own dirt, and its cover comes from another side.
    for (const seed of [1, 2, 3, 4, 5]) {
      const maker = sceneFrames(spec({ seed, conditions: { [name]: grade } }), world(), (model) => new Boards(model));
      for (let index = 0; index < 400; index += 20) {
        const { i420, objects } = maker.frame(index);
        const [x1, y1, x2, y2] = (objects[0]?.box ?? []).map((edge, i) =>
          Math.round(edge * (i % 2 === 0 ? camera.width : camera.height)),
        ) as [number, number, number, number];
        let [bright, all] = [0, 0];
        for (let y = y1; y < y2; y++) {
          for (let x = x1; x < x2; x++, all++) if ((i420[y * camera.width + x] ?? 0) >= HALF_LUMA[name]) bright++;
        }
        const visible = objects[0]?.visible ?? Number.NaN;
        expect(Math.abs(visible - bright / all), `seed ${seed}, frame ${index}: ${visible}`).toBeLessThan(0.12);
        told.add(visible);
      }
    }
    expect(Math.max(...told)).toBe(1);
    expect(Math.min(...told)).toBeLessThan(name === 'dirt' ? 0.9 : 0.1);
  });

  test('a lens is covered and uncovered while the clip runs, and its truth with it', () => {
    const maker = sceneFrames(
      spec({ conditions: { covered: { grade: 3, fromS: 5, toS: 9 } } }),
      world(),
      (model) => new Boards(model),
    );
    const visible = [49, 50, 89, 90].map((index) => {
      const { i420, objects } = maker.frame(index);
      const isDark = Math.max(...i420.subarray(0, camera.width * camera.height)) < 60;
      return [objects[0]?.visible, isDark];
    });
    expect(visible).toEqual([
      [1, false],
      [0, true],
      [0, true],
      [1, false],
    ]);
  });

  test('lamps are switched in one frame; before and after, light is what the scenario says', () => {
    const maker = sceneFrames(
      spec({ conditions: { switched: { grade: 2, fromS: 5, toS: 9 } } }),
      world({ switched: 1 }),
      (model) => new Boards(model),
    );
    // A corner of ground, where nobody walks.
    const light = [49, 50, 89, 90].map((index) => maker.frame(index).i420[0] ?? 0);
    expect(light[1]).toBeGreaterThan((light[0] ?? 0) + 10);
    expect([light[2], light[3]]).toEqual([light[1], light[0]]);
  });

  test('a camera that turns for a moment only has a source with room for it', () => {
    const maker = sceneFrames(
      spec({ conditions: { turning: { grade: 3, fromS: 5.1, toS: 5.3 } } }),
      world(),
      (model) => new Boards(model),
    );
    expect([50, 51, 52, 53].map((index) => maker.frame(index).warp !== undefined)).toEqual([false, true, true, false]);
    const corners = [0, camera.width - 1].map((x) => maker.frame(52).i420[(camera.height - 1) * camera.width + x] ?? 0);
    expect(Math.min(...corners)).toBeGreaterThan(60);
  });

  test('a covered lens shows nobody, and the truth says so', () => {
    const [anna] = sceneFrames(spec({ conditions: { covered: 3 } }), world(), (model) => new Boards(model)).frame(
      90,
    ).objects;
    expect(anna).toMatchObject({ id: 'anna', visible: 0 });
  });

  test('a frozen picture stands, its clock and noise as well, and its truth is what it shows', () => {
    const maker = sceneFrames(
      spec({ frozen: [5, 9], conditions: { noise: 2 }, clock: true }),
      world(),
      (model) => new Boards(model),
    );
    const at = (index: number): { i420: Buffer; box: readonly number[] | undefined } => {
      const { i420, objects } = maker.frame(index);
      return { i420: Buffer.from(i420), box: objects[0]?.box };
    };
    const [before, first, last, after] = [at(49), at(50), at(89), at(90)];
    expect(last.i420.equals(first.i420)).toBe(true);
    expect(last.box).toEqual(first.box);
    expect(before.i420.equals(first.i420)).toBe(false);
    expect(after.i420.equals(last.i420)).toBe(false);
    expect(shownTime(5.04, [5.03, 9], 10)).toBeCloseTo(5.1, 9);
  });
});
