import { isDeepStrictEqual } from 'node:util';
import type { Box, Polygon } from '../runtime/messages/types.ts';
import { type Crop, copyCrop, cropOf } from './crop.ts';
import { type I420Layout, i420Layout } from './i420.ts';
import { type Colour, JpegEncoder } from './jpeg.ts';
import { PrivacyPainter } from './privacy.ts';

/** Of raw pictures. */
export interface PictureFormat {
  width: number;
  height: number;
  colour: Colour;
}

export interface EncodeOptions {
  /** Width of the full picture's JPEG; never wider than the picture. */
  widthPx: number;
  regions: 'full' | readonly Box[];
  privacyMasks: readonly Polygon[];
}

export interface Encoded {
  /** Full picture first, then one a region. */
  jpegs: Buffer[];
  width: number;
  height: number;
  regions: Box[];
}

interface Region {
  box: Box;
  crop: Crop;
  buffer: Buffer;
  encoder: JpegEncoder;
}

interface Prepared {
  format: PictureFormat;
  layout: I420Layout;
  painter: PrivacyPainter;
  full: JpegEncoder;
  width: number;
  height: number;
  regions: Region[];
}

/** Raw pictures to JPEGs: masks burnt in first, then the full picture scaled, then crops as they are. */
export class PictureEncoder {
  #options: EncodeOptions;
  #prepared: Prepared | null = null;

  constructor(options: EncodeOptions) {
    this.#options = options;
  }

  /** Call between two `encode`s, never during one. */
  configure(options: EncodeOptions): void {
    this.stop();
    this.#options = options;
  }

  /**
   * One at a time: the caller waits for each.
   * @param picture I420 of `i420Layout(width, height)`; masks are painted into it
   * @returns null when it is not of that size.
   */
  async encode(picture: Buffer, format: PictureFormat): Promise<Encoded | null> {
    const prepared = this.#for(format);
    if (picture.length !== prepared.layout.bytes) return null;
    prepared.painter.paint(picture);
    const full = await prepared.full.encode(picture);
    if (!full) return null;
    const jpegs = [full];
    for (const { crop, buffer, encoder } of prepared.regions) {
      copyCrop(picture, prepared.layout, crop, buffer);
      const jpeg = await encoder.encode(buffer);
      if (!jpeg) return null;
      jpegs.push(jpeg);
    }
    const { width, height, regions } = prepared;
    return { jpegs, width, height, regions: regions.map(({ box }) => box) };
  }

  stop(): void {
    const prepared = this.#prepared;
    this.#prepared = null;
    prepared?.full.stop();
    for (const { encoder } of prepared?.regions ?? []) encoder.stop();
  }

  #for(format: PictureFormat): Prepared {
    const known = this.#prepared;
    if (known && isDeepStrictEqual(known.format, format)) return known;
    const { width, height, colour } = format;
    this.stop();
    const { widthPx, regions, privacyMasks } = this.#options;
    const layout = i420Layout(width, height);
    const outWidth = Math.floor(Math.min(widthPx, width) / 2) * 2;
    const outHeight = Math.max(2, Math.round((outWidth * height) / width / 2) * 2);
    const prepared: Prepared = {
      format,
      layout,
      painter: new PrivacyPainter(privacyMasks, layout),
      full: new JpegEncoder({ width, height, outWidth, outHeight, colour }),
      width: outWidth,
      height: outHeight,
      regions: (regions === 'full' ? [] : regions).map((box) => region(box, format)),
    };
    this.#prepared = prepared;
    return prepared;
  }
}

function region(box: Box, { width, height, colour }: PictureFormat): Region {
  const crop = cropOf(box, width, height);
  const { width: w, height: h } = crop;
  return {
    // What was cut, which may differ from what was asked for by a pixel or two.
    box: [crop.x / width, crop.y / height, (crop.x + w) / width, (crop.y + h) / height],
    crop,
    buffer: Buffer.alloc(i420Layout(w, h).bytes),
    encoder: new JpegEncoder({ width: w, height: h, outWidth: w, outHeight: h, colour }),
  };
}
