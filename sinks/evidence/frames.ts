/** The frame that a peak names, read again while the bus has it. */
import type { Bus } from '../../runtime/bus/types.ts';
import { decodeFrameHeaders, splitFrame } from '../../runtime/messages/codec.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import type { Coordinates, Timestamp, Track } from '../../runtime/messages/types.ts';

export interface Picture {
  frame: Coordinates;
  /** The full picture as ingest made it. */
  jpeg: Buffer;
  captureTime: Timestamp;
  captureTimeEstimated: boolean;
  receiveTime: Timestamp | null;
  /** When the bus took it, epoch ms; where that is not known, about then. */
  takenAt: number;
}

export function sameCoordinates(a: Coordinates | null | undefined, b: Coordinates | null | undefined): boolean {
  if (!a || !b) return false;
  return a.topic === b.topic && a.partition === b.partition && a.offset === b.offset;
}

/**
 * @returns undefined when it is no longer retained, or when what lies there is not of this camera.
 * @throws what the bus throws.
 */
export async function readPicture(
  bus: Bus,
  frame: Coordinates,
  of: { site: string; camera: string },
): Promise<Picture | undefined> {
  const message = await bus.read(frame.topic, frame.partition, Number(frame.offset));
  if (!message?.value) return undefined;
  try {
    const meta = decodeFrameHeaders(message.headers);
    const [full] = splitFrame(meta, message.value);
    if (!full || meta.site !== of.site || meta.camera !== of.camera) return undefined;
    const { captureTime, captureTimeEstimated, receiveTime } = meta;
    // A copy: the rest of the message, crops and its batch, is not to stay with it.
    return {
      frame,
      jpeg: Buffer.from(full),
      captureTime,
      captureTimeEstimated,
      receiveTime,
      takenAt: message.timestamp,
    };
  } catch {
    return undefined;
  }
}

/** A record comes within seconds after its frame; further than this nobody looks for it. */
const MAX_RECORDS = 2000;
const MAX_AFTER_MS = 60_000;

/** The tracks that were there on a frame, those in sight only. @returns null when their record is not found. */
export async function readTracks(
  bus: Bus,
  { frame, takenAt }: Pick<Picture, 'frame' | 'takenAt'>,
  { site, camera }: { site: string; camera: string },
): Promise<Track[] | null> {
  const key = cameraKey(site, camera);
  let looked = 0;
  // A little before: the times are of two topics, and of a clock that may step.
  for await (const message of bus.tail('tracks.v1', { time: takenAt - 1000 }, { key, stopAtEnd: true })) {
    looked += 1;
    if (looked > MAX_RECORDS || message.timestamp > takenAt + MAX_AFTER_MS) break;
    try {
      const record = parseMessage('tracks.v1', message);
      if (sameCoordinates(record.frame, frame)) return record.tracks.filter(({ coasting }) => !coasting);
    } catch {
      // Whoever consumes tracks for good puts it aside and counts it.
    }
  }
  return null;
}

/** Bytes of pictures that wait in memory, bounded. */
export class HeldBytes {
  readonly #max: number;
  #held = 0;

  constructor(max: number) {
    this.#max = max;
  }

  take(bytes: number): boolean {
    if (this.#held + bytes > this.#max) return false;
    this.#held += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}
