import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import { PictureEncoder } from './encode.ts';
import { i420Layout } from './i420.ts';

let encoder: PictureEncoder | undefined;
afterEach(() => encoder?.stop());

/** One colour all over. */
function flat(width: number, height: number, y: number, u: number, v: number): Buffer {
  const layout = i420Layout(width, height);
  const picture = Buffer.alloc(layout.bytes, v);
  picture.fill(y, 0, layout.u.offset);
  picture.fill(u, layout.u.offset, layout.v.offset);
  return picture;
}

async function rgb(jpeg: Buffer | undefined): Promise<number[]> {
  const { data, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
  const at = (Math.floor(info.height / 2) * info.width + Math.floor(info.width / 2)) * info.channels;
  return [...data.subarray(at, at + 3)];
}

describe('JPEGs', () => {
  it.each([
    // Limited range, BT.601 and BT.709, and full range: `Y'CbCr` of the colours by the standards' formulas.
    ['black', 480, { fullRange: false, matrix: 6 }, [16, 128, 128], [0, 0, 0]],
    ['white', 480, { fullRange: false, matrix: null }, [235, 128, 128], [255, 255, 255]],
    ['red, BT.601', 480, { fullRange: false, matrix: 6 }, [81, 90, 240], [255, 0, 0]],
    ['red, BT.709', 720, { fullRange: false, matrix: 1 }, [63, 102, 240], [255, 0, 0]],
    ['red, HD and nothing said', 720, { fullRange: false, matrix: null }, [63, 102, 240], [255, 0, 0]],
    ['white, full range', 480, { fullRange: true, matrix: 6 }, [255, 128, 128], [255, 255, 255]],
    ['grey, full range', 720, { fullRange: true, matrix: 1 }, [100, 128, 128], [100, 100, 100]],
  ])('have the colours of the camera: %s', async (_, height, colour, [y, u, v], expected) => {
    encoder = new PictureEncoder({ widthPx: 320, regions: 'full', privacyMasks: [] });
    const width = (height * 16) / 9;
    const encoded = await encoder.encode(flat(width, height, y ?? 0, u ?? 0, v ?? 0), {
      ...{ width: Math.round(width / 2) * 2, height },
      colour,
    });
    expect(encoded).toMatchObject({ width: 320, height: 180 });
    const found = await rgb(encoded?.jpegs[0]);
    for (const [channel, value] of found.entries()) {
      expect(Math.abs(value - (expected[channel] ?? 0)), `${found}`).toBeLessThanOrEqual(6);
    }
  });

  it('are never wider than the picture, and keep its shape', async () => {
    encoder = new PictureEncoder({ widthPx: 960, regions: 'full', privacyMasks: [] });
    const format = { width: 480, height: 360, colour: { fullRange: false, matrix: null } };
    expect(await encoder.encode(flat(480, 360, 90, 128, 128), format)).toMatchObject({ width: 480, height: 360 });
  });

  it('are not made of a picture of another size than announced', async () => {
    encoder = new PictureEncoder({ widthPx: 960, regions: 'full', privacyMasks: [] });
    const format = { width: 640, height: 360, colour: { fullRange: false, matrix: null } };
    expect(await encoder.encode(flat(480, 360, 90, 128, 128), format)).toBeNull();
  });
});
