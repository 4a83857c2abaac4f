import sharp from 'sharp';
import { expect, it } from 'vitest';
import type { Box } from '../../runtime/messages/types.ts';
import { samplePicture } from '../testing.ts';
import { type Annotation, annotate, SEVERITY_COLOURS } from './annotate.ts';

const PLAIN: Annotation = {
  severity: 'high',
  boxes: [],
  zone: null,
  line: null,
  title: 'person-on-road · gate',
  facts: 'high · zone road',
  time: '2026-11-21 20:00:00.000 UTC',
};

interface Pixels {
  width: number;
  height: number;
  at(x: number, y: number): [number, number, number];
}

async function pixels(jpeg: Buffer): Promise<Pixels> {
  const { data, info } = await sharp(jpeg).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return {
    width: info.width,
    height: info.height,
    at: (x, y) => {
      const i = (Math.round(y) * info.width + Math.round(x)) * 3;
      return [data[i] ?? 0, data[i + 1] ?? 0, data[i + 2] ?? 0];
    },
  };
}

function rgb(hex: string): [number, number, number] {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.hypot(...a.map((value, i) => value - (b[i] ?? 0)));

const grey = (width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: '#808080' } })
    .jpeg({ quality: 95 })
    .toBuffer();

it.each([
  [960, 540],
  [320, 180],
  [1280, 960],
])('draws each box where it is, and nothing elsewhere: %i×%i', async (width, height) => {
  const boxes: Box[] = [
    [0.4, 0.4, 0.5, 0.9],
    [0.7, 0.3, 0.95, 0.6],
  ];
  const drawn = await annotate(await grey(width, height), {
    ...PLAIN,
    boxes: boxes.map((box) => ({ box, label: null, role: 'subject' })),
  });
  expect([drawn.width, drawn.height]).toEqual([width, height]);
  const picture = await pixels(drawn.jpeg);
  expect(picture.width).toBe(width);
  expect(picture.height).toBeGreaterThan(height);
  const colour = rgb(SEVERITY_COLOURS.high);
  for (const [x1, y1, x2, y2] of boxes) {
    const middle = [((x1 + x2) / 2) * width, ((y1 + y2) / 2) * height] as const;
    // A stroke lies on both sides of its edge: one of the pixels next to it is in full colour.
    const near = (x: number, y: number): number =>
      Math.min(...[-1, 0].flatMap((dx) => [-1, 0].map((dy) => distance(picture.at(x + dx, y + dy), colour))));
    expect(near(x1 * width, middle[1])).toBeLessThan(60);
    expect(near(x2 * width, middle[1])).toBeLessThan(60);
    expect(near(middle[0], y1 * height)).toBeLessThan(60);
    expect(near(middle[0], y2 * height)).toBeLessThan(60);
    // Inside and outside nothing is painted over.
    expect(distance(picture.at(...middle), [128, 128, 128])).toBeLessThan(12);
    for (const x of [x1 * width - 9, x2 * width + 9]) {
      expect(distance(picture.at(x, middle[1]), [128, 128, 128])).toBeLessThan(12);
    }
  }
});

it('draws zone, line, labels and the strip below, and tells severities apart', async () => {
  const base = await grey(960, 540);
  const full: Annotation = {
    ...PLAIN,
    severity: 'critical',
    boxes: [
      { box: [0.4, 0.5, 0.5, 0.9], label: 'person 0.91', role: 'subject' },
      { box: [0.6, 0.5, 0.7, 0.9], label: null, role: 'other' },
    ],
    zone: {
      name: 'road <&> "quoted"',
      polygon: [
        [0.1, 0.2],
        [0.9, 0.2],
        [0.9, 0.95],
        [0.1, 0.95],
      ],
    },
    line: {
      name: 'entrance',
      points: [
        [0.1, 0.1],
        [0.5, 0.1],
      ],
      direction: 'in',
    },
  };
  const picture = await pixels((await annotate(base, full)).jpeg);
  const red = rgb(SEVERITY_COLOURS.critical);
  const redAround = (x: number, y: number, reach: number): boolean => {
    for (let dx = -reach; dx <= reach; dx += 1) {
      for (let dy = -reach; dy <= reach; dy += 1) if (distance(picture.at(x + dx, y + dy), red) < 60) return true;
    }
    return false;
  };
  expect(redAround(96, 540 * 0.5, 9), 'left edge of the zone, between two dashes or on one').toBe(true);
  expect(redAround(0.25 * 960, 54, 3), 'the line').toBe(true);
  // `in` goes to the side where cross(b−a, p−a) is positive: down, for a line to the right.
  expect(redAround(0.3 * 960, 54 + 26, 4), 'the arrow').toBe(true);
  expect(redAround(0.3 * 960, 54 - 26, 4), 'no arrow on the other side').toBe(false);
  expect(redAround(0.4 * 960 + 4, 540 * 0.5 - 8, 3), 'the label over the box').toBe(true);
  const pale = [-1, 0].map((dx) => Math.min(...picture.at(0.6 * 960 + dx, 540 * 0.7)));
  expect(Math.max(...pale), 'somebody else, on grey of 128').toBeGreaterThan(150);
  expect(redAround(0.6 * 960, 540 * 0.7, 3), 'others are not in colour').toBe(false);
  const strip: number[] = [];
  for (let y = 546; y < picture.height; y += 1) {
    for (let x = 0; x < picture.width; x += 1) strip.push(Math.max(...picture.at(x, y)));
  }
  expect(strip.filter((value) => value > 200).length, 'words on the strip').toBeGreaterThan(500);
  expect(strip.filter((value) => value < 40).length / strip.length, 'on a dark ground').toBeGreaterThan(0.7);
});

it('keeps a box and its label at the very edge within the picture', async () => {
  const drawn = await annotate(await samplePicture(), {
    ...PLAIN,
    boxes: [
      { box: [0, 0, 0.02, 0.2], label: 'person 0.50', role: 'subject' },
      { box: [0.98, 0.8, 1, 1], label: 'person 0.50', role: 'subject' },
    ],
    title: 'a'.repeat(400),
    facts: 'b'.repeat(400),
  });
  const picture = await pixels(drawn.jpeg);
  const colour = rgb(SEVERITY_COLOURS.high);
  expect(picture.width).toBe(960);
  expect(distance(picture.at(40, 8), colour), 'label inside, at the top').toBeLessThan(120);
  expect(distance(picture.at(955, 0.8 * 540 - 6), colour), 'label pushed to the left').toBeLessThan(120);
  // The time at the right of the strip is not run over by the title.
  expect(distance(picture.at(957, 560), rgb('#12161b'))).toBeLessThan(30);
});

it('says FRAME_UNREADABLE for what is no picture', async () => {
  await expect(annotate(Buffer.from('<html>'), PLAIN)).rejects.toMatchObject({ code: 'FRAME_UNREADABLE' });
});

it('draws on what is left of a picture that was cut short', async () => {
  const whole = await samplePicture([[0.4, 0.5, 0.5, 0.9]]);
  const drawn = await annotate(whole.subarray(0, Math.floor(whole.length * 0.7)), PLAIN);
  expect(drawn.width).toBe(960);
});
