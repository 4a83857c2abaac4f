import type { RateControl } from '../camera.ts';
import type { MadeFrame } from './types.ts';

/** Less than this much of a box's edge, in pixels, is no movement to an encoder. */
const STILL_PX = 0.5;

/**
 * Where key pictures come. A smart codec leaves them out while nothing moves: when the usual group is over it
 * goes on until something moves or the stretched one is over as well.
 */
export class GopSchedule {
  readonly #rate: RateControl;
  #since = Number.POSITIVE_INFINITY;
  #moved = false;

  constructor(rate: RateControl) {
    this.#rate = rate;
  }

  /** Of the next frame. */
  isKey(moves: boolean): boolean {
    const { gop, smartGop } = this.#rate;
    this.#moved ||= moves;
    const isOver = this.#since >= (smartGop ?? gop) || (this.#since >= gop && this.#moved);
    this.#since = isOver ? 1 : this.#since + 1;
    if (isOver) this.#moved = false;
    return isOver;
  }
}

/** Whether anything in the picture moved between two frames; the first moves nothing. */
export class Movement {
  readonly #width: number;
  readonly #height: number;
  #before: Map<string, readonly number[]> | null = null;

  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
  }

  sees({ objects, warp }: Pick<MadeFrame, 'objects' | 'warp'>): boolean {
    const now = new Map(
      objects.map((object): [string, readonly number[]] => [`${object.class} ${object.id}`, object.box]),
    );
    const before = this.#before;
    this.#before = now;
    if (before === null) return false;
    if (warp || before.size !== now.size) return true;
    for (const [id, box] of now) {
      const was = before.get(id);
      if (!was) return true;
      const isStill = box.every(
        (edge, i) => Math.abs(edge - (was[i] ?? 0)) * (i % 2 === 0 ? this.#width : this.#height) < STILL_PX,
      );
      if (!isStill) return true;
    }
    return false;
  }
}

/** Frames of a part that is rendered and kept on its own: about ten seconds, whole groups of pictures. */
export function partLength({ rate, fps }: { rate: RateControl; fps: number }): number {
  const group = rate.smartGop ?? rate.gop;
  return Math.max(1, Math.round((10 * fps) / group)) * group;
}
