import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { jpegSize } from './jpeg_size.ts';

const jpeg = (width: number, height: number, options: object = {}): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: '#808080' } })
    .jpeg(options)
    .toBuffer();

describe('jpegSize', () => {
  test.each([
    [960, 540, {}],
    [33, 1999, { progressive: true }],
    [1, 1, { mozjpeg: true }],
  ])('%d × %d', async (width, height, options) => {
    expect(jpegSize(await jpeg(width, height, options))).toEqual({ width, height });
  });

  test('metadata before the frame header is skipped', async () => {
    const bytes = await sharp(await jpeg(640, 360))
      .withExif({ IFD0: { Copyright: 'x'.repeat(5000) } })
      .toBuffer();
    expect(jpegSize(bytes)).toEqual({ width: 640, height: 360 });
  });

  test('what is no JPEG, or ends before its header', async () => {
    expect(jpegSize(Buffer.from('<html>'))).toBeUndefined();
    expect(jpegSize(Buffer.alloc(0))).toBeUndefined();
    expect(jpegSize((await jpeg(960, 540)).subarray(0, 100))).toBeUndefined();
  });
});
