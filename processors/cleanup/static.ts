/**
 * Static false alarms: a box that appeared without arriving and then stays within its own noise is a
 * pole, a poster, a shadow. What is remembered of it is a *spot*: where the edges of its box are, and
 * how much they jitter. Somebody who walked in and stands still has arrived, and is never suppressed.
 */
import type { Box, Detection } from '../../runtime/messages/types.ts';
import { iou, kindOf } from './boxes.ts';
import type { Candidate, TrackState } from './tracker.ts';

/** Plain JSON. Edges in the order of a box, normalized. */
export interface Spot {
  kind: string;
  mean: [number, number, number, number];
  variance: [number, number, number, number];
  score: number;
  count: number;
  /** Seconds of looked time that it stood still, and since it was last found. */
  still: number;
  unseen: number;
  /** Seconds of looked time for which something else was there instead. */
  odd: number;
  /** The track that walked in and stands here. */
  arrived: string | null;
  suppressed: boolean;
}

export interface StaticState {
  spots: Spot[];
}

export interface StaticOptions {
  /** Seconds within its own noise. */
  after: number;
  /** Standard deviation of an edge, as a share of the box: more is something alive. */
  noise: number;
  /** Mean score above which it is no false alarm but a thing that stands there: a parked car, somebody seated. */
  sure: number;
  /** Box heights that a track must have moved to have arrived. */
  roamed: number;
  /** Box heights within which something that moves makes a spot be looked at afresh. */
  near: number;
  /** Speed in box heights a second from which a track moves. */
  moving: number;
  /** Looked seconds after which a spot not found again is forgotten: suppressed, of one who arrived, others. */
  forget: number;
  forgetArrived: number;
  forgetFresh: number;
  maxSpots: number;
}

export const STATIC_DEFAULTS: StaticOptions = Object.freeze({
  after: 20,
  noise: 0.06,
  sure: 0.7,
  roamed: 0.5,
  near: 1.5,
  moving: 0.2,
  forget: 600,
  forgetArrived: 60,
  forgetFresh: 5,
  maxSpots: 100,
});

/** Detector boxes jitter by at least this share of their size, whatever was measured so far. */
const LEAST_NOISE = 0.03;
/** How far, in standard deviations, an edge may lie off a suppressed spot; and while something moves near it. */
const FIT = 4;
const FIT_AFRESH = 3;
/** Looked seconds of something else there after which a spot that is being learnt begins again. */
const ODD = 2;
const SAME_PLACE_IOU = 0.5;
/** Seconds for which a spot may not be found and still counts as having been there. */
const LONGEST_FLICKER = 2;
/** Samples over which mean and variance are taken; enough to be one value each. */
const MEMORY = 300;
const FEW = 10;

export function startStatic(): StaticState {
  return { spots: [] };
}

/**
 * Takes out the candidates that lie on suppressed spots.
 * @param tracks the tracker's state before this sample: what moves is read from it.
 */
export function suppressStatic<C extends Candidate>(
  state: StaticState,
  candidates: readonly C[],
  tracks: readonly TrackState[],
  aspect: number,
  options: StaticOptions = STATIC_DEFAULTS,
): { state: StaticState; kept: C[]; suppressed: Detection[] } {
  const spots = state.spots.map((spot) => ({ ...spot }));
  const movers = tracks.filter((track) => moves(track, options));
  const taken = new Set<C>();
  const suppressed: Detection[] = [];
  for (const spot of spots) {
    if (!spot.suppressed) continue;
    const here = candidates.filter((candidate) => !taken.has(candidate) && kindOf(candidate.class) === spot.kind);
    const limit = movers.some((mover) => isNear(mover, spot, aspect, options)) ? FIT_AFRESH : FIT;
    const fit = here
      .filter((candidate) => misfit(spot, candidate.box) <= limit)
      .sort((a, b) => misfit(spot, a.box) - misfit(spot, b.box))[0];
    if (!fit) continue;
    taken.add(fit);
    suppressed.push({ class: fit.class, score: fit.score, box: fit.box });
    spot.unseen = 0;
    learn(spot, fit);
  }
  return { state: { spots }, kept: candidates.filter((candidate) => !taken.has(candidate)), suppressed };
}

/**
 * Learns from the tracks after a sample.
 * @param looked seconds of looked time since the sample before.
 * @returns `ended`: ids of the tracks that turned out to be static.
 */
export function learnStatic(
  state: StaticState,
  tracks: readonly TrackState[],
  looked: number,
  aspect: number,
  options: StaticOptions = STATIC_DEFAULTS,
): { state: StaticState; ended: string[] } {
  const spots = state.spots.map((spot) => ({ ...spot, unseen: spot.unseen + looked }));
  const movers = tracks.filter((track) => moves(track, options));
  const byId = new Map(tracks.map((track) => [track.id, track]));
  const holder = new Map<Spot, string>();
  const ended: string[] = [];
  for (const track of tracks) {
    if (track.missed > 0) continue;
    const kind = kindOf(track.class);
    const spot = spots
      .filter((other) => !holder.has(other) && !other.suppressed && other.kind === kind)
      .map((other) => ({ other, overlap: iou(other.mean, track.detected) }))
      .filter(({ overlap }) => overlap >= SAME_PLACE_IOU)
      .sort((a, b) => b.overlap - a.overlap)[0]?.other;
    if (!spot) {
      spots.push(freshSpot(track, kind, options));
      continue;
    }
    holder.set(spot, track.id);
    if (spot.count >= FEW && misfit(spot, track.detected) > FIT) {
      // Not its box: somebody passes, or something else stands here now.
      spot.odd += looked;
      if (spot.odd > ODD) Object.assign(spot, freshSpot(track, kind, options));
      continue;
    }
    // What was seen while it was there counts; a spot that something moves by is not judged meanwhile.
    if (!movers.some((mover) => mover.id !== track.id && isNear(mover, spot, aspect, options))) {
      spot.still += Math.min(spot.unseen, LONGEST_FLICKER);
    }
    spot.unseen = 0;
    spot.odd = 0;
    learn(spot, { box: track.detected, score: track.score });
  }
  for (const spot of spots) {
    const visitor = spot.arrived === null ? undefined : byId.get(spot.arrived);
    // Whoever walked in here has gone on: what is left behind did not arrive with him.
    if (visitor && visitor.missed === 0 && iou(visitor.detected, spot.mean) < 0.1) {
      Object.assign(spot, { arrived: null, still: 0 });
    }
    if (spot.suppressed || !isStatic(spot, options)) continue;
    spot.suppressed = true;
    const track = holder.get(spot);
    if (track !== undefined) ended.push(track);
  }
  const kept = spots.filter((spot) => spot.unseen <= lifeOf(spot, options));
  kept.sort((a, b) => Number(b.suppressed) - Number(a.suppressed) || a.unseen - b.unseen);
  kept.length = Math.min(kept.length, options.maxSpots);
  return { state: { spots: kept }, ended };
}

/**
 * A thing that has stood where it is for as long as a false alarm may, whether it arrived or not: a parked
 * car. Never a person: whoever stands still is to be looked at.
 */
export function isSettled(
  { spots }: StaticState,
  track: TrackState,
  options: StaticOptions = STATIC_DEFAULTS,
): boolean {
  const kind = kindOf(track.class);
  if (kind === 'person') return false;
  return spots.some(
    (spot) => spot.kind === kind && spot.still >= options.after && iou(spot.mean, track.detected) >= SAME_PLACE_IOU,
  );
}

function lifeOf(spot: Spot, options: StaticOptions): number {
  if (spot.suppressed) return options.forget;
  return spot.arrived === null ? options.forgetFresh : options.forgetArrived;
}

function isStatic(spot: Spot, options: StaticOptions): boolean {
  if (spot.arrived !== null || spot.still < options.after || spot.count < FEW || spot.score >= options.sure)
    return false;
  return relativeNoise(spot).every((noise) => noise <= options.noise);
}

function freshSpot(track: TrackState, kind: string, options: StaticOptions): Spot {
  return {
    kind,
    mean: [...track.detected],
    variance: [0, 0, 0, 0],
    score: track.score,
    count: 1,
    still: 0,
    unseen: 0,
    odd: 0,
    arrived: track.roamed > options.roamed ? track.id : null,
    suppressed: false,
  };
}

/** Running mean and variance, in the end exponential so that slow drift (sun, wind) is followed. */
function learn(spot: Spot, found: { box: Box; score: number }): void {
  spot.count = Math.min(spot.count + 1, MEMORY);
  const gain = 1 / spot.count;
  spot.score += gain * (found.score - spot.score);
  for (const edge of [0, 1, 2, 3] as const) {
    const difference = found.box[edge] - spot.mean[edge];
    spot.mean[edge] += gain * difference;
    spot.variance[edge] = (1 - gain) * (spot.variance[edge] + gain * difference * difference);
  }
}

/** Standard deviation of each edge as a share of the box's width or height. */
function relativeNoise({ mean, variance }: Spot): number[] {
  const size = [mean[2] - mean[0], mean[3] - mean[1]];
  return variance.map((value, edge) => Math.sqrt(value) / Math.max(1e-6, size[edge % 2] ?? 1));
}

/** The worst edge's distance from the spot, in its standard deviations. */
function misfit(spot: Spot, box: Box): number {
  const size = [spot.mean[2] - spot.mean[0], spot.mean[3] - spot.mean[1]];
  const noise = relativeNoise(spot);
  return Math.max(
    ...box.map((edge, index) => {
      const off = Math.abs(edge - (spot.mean[index] ?? 0)) / Math.max(1e-6, size[index % 2] ?? 1);
      return off / Math.max(LEAST_NOISE, noise[index] ?? 0);
    }),
  );
}

function moves(track: TrackState, options: StaticOptions): boolean {
  if (track.roamed <= options.roamed || track.tentative) return false;
  return Math.hypot(track.x.velocity, track.y.velocity) > options.moving * track.height;
}

/** Positions in picture heights, measured in the height of whichever is taller. */
function isNear(mover: TrackState, { mean }: Spot, aspect: number, options: StaticOptions): boolean {
  const dx = mover.x.position - ((mean[0] + mean[2]) / 2) * aspect;
  const dy = mover.y.position - mean[3];
  return Math.hypot(dx, dy) <= options.near * Math.max(mover.height, mean[3] - mean[1]);
}
