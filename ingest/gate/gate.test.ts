import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { HAS_TEST_DATA, TEST_DATA } from '../../test/data.ts';
import { MotionGate } from './gate.ts';
import { PictureHealth } from './health.ts';

const WIDTH = 160;
const HEIGHT = 90;
const MOTION = { open_share: 0.001, close_share: 0.0005, threshold: 12, hold_s: 3 };

/** A grey wall with noise of a sensor: not twice the same, always the same in every run. */
function wall(level: number, noise: number, seed: number): Uint8Array {
  const luma = new Uint8Array(WIDTH * HEIGHT);
  let state = seed * 2_654_435_761 + 1;
  for (let i = 0; i < luma.length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    luma[i] = Math.max(0, Math.min(255, level + (((state >>> 8) % 2_001) / 1_000 - 1) * noise));
  }
  return luma;
}

function put(luma: Uint8Array, x: number, y: number, width: number, height: number, level: number): Uint8Array {
  for (let row = y; row < y + height; row += 1) luma.fill(level, row * WIDTH + x, row * WIDTH + x + width);
  return luma;
}

function gate(masks: [number, number][][] = []): MotionGate {
  return new MotionGate(WIDTH, HEIGHT, MOTION, masks);
}

describe('motion gate', () => {
  it('stays closed on noise, also when it grows at night', () => {
    const closed = gate();
    for (let n = 0; n < 600; n += 1) {
      const look = closed.look(wall(90, 3 + n / 100, n), n * 100);
      if (n > 0) expect(look.open).toBe(false);
    }
  });

  it('opens for a person far away at once, and closes when he has gone', () => {
    const watching = gate();
    const opened: number[] = [];
    for (let n = 0; n < 200; n += 1) {
      const luma = wall(90, 3, n);
      if (n >= 50 && n < 100) put(luma, 20 + n - 50, 40, 3, 8, 140);
      if (watching.look(luma, n * 100).open) opened.push(n);
    }
    expect(opened[0]).toBe(50);
    expect(opened).toContain(99);
    expect(opened.at(-1)).toBeGreaterThanOrEqual(125);
    expect(opened.at(-1)).toBeLessThan(150);
  });

  it('does not look under ignore masks', () => {
    const masked = gate([
      [
        [0, 0],
        [0.5, 0],
        [0.5, 1],
        [0, 1],
      ],
    ]);
    const opened: boolean[] = [];
    for (let n = 0; n < 60; n += 1) {
      const luma = wall(90, 3, n);
      if (n >= 20 && n < 40) put(luma, n, 30, 10, 20, 200);
      if (n >= 40) put(luma, 60 + n, 30, 10, 20, 200);
      opened.push(masked.look(luma, n * 100).open);
    }
    expect(opened.slice(0, 40)).not.toContain(true);
    expect(opened[40]).toBe(true);
  });

  it('forces a look when the light changes and one when it has settled, and takes the new light for granted', () => {
    const lit = gate();
    const changed: number[] = [];
    const settled: number[] = [];
    let open = true;
    for (let n = 0; n < 150; n += 1) {
      const level = n < 30 ? 60 : Math.min(160, 60 + (n - 29) * 25);
      const look = lit.look(wall(level, 3, n), n * 100);
      if (look.changed && n > 0) changed.push(n);
      if (look.settled && n > 0) settled.push(n);
      open = look.open;
    }
    expect(changed).toEqual([30]);
    expect(settled).toHaveLength(1);
    expect(settled[0]).toBeGreaterThan(30);
    expect(settled[0]).toBeLessThan(40);
    expect(open).toBe(false);
  });

  it('takes other masks without forgetting the background', () => {
    const watching = gate();
    for (let n = 0; n < 20; n += 1) watching.look(wall(90, 3, n), n * 100);
    watching.configure(MOTION, [
      [
        [0, 0],
        [0.1, 0],
        [0.1, 0.1],
        [0, 0.1],
      ],
    ]);
    expect(watching.look(wall(90, 3, 21), 2_000)).toMatchObject({ open: false, changed: false });
  });
});

describe('picture health', () => {
  it('tells a frozen picture after 15 s, and its end', () => {
    const health = new PictureHealth();
    const picture = wall(90, 3, 1);
    expect(health.look(picture, 0)).toBeNull();
    expect(health.look(picture, 14_900)).toBeNull();
    expect(health.look(picture, 15_000)).toBe('frozen');
    expect(health.look(wall(90, 3, 2), 15_100)).toBeNull();
  });

  it('tells black after 2 s, noise on it or not', () => {
    const health = new PictureHealth();
    expect(health.look(wall(16, 1, 1), 0)).toBeNull();
    expect(health.look(wall(16, 1, 2), 2_000)).toBe('black');
    expect(health.look(put(wall(16, 1, 3), 0, 0, 5, 5, 90), 2_100)).toBeNull();
  });
});

describe.skipIf(!HAS_TEST_DATA)('motion gate on recorded footage', () => {
  const looks = new Map<string, { atS: number; open: boolean; changed: boolean }[]>();

  async function read(file: string): Promise<void> {
    const size = `video/x-raw,format=GRAY8,width=${WIDTH},height=${HEIGHT},framerate=10/1`;
    const steps = ['decodebin', 'videoscale add-borders=false', 'videoconvert', 'videorate', size, 'fdsink fd=1'];
    const args = ['-q', 'filesrc', `location=${join(TEST_DATA, 'video', file)}`];
    for (const step of steps) args.push('!', ...step.split(' '));
    const { stdout } = await promisify(execFile)('gst-launch-1.0', args, {
      encoding: 'buffer',
      maxBuffer: 64 * 1024 * 1024,
    });
    const watching = gate();
    const found = [];
    for (let n = 0; (n + 1) * WIDTH * HEIGHT <= stdout.length; n += 1) {
      const luma = stdout.subarray(n * WIDTH * HEIGHT, (n + 1) * WIDTH * HEIGHT);
      const { open, changed } = watching.look(luma, n * 100);
      found.push({ atS: n / 10, open, changed });
    }
    looks.set(file, found);
  }
  const ONE_BY_ONE = 'intel_one-by-one-person-detection.mp4';
  const CARS = 'intel_car-detection.mp4';
  beforeAll(async () => {
    await Promise.all([ONE_BY_ONE, CARS].map(read));
  });

  it('is open during every visit, and closed before the first', () => {
    const found = looks.get(ONE_BY_ONE) ?? [];
    expect(found.filter(({ atS }) => atS > 0.5 && atS < 5).some(({ open }) => open)).toBe(false);
    for (const [from, to] of [
      [7, 20],
      [23, 45],
      [51, 70],
      [75, 87],
      [93, 121],
      [124, 137],
    ] as const) {
      const during = found.filter(({ atS }) => atS >= from && atS <= to);
      expect(during.length).toBeGreaterThan(100);
      expect(
        during.every(({ open }) => open),
        `visit at ${from} s`,
      ).toBe(true);
    }
  });

  it('stays open where the exposure pumps: light never closes it', () => {
    const found = looks.get(CARS) ?? [];
    expect(found.length).toBeGreaterThan(250);
    expect(found.filter(({ atS, open }) => atS > 1 && !open)).toEqual([]);
    expect(found.filter(({ changed }) => changed).length).toBeGreaterThan(3);
  });
});
