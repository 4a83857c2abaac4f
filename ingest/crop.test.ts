import { describe, expect, it } from 'vitest';
import { copyCrop, cropOf } from './crop.ts';
import { i420Layout } from './i420.ts';
import { PrivacyPainter } from './privacy.ts';

describe('I420 layout', () => {
  it('is that of GStreamer, odd sizes too', () => {
    expect(i420Layout(1280, 720).bytes).toBe(1_382_400);
    // From GstVideoInfo: strides 644 and 324, 362 and 181 rows.
    expect(i420Layout(641, 361)).toMatchObject({
      y: { stride: 644, offset: 0 },
      u: { stride: 324, offset: 644 * 362 },
      v: { offset: 644 * 362 + 324 * 181 },
    });
  });
});

describe('crops', () => {
  it('are even, inside, and never too small to encode', () => {
    expect(cropOf([0.25, 0.25, 0.75, 0.75], 1280, 720)).toEqual({ x: 320, y: 180, width: 640, height: 360 });
    expect(cropOf([0.999, 0.999, 1, 1], 1280, 720)).toEqual({ x: 1264, y: 704, width: 16, height: 16 });
    for (let n = 0; n < 500; n += 1) {
      const [a, b, c, d] = [n * 0.317, n * 0.733, n * 0.129, n * 0.911].map((value) => value % 1);
      const [x1, x2] = [Math.min(a ?? 0, b ?? 0), Math.max(a ?? 0, b ?? 0)];
      const [y1, y2] = [Math.min(c ?? 0, d ?? 0), Math.max(c ?? 0, d ?? 0)];
      const crop = cropOf([x1, y1, x2, y2], 641, 361);
      expect([crop.x, crop.y, crop.width, crop.height].every((value) => value % 2 === 0)).toBe(true);
      expect(crop.x + crop.width).toBeLessThanOrEqual(641);
      expect(crop.y + crop.height).toBeLessThanOrEqual(361);
    }
  });

  it('hold the pixels of their place', () => {
    const layout = i420Layout(64, 48);
    const picture = Buffer.alloc(layout.bytes);
    for (let row = 0; row < 48; row += 1) for (let x = 0; x < 64; x += 1) picture[row * 64 + x] = row + x;
    for (let row = 0; row < 24; row += 1) {
      for (let x = 0; x < 32; x += 1) {
        picture[layout.u.offset + row * 32 + x] = 100 + row;
        picture[layout.v.offset + row * 32 + x] = 100 + x;
      }
    }
    const crop = { x: 10, y: 8, width: 18, height: 16 };
    const to = i420Layout(18, 16);
    const target = Buffer.alloc(to.bytes);
    copyCrop(picture, layout, crop, target);
    expect(target[to.y.offset + 3 * to.y.stride + 5]).toBe(8 + 3 + 10 + 5);
    expect(target[to.u.offset + 2 * to.u.stride]).toBe(100 + 4 + 2);
    expect(target[to.v.offset + 2 * to.v.stride + 7]).toBe(100 + 5 + 7);
  });
});

describe('privacy masks', () => {
  it('black out every pixel that they touch, in all planes, and no other', () => {
    const layout = i420Layout(64, 48);
    const picture = new Uint8Array(layout.bytes).fill(200);
    new PrivacyPainter(
      [
        [
          [0.25, 0.25],
          [0.5, 0.25],
          [0.5, 0.5],
          [0.25, 0.5],
        ],
      ],
      layout,
    ).paint(picture);
    expect(picture[12 * 64 + 16]).toBe(16);
    expect(picture[23 * 64 + 31]).toBe(16);
    expect(picture[10 * 64 + 14]).toBe(200);
    expect(picture[30 * 64 + 40]).toBe(200);
    expect(picture[layout.u.offset + 8 * 32 + 10]).toBe(128);
    expect(picture[layout.v.offset + 8 * 32 + 10]).toBe(128);
    expect(picture[layout.v.offset + 20 * 32 + 25]).toBe(200);
  });
});
