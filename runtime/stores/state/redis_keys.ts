import { partitionOf } from '../../bus/murmur2.ts';

/**
 * Keys carry a hash tag, `{prefix:part}`: what one script touches lies on one node of a Cluster. Cameras are
 * spread over 16 parts; incidents with their index are one part, because a page of them is one question.
 */
const CAMERA_PARTS = 16;
export const INCIDENTS = 'i';
export const PARTS: readonly string[] = [INCIDENTS, ...Array.from({ length: CAMERA_PARTS }, (_, n) => String(n))];
export const CAMERAS: readonly string[] = PARTS.slice(1);

/** Name of a camera within its part. */
export function cameraField(site: string, camera: string): string {
  return `${site}/${camera}`;
}

export function partOfCamera(field: string): string {
  return String(partitionOf(field, CAMERA_PARTS));
}

export class Keys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** In every part: how far each partition of the topics has been taken in. */
  taken(part: string): string {
    return this.#key(part, 'taken');
  }

  /** In the order in which the camera script wants them. */
  camera(part: string): [taken: string, status: string, coverage: string, watched: string, histories: string] {
    return [this.taken(part), this.status(part), this.coverage(part), this.watched(part), this.histories(part)];
  }

  /** Hash: camera → `epoch updatedAt json`. */
  status(part: string): string {
    return this.#key(part, 'status');
  }

  /** Hash: camera → `to_ms json` of its newest interval. */
  coverage(part: string): string {
    return this.#key(part, 'coverage');
  }

  /** Hash: camera → `to_ms to` of its newest watched interval. */
  watched(part: string): string {
    return this.#key(part, 'watched');
  }

  /** Set of the cameras that have a history. */
  histories(part: string): string {
    return this.#key(part, 'histories');
  }

  /** Sorted set of intervals by their beginning: `from_ms to_ms watched reason`. */
  history(part: string, camera: string): string {
    return this.#key(part, `history:${camera}`);
  }

  /** Hash: camera → `captureTime` and JPEG. */
  pictures(part: string): string {
    return this.#key(part, 'pictures');
  }

  /** Hash: camera → `captureTime bytes`. */
  pictureTimes(part: string): string {
    return this.#key(part, 'picture_times');
  }

  /** In the order in which the incident scripts want them. */
  incidents(): string[] {
    return ['taken', 'opened', 'meta', 'open', 'held', 'orphans', 'mutes', 'changes', 'categories'].map((name) =>
      this.#key(INCIDENTS, name),
    );
  }

  /** Sorted set of incident ids by opening: all, those not closed, those of one camera. */
  opened(): string {
    return this.#key(INCIDENTS, 'opened');
  }

  open(): string {
    return this.#key(INCIDENTS, 'open');
  }

  openedAt(camera: string): string {
    return this.#key(INCIDENTS, `opened:${camera}`);
  }

  /** Hash: incident → JSON `[site, camera, rule, severity, state, zone, type]`, for filters. */
  meta(): string {
    return this.#key(INCIDENTS, 'meta');
  }

  /** Hash: what `meta` has of an incident, also with each of its labels put behind → how many incidents are so. */
  categories(): string {
    return this.#key(INCIDENTS, 'categories');
  }

  held(): string {
    return this.#key(INCIDENTS, 'held');
  }

  /** Sorted set, by time, of incidents of which only evidence or judgements have come. */
  orphans(): string {
    return this.#key(INCIDENTS, 'orphans');
  }

  /** Hash: mute → `removed_ms json`, `- json` while nobody took it back. */
  mutes(): string {
    return this.#key(INCIDENTS, 'mutes');
  }

  /** Stream of ids of incidents that changed, `*` for all; trimmed. */
  changes(): string {
    return this.#key(INCIDENTS, 'changes');
  }

  /** Hash: the incident with everything that came to it. */
  incident(id: string): string {
    return this.#key(INCIDENTS, `incident:${id}`);
  }

  #key(part: string, name: string): string {
    return `{${this.#prefix}:${part}}:${name}`;
  }
}
