/** Pictures small enough to travel within the page. */
import sharp, { type Sharp } from 'sharp';
import type { ObjectReader } from '../runtime/stores/objects/types.ts';
import { COLUMNS, density, type HeatMap, ROWS } from './heat.ts';

export interface Picture {
  /** `data:image/jpeg;base64,…` */
  url: string;
  width: number;
  height: number;
}

const QUALITY = 74;
/** Brightness rises all along, so that it reads in grey and with any kind of colour blindness. */
const RAMP: readonly (readonly [number, number, number, number])[] = [
  [20, 11, 53, 0],
  [101, 21, 110, 120],
  [188, 55, 84, 175],
  [249, 142, 9, 205],
  [252, 255, 164, 230],
];

/** Undefined where nothing lies, or what lies there is no picture. */
export async function smallPicture(objects: ObjectReader, key: string, width: number): Promise<Picture | undefined> {
  const bytes = await objects.get(key);
  return bytes && orNone(() => encode(sharp(bytes).resize({ width, withoutEnlargement: true })));
}

/**
 * Where incidents were, over a grey picture of the camera.
 * @param backdrop JPEG; undefined: an empty picture. @param hottest density that is brightest.
 */
export async function heatPicture(
  map: HeatMap,
  backdrop: Buffer | undefined,
  hottest: number,
  width: number,
): Promise<Picture | undefined> {
  const ground = backdrop && (await orNone(() => grey(backdrop, width)));
  return orNone(async () => {
    const height = ground?.height ?? Math.round((width * ROWS) / COLUMNS);
    const heat = await sharp(glow(map, hottest), { raw: { width: COLUMNS, height: ROWS, channels: 4 } })
      .resize(width, height, { fit: 'fill', kernel: 'cubic' })
      .png()
      .toBuffer();
    const base = ground
      ? sharp(ground.bytes)
      : sharp({ create: { width, height, channels: 3, background: { r: 58, g: 66, b: 76 } } });
    return encode(base.composite([{ input: heat }]));
  });
}

async function grey(jpeg: Buffer, width: number): Promise<{ bytes: Buffer; height: number }> {
  const { data, info } = await sharp(jpeg)
    .resize({ width, fit: 'inside' })
    .modulate({ saturation: 0.12, brightness: 0.72 })
    .png()
    .toBuffer({ resolveWithObject: true });
  return { bytes: data, height: info.height };
}

/** Colours and opacity of each cell. */
function glow(map: HeatMap, hottest: number): Buffer {
  const values = density(map);
  const pixels = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => {
    // The root: one incident beside a hundred is still to be seen.
    const at = Math.sqrt(Math.min(1, value / hottest)) * (RAMP.length - 1);
    const [low, high] = [RAMP[Math.floor(at)], RAMP[Math.ceil(at)]];
    if (!low || !high) return;
    for (const channel of [0, 1, 2, 3] as const) {
      pixels[i * 4 + channel] = Math.round(low[channel] + (high[channel] - low[channel]) * (at % 1));
    }
  });
  return pixels;
}

async function encode(image: Sharp): Promise<Picture> {
  const { data, info } = await image.jpeg({ quality: QUALITY, mozjpeg: true }).toBuffer({ resolveWithObject: true });
  return { url: `data:image/jpeg;base64,${data.toString('base64')}`, width: info.width, height: info.height };
}

/** A damaged picture is no reason to have no report. */
async function orNone<T>(make: () => Promise<T>): Promise<T | undefined> {
  try {
    return await make();
  } catch {
    return undefined;
  }
}
