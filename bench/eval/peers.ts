/** Trackers to compare with: the plain ones that everybody has, under the same evaluator. */
import { assign } from '../../processors/cleanup/assignment.ts';
import { type MotRow, rowIou } from './mot.ts';
import { type MotSequence, scoresOf } from './mot_folder.ts';

interface PeerTrack {
  id: number;
  row: MotRow;
  misses: number;
  hits: number;
}

/**
 * Bochinski et al., "High-speed tracking-by-detection without using image information", 2017: each track
 * takes the free box that overlaps its last one most. Here with a life of one second.
 */
export function iouTracker(sequence: MotSequence, { high = 0.4, minIou = 0.3 } = {}): MotRow[] {
  const scoreOf = scoresOf(sequence);
  const life = Math.max(1, Math.round(sequence.frameRate / stepOf(sequence)));
  let tracks: PeerTrack[] = [];
  let ids = 0;
  const rows: MotRow[] = [];
  for (const { frame, rows: detections } of sequence.frames) {
    const free = new Set(detections.filter((row) => scoreOf(row.conf) >= high));
    for (const track of tracks) {
      const best = [...free].reduce<MotRow | null>(
        (a, b) => (a === null || rowIou(track.row, b) > rowIou(track.row, a) ? b : a),
        null,
      );
      track.misses += 1;
      if (best && rowIou(track.row, best) >= minIou) {
        free.delete(best);
        Object.assign(track, { row: best, misses: 0, hits: track.hits + 1 });
      }
    }
    for (const row of free) tracks.push({ id: ++ids, row, misses: 0, hits: 1 });
    tracks = tracks.filter((track) => track.misses <= life);
    for (const { id, row, misses } of tracks) if (misses === 0) rows.push({ ...row, id, frame, conf: 1 });
  }
  return rows;
}

/** Nearest bottom centre within half a box height, nearest pair first: distance without a model of motion. */
export function greedyTracker(sequence: MotSequence, { high = 0.4, reach = 0.5 } = {}): MotRow[] {
  const scoreOf = scoresOf(sequence);
  const life = Math.max(1, Math.round(sequence.frameRate / stepOf(sequence)));
  let tracks: PeerTrack[] = [];
  let ids = 0;
  const rows: MotRow[] = [];
  for (const { frame, rows: detections } of sequence.frames) {
    const free = new Set(detections.filter((row) => scoreOf(row.conf) >= high));
    for (const track of tracks) track.misses += 1;
    const pairs = tracks.flatMap((track) =>
      [...free].map((row) => ({
        track,
        row,
        distance:
          Math.hypot(
            row.x + row.width / 2 - track.row.x - track.row.width / 2,
            row.y + row.height - track.row.y - track.row.height,
          ) / track.row.height,
      })),
    );
    for (const { track, row, distance } of pairs.sort((a, b) => a.distance - b.distance)) {
      if (distance > reach || !free.has(row) || track.misses === 0) continue;
      free.delete(row);
      Object.assign(track, { row, misses: 0 });
    }
    for (const row of free) tracks.push({ id: ++ids, row, misses: 0, hits: 1 });
    tracks = tracks.filter((track) => track.misses <= life);
    for (const { id, row, misses } of tracks) if (misses === 0) rows.push({ ...row, id, frame, conf: 1 });
  }
  return rows;
}

/** Kalman filter of one coordinate, a step a frame, noise in proportion to the box height (as DeepSORT's). */
class Coordinate {
  value: number;
  velocity = 0;
  #pp: number;
  #pv = 0;
  #vv: number;

  constructor(value: number, height: number) {
    this.value = value;
    this.#pp = (height / 10) ** 2;
    this.#vv = (height / 16) ** 2;
  }

  predict(height: number): void {
    this.value += this.velocity;
    this.#pp += 2 * this.#pv + this.#vv + (height / 20) ** 2;
    this.#pv += this.#vv;
    this.#vv += (height / 160) ** 2;
  }

  correct(measured: number, height: number): void {
    const total = this.#pp + (height / 20) ** 2;
    const gain = this.#pp / total;
    const gainVelocity = this.#pv / total;
    const innovation = measured - this.value;
    this.value += gain * innovation;
    this.velocity += gainVelocity * innovation;
    this.#vv -= gainVelocity * this.#pv;
    this.#pp *= 1 - gain;
    this.#pv *= 1 - gain;
  }
}

interface ByteTrackTrack extends PeerTrack {
  x: Coordinate;
  y: Coordinate;
  w: Coordinate;
  h: Coordinate;
  confirmed: boolean;
}

/**
 * Zhang et al., "ByteTrack: multi-object tracking by associating every detection box", 2022, with the
 * authors' settings: high 0.6, new 0.7, low 0.1, IoU costs 0.8, 0.5 and 0.7, thirty frames of life.
 */
export function byteTracker(sequence: MotSequence, { high = 0.6, fresh = 0.7, low = 0.1 } = {}): MotRow[] {
  const scoreOf = scoresOf(sequence);
  const life = Math.max(1, Math.round(sequence.frameRate / stepOf(sequence)));
  let tracks: ByteTrackTrack[] = [];
  let ids = 0;
  let first = true;
  const rows: MotRow[] = [];
  for (const { frame, rows: detections } of sequence.frames) {
    for (const track of tracks) {
      for (const axis of [track.x, track.y, track.w, track.h]) axis.predict(Math.max(1, track.h.value));
      track.misses += 1;
    }
    const strong = detections.filter((row) => scoreOf(row.conf) >= high);
    const weak = detections.filter((row) => scoreOf(row.conf) >= low && scoreOf(row.conf) < high);
    const taken = new Set<MotRow>();
    const match = (among: ByteTrackTrack[], boxes: MotRow[], limit: number, fuse: boolean): void => {
      const free = boxes.filter((row) => !taken.has(row));
      const costs = among.map((track) =>
        free.map((row) => 1 - rowIou(boxOf(track), row) * (fuse ? scoreOf(row.conf) : 1)),
      );
      assign(costs, limit).forEach((column, index) => {
        const track = among[index];
        const row = free[column];
        if (!track || !row) return;
        taken.add(row);
        track.x.correct(row.x + row.width / 2, row.height);
        track.y.correct(row.y + row.height / 2, row.height);
        track.w.correct(row.width, row.height);
        track.h.correct(row.height, row.height);
        Object.assign(track, { row, misses: 0, hits: track.hits + 1, confirmed: true });
      });
    };
    const confirmed = tracks.filter((track) => track.confirmed);
    match(confirmed, strong, 0.8, true);
    match(
      confirmed.filter((track) => track.misses === 1),
      weak,
      0.5,
      false,
    );
    match(
      tracks.filter((track) => !track.confirmed),
      strong,
      0.7,
      true,
    );
    tracks = tracks.filter((track) => (track.confirmed ? track.misses <= life : track.misses === 0));
    for (const row of strong) {
      if (taken.has(row) || scoreOf(row.conf) < fresh) continue;
      tracks.push({
        id: ++ids,
        row,
        misses: 0,
        hits: 1,
        confirmed: first,
        x: new Coordinate(row.x + row.width / 2, row.height),
        y: new Coordinate(row.y + row.height / 2, row.height),
        w: new Coordinate(row.width, row.height),
        h: new Coordinate(row.height, row.height),
      });
    }
    first = false;
    for (const track of tracks) {
      if (track.misses === 0 && track.confirmed) rows.push({ ...boxOf(track), id: track.id, frame, conf: 1 });
    }
  }
  return rows;
}

function boxOf({ x, y, w, h, row }: ByteTrackTrack): MotRow {
  return { ...row, x: x.value - w.value / 2, y: y.value - h.value / 2, width: w.value, height: h.value };
}

function stepOf(sequence: MotSequence): number {
  const [first, second] = sequence.frames;
  return first && second ? second.frame - first.frame : 1;
}
