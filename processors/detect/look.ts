import sharp from 'sharp';
import type { ModelManifest } from '../../models/manifest.ts';
import { type ModelSession, openModel } from '../../models/session.ts';
import { BanksmanError } from '../../runtime/errors.ts';
import type { Box } from '../../runtime/messages/types.ts';
import { Candidates } from './families/candidates.ts';
import type { ModelFamily, Placement } from './families/family.ts';
import { FAMILIES } from './families/index.ts';
import { suppress } from './families/suppress.ts';
import { jpegSize } from './jpeg_size.ts';
import { mergeRegions } from './merge_regions.ts';
import type { LookRequest, LookResult } from './protocol.ts';

/** No camera makes larger ones, and a small file can claim to. */
const MAX_PIXELS = 64_000_000;
const FULL: Box = [0, 0, 1, 1];

/** A picture decoded and scaled for a network. */
interface Pixels {
  readonly placement: Placement;
  /** RGB, 8 bits, interleaved. */
  readonly data: Uint8Array;
}

/** A model and all the memory that its runs need, reused from run to run. */
export class Detector {
  readonly #manifest: ModelManifest;
  readonly #family: ModelFamily;
  readonly #session: ModelSession;
  readonly #candidates = new Candidates();

  private constructor(manifest: ModelManifest, family: ModelFamily, session: ModelSession) {
    this.#manifest = manifest;
    this.#family = family;
    this.#session = session;
  }

  /** @throws BanksmanError MODEL_* as openModel, MODEL_MANIFEST_INVALID for an unknown family */
  static async open(manifest: ModelManifest, path: string): Promise<Detector> {
    const family = FAMILIES.get(manifest.family);
    if (!family) {
      const message = `no family ${manifest.family}; known: ${[...FAMILIES.keys()].join(', ')}`;
      throw new BanksmanError('MODEL_MANIFEST_INVALID', { where: manifest.id, message });
    }
    return new Detector(manifest, family, await openModel(manifest, path, family));
  }

  get sha256(): string {
    return this.#session.sha256;
  }

  /**
   * Decodes on libuv's threads, so that the next frame can be decoded while this thread runs the network.
   * @throws BanksmanError FRAME_UNREADABLE
   */
  async decode(jpeg: Uint8Array): Promise<Pixels> {
    const size = jpegSize(jpeg);
    if (!size) throw new BanksmanError('FRAME_UNREADABLE', { message: 'not a JPEG' });
    const placement = this.#family.place(size.width, size.height, this.#manifest.input);
    const { width, height } = placement;
    try {
      const { data, info } = await sharp(jpeg, { failOn: 'error', limitInputPixels: MAX_PIXELS, sequentialRead: true })
        .resize(width, height, { fit: 'fill', kernel: 'cubic' })
        .toColourspace('srgb')
        .raw()
        .toBuffer({ resolveWithObject: true });
      return { placement, data: info.channels === 3 ? data : threeChannels(data, info.channels) };
    } catch (cause) {
      const message = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
      throw new BanksmanError('FRAME_UNREADABLE', { message, cause });
    }
  }

  /**
   * Runs the network once a picture; blocks this thread meanwhile. One call at a time.
   * @param pictures the full picture, then one a region
   */
  async look(
    pictures: readonly Pixels[],
    { regions, floor }: Pick<LookRequest, 'regions' | 'floor'>,
  ): Promise<LookResult> {
    const { input, nms_iou: nmsIou = this.#family.nmsIou } = this.#manifest;
    const inferenceSeconds: number[] = [];
    const found = [];
    for (const [index, { placement, data }] of pictures.entries()) {
      this.#family.fill(data, placement, input, this.#session.input);
      const start = performance.now();
      const outputs = await this.#session.run();
      inferenceSeconds.push((performance.now() - start) / 1000);
      this.#candidates.clear();
      this.#family.decode(outputs, placement, input, floor, this.#candidates);
      const region = index === 0 ? FULL : (regions[index - 1] ?? FULL);
      found.push({ region, boxes: suppress(this.#candidates, nmsIou) });
    }
    return { boxes: mergeRegions(found, nmsIou), inferenceSeconds };
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

/** Grey cameras at night send one channel. */
function threeChannels(data: Uint8Array, channels: number): Uint8Array {
  const pixels = data.length / channels;
  const rgb = new Uint8Array(pixels * 3);
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      rgb[pixel * 3 + channel] = data[pixel * channels + (channels >= 3 ? channel : 0)] ?? 0;
    }
  }
  return rgb;
}
