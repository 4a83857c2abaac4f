/** Who is in a zone, track by track, with what is needed to carry presence over when ids switch. */
import type { Box, Polygon, Track } from '../../runtime/messages/types.ts';
import { groundPoint, insideZone } from './geometry.ts';
import type { Stay } from './state.ts';

/** A track that was not found for longer than this begins anew when it is found again. */
export const LAPSE_MS = 2000;
/** A track may carry on one that was lost at most this long before it appeared. */
export const CARRY_MS = 4000;
/** Old and new id may both be reported for a moment. */
const OVERLAP_MS = 500;
/** Longer than `CARRY_MS` by the time that a new track needs to be confirmed. */
const KEEP_MS = 10_000;
const MAX_STAYS = 200;
/** A standing person is about 2.5 times as tall as wide: box width stands in for height along x. */
const TALL = 2.5;
/** How far, in box heights, a track may be found from where another was lost: at once, and more a second. */
const REACH = 0.5;
const REACH_PER_S = 0.5;

/** What one look found in the zone. */
export interface Sighting {
  /** Confirmed tracks found now. */
  present: Stay[];
  /** Somebody may be there: a tentative track was found. */
  tentative: boolean;
  /** A track that was in the zone was not found on this sample, but is still believed in. */
  coasting: boolean;
}

/**
 * Brings the stays up to date with a looked frame (changes `stays`).
 * @param polygon null: the whole picture.
 * @param at capture time of the frame, epoch ms; `obs` the same on the rule's observed clock.
 * @param graceMs a stay goes on when its track was seen outside for no longer than this.
 */
export function look(
  stays: Stay[],
  tracks: readonly Track[],
  polygon: Polygon | null,
  at: number,
  obs: number,
  graceMs: number,
): Sighting {
  const sighting: Sighting = { present: [], tentative: false, coasting: false };
  const found = new Set<Stay>();
  for (const track of tracks) {
    let stay = stays.find(({ id }) => id === track.id);
    if (track.coasting) {
      if (stay && !stay.outside) sighting.coasting = true;
      continue;
    }
    const inside = polygon === null || insideZone(polygon, groundPoint(track.box), stay !== undefined && !stay.outside);
    if (!inside) {
      if (stay) stay.outside = true;
      continue;
    }
    if (stay && isLapsed(stay, obs, graceMs)) {
      stays.splice(stays.indexOf(stay), 1);
      stay = undefined;
    }
    if (!stay) {
      stay = begin(track, at, obs);
      stays.push(stay);
    }
    stay.lastObs = obs;
    stay.lastAt = at;
    stay.missedObs = null;
    stay.outside = false;
    stay.hits += 1;
    stay.confirmed ||= !track.tentative;
    stay.score = track.score;
    stay.scoreMax = Math.max(stay.scoreMax, track.score);
    stay.box = track.box;
    found.add(stay);
    if (stay.confirmed) sighting.present.push(stay);
    else sighting.tentative = true;
  }
  for (const stay of stays) if (!found.has(stay)) stay.missedObs ??= obs;
  prune(stays, obs);
  return sighting;
}

/**
 * Gives a track the presence of one that was lost close by just before it appeared, once
 * (changes both, and removes the lost one).
 */
export function carryOver(stays: Stay[], stay: Stay): void {
  // It carries presence already.
  if (stay.startObs < stay.firstObs) return;
  let best: Stay | undefined;
  let nearest = 1;
  for (const lost of stays) {
    if (lost === stay || lost.missedObs === null || lost.outside || lost.class !== stay.class) continue;
    if (lost.firstObs >= stay.firstObs || lost.lastObs > stay.firstObs + OVERLAP_MS) continue;
    // Quiet time does not count: nothing moved.
    const lostMs = Math.max(0, stay.firstObs - lost.missedObs);
    const distance = distanceInHeights(lost.box, stay.firstBox) / (REACH + (REACH_PER_S * lostMs) / 1000);
    if (lostMs <= CARRY_MS && distance <= nearest) {
      best = lost;
      nearest = distance;
    }
  }
  if (!best) return;
  stay.startObs = best.startObs;
  stays.splice(stays.indexOf(best), 1);
}

function begin(track: Track, at: number, obs: number): Stay {
  return {
    id: track.id,
    class: track.class,
    startObs: obs,
    firstObs: obs,
    lastObs: obs,
    missedObs: null,
    outside: false,
    hits: 0,
    confirmed: false,
    firstAt: at,
    lastAt: at,
    score: track.score,
    scoreMax: track.score,
    firstBox: track.box,
    box: track.box,
  };
}

function isLapsed(stay: Stay, obs: number, graceMs: number): boolean {
  if (stay.missedObs === null) return false;
  const missedMs = obs - stay.missedObs;
  return missedMs > Math.max(graceMs, stay.outside ? 0 : LAPSE_MS) || (stay.outside && graceMs === 0);
}

function prune(stays: Stay[], obs: number): void {
  for (let index = stays.length - 1; index >= 0; index--) {
    const missed = stays[index]?.missedObs ?? null;
    if (missed !== null && obs - missed > KEEP_MS) stays.splice(index, 1);
  }
  // The oldest first: they are in order of beginning.
  if (stays.length > MAX_STAYS) stays.splice(0, stays.length - MAX_STAYS);
}

function distanceInHeights(a: Box, b: Box): number {
  const height = Math.max(a[3] - a[1], b[3] - b[1]);
  const width = Math.max(a[2] - a[0], b[2] - b[0]);
  if (height <= 0 || width <= 0) return Number.POSITIVE_INFINITY;
  const [ax, ay] = groundPoint(a);
  const [bx, by] = groundPoint(b);
  return Math.hypot((ax - bx) / (width * TALL), (ay - by) / height);
}
