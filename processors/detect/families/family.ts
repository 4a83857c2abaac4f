import type { RawOutput, Signature, SignatureCheck } from '../../../models/session.ts';
import type { Candidates } from './candidates.ts';

/** Size of a model's input in pixels. */
export interface InputSize {
  readonly width: number;
  readonly height: number;
}

/** Where the picture, stretched to `width` × `height`, lies within the model's input. Whole pixels. */
export interface Placement {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Pre- and post-processing of one family of networks, in one place. Pure: typed arrays in and out,
 * nothing allocated per pixel. What is wrong here raises no error and finds no people, so golden
 * tests on real pictures pin every adapter.
 */
export interface ModelFamily extends SignatureCheck {
  readonly name: string;
  /** Two boxes of one class that overlap more than this are one, where the manifest does not say. */
  readonly nmsIou: number;
  place(pictureWidth: number, pictureHeight: number, input: InputSize): Placement;
  /**
   * Writes the picture into the network's input.
   * @param pixels RGB, 8 bits, interleaved, exactly `placement.width` × `placement.height`
   * @param into planar, 3 × input.height × input.width; all of it is written
   */
  fill(pixels: Uint8Array, placement: Placement, input: InputSize, into: Float32Array): void;
  /**
   * Adds what a run found to `into`: the best class of each cell from `floor` up, boxes normalized to
   * the picture (not clamped, not yet suppressed).
   */
  decode(
    outputs: Readonly<Record<string, RawOutput>>,
    placement: Placement,
    input: InputSize,
    floor: number,
    into: Candidates,
  ): void;
}

/** The largest size of the picture's shape that fits, at least a pixel each way. */
export function fitWithin(pictureWidth: number, pictureHeight: number, input: InputSize): InputSize {
  const ratio = Math.min(input.width / pictureWidth, input.height / pictureHeight);
  return {
    width: Math.min(input.width, Math.max(1, Math.round(pictureWidth * ratio))),
    height: Math.min(input.height, Math.max(1, Math.round(pictureHeight * ratio))),
  };
}

/** @returns a mismatch, or null. A symbolic dimension of the model fits any size. */
export function shapeMismatch(what: string, found: Signature | undefined, shape: readonly number[]): string | null {
  if (found === undefined) return `${what} is missing`;
  const wanted = `float32[${shape.join(',')}]`;
  const fits =
    found.type === 'float32' &&
    found.shape.length === shape.length &&
    found.shape.every((size, index) => typeof size === 'string' || size === shape[index]);
  return fits ? null : `${what} ${found.name} is ${found.type}[${found.shape.join(',')}], expected ${wanted}`;
}
