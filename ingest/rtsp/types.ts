import type { BanksmanError } from '../../runtime/errors.ts';

/** One encoded picture: H.264 byte stream. */
export interface AccessUnit {
  readonly data: Buffer;
  /** Presentation time of the stream, milliseconds from an origin of its own; null when it carries none. */
  readonly ptsMs: number | null;
  /** When it reached this process, on the monotonic clock. */
  readonly arrivalMs: number;
  /** Decoding can start here: told by its NAL units, since some cameras never set flags. */
  readonly key: boolean;
  /** Something was lost right before it. */
  readonly discont: boolean;
  /** Follows a loss, and no key picture came since: what it shows cannot be trusted. */
  readonly damaged: boolean;
}

export interface SourceEvents {
  /** `unit.data` is the receiver's; the source keeps no reference. */
  onUnit(unit: AccessUnit): void;
  /** The session is over; called once, not after `stop`. */
  onEnd(error: BanksmanError): void;
}

/** Yields the encoded pictures of one session, from `start` until `onEnd` or `stop`. */
export interface AccessUnitSource {
  start(events: SourceEvents): void;
  /** May block for about 100 ms. */
  stop(): void;
}

/** What the pictures of an access unit are known by when they come out of the decoder. */
export interface Stamp {
  /** Capture time, epoch ms. */
  readonly timeMs: number;
  /** When its unit arrived, epoch ms. */
  readonly receiveMs: number;
  /** Receive time stands in for capture time. */
  readonly estimated: boolean;
  /** See `AccessUnit.key`. */
  readonly key: boolean;
}

/** A decoded picture, as far as the gate needs it. */
export interface DecodedFrame {
  readonly stamp: Stamp;
  /** Low-resolution luma, one byte a cell, rows without padding. Valid until the handler's promise settles. */
  readonly luma: Uint8Array;
  /** The decoder met errors in it. */
  readonly corrupt: boolean;
  /** Units pushed before it, and shown before it, that never came out. */
  readonly lost: number;
}

/** A decoded picture at native size: I420 in GStreamer's layout (`i420Layout`). */
export interface RawPicture {
  readonly stamp: Stamp;
  readonly data: Buffer;
  /** Frees the memory at once; `data` is gone then. */
  release(): void;
}

export interface DecoderEvents {
  /** The next frame waits until the returned promise settles. */
  onFrame(frame: DecodedFrame): void | Promise<void>;
  /** The decoder has given up; called once, not after `stop`. The text is GStreamer's and has no secrets. */
  onFailure(detail: string): void;
}

/** Takes access units, yields frames in display order. */
export interface Decoder {
  start(events: DecoderEvents): void;
  /** @returns false when the decoder is too far behind to take it. */
  push(unit: AccessUnit, stamp: Stamp): boolean;
  /** Access units that wait for the decoder. */
  readonly waiting: number;
  /**
   * The newest decoded picture. Call it from `onFrame`, at most once a frame: it is that frame, or one
   * decoded meanwhile. Null when none can be had.
   */
  picture(): Promise<RawPicture | null>;
  stop(): void;
}
