import { keyedSeed, Random } from '../random.ts';
import type { Cast } from './cast.ts';
import { distanceBetween } from './geometry.ts';
import type { PersonScript, PersonTrack } from './person.ts';
import { area } from './plan.ts';
import { collide, hitsFurniture, isBlocked } from './room.ts';
import { bringsLoad, UNSEEN } from './scenes.ts';
import type { ActorState, Point } from './types.ts';

/** Of one arrival to the next, on average, seconds. */
const ARRIVALS_S = 9;
const LORRIES_S = 150;
const TRIES = 12;
/** Bodies and vehicles are compared this often; between two samples nobody gets far. */
const CHECKS_PER_S = 10;
/** What people keep free on top of their bodies. */
const SPARE_M = 0.2;
/** Ways keep this far from furniture; rounded corners cut a little of it. */
const WAY_M = 0.5;

/** Where people go, and how often. */
const GOALS: readonly { area: string; weight: number }[] = [
  { area: 'exclusion', weight: 3 },
  { area: 'crane-bay', weight: 3 },
  { area: 'hard-hat', weight: 4 },
  { area: 'yard', weight: 4 },
  { area: 'walkway', weight: 3 },
  { area: 'gate', weight: 1 },
];

const DOORS: readonly Point[] = [UNSEEN.west, UNSEEN.east, UNSEEN.northEast, UNSEEN.middle, UNSEEN.street];

/** Ways lead by these where a straight one is blocked. */
const HUBS: readonly Point[] = [
  { x: 30, y: 5.8 },
  { x: 30.5, y: -1.8 },
  { x: 33, y: -1.8 },
  { x: 24.5, y: 8 },
  { x: 9, y: 8.2 },
  { x: 6.4, y: 12.5 },
  { x: 6.6, y: 21.5 },
  { x: 17.2, y: 12 },
  { x: 22.3, y: 22 },
  { x: 22.3, y: 29.8 },
  { x: 19.4, y: 24.6 },
  { x: 6.8, y: 24.6 },
  { x: 6.7, y: 34.4 },
  { x: 19.4, y: 34.4 },
  { x: 33, y: 22 },
  { x: 38.5, y: 23.8 },
  { x: 44, y: 24 },
  { x: 55, y: 25.5 },
  { x: 55.5, y: 10 },
  { x: 55.5, y: 14.5 },
  { x: 44, y: 17 },
  { x: 36.5, y: 6.5 },
];

/**
 * Random people, a forklift at work, and lorries, for as long as wanted; everybody has left at the end.
 * What would run into something that was there before is drawn again, and left out when that fails.
 */
export function fillsWithTraffic(cast: Cast, durationS: number): void {
  drivesForklift(cast, durationS);
  for (let t = LORRIES_S * 0.3; t < durationS - 75; t += LORRIES_S) {
    const random = new Random(keyedSeed(cast.seed, `lorry ${t}`));
    attempt(cast, () => bringsLoad(cast, t + random.between(0, LORRIES_S * 0.4)));
  }
  const random = new Random(keyedSeed(cast.seed, 'arrivals'));
  for (let t = random.between(0, 4); t < durationS - 40; t += random.between(0.4, 1.6) * ARRIVALS_S) {
    const own = new Random(keyedSeed(cast.seed, `arrival ${Math.round(t * 1000)}`));
    const isGroup = own.next() < 0.08 && t < durationS - 90;
    if (isGroup) meet(cast, own, t, durationS);
    else attempt(cast, () => wander(cast, own, t, durationS));
  }
}

/** Plays something on the cast; takes it back and plays it again while it runs into something. */
function attempt(cast: Cast, play: () => void): void {
  for (let attempts = 0; attempts < TRIES; attempts++) {
    const [people, vehicles] = [cast.people.length, cast.vehicles.length];
    play();
    const added = [...cast.people.slice(people), ...cast.vehicles.slice(vehicles)];
    const others = [...cast.people.slice(0, people), ...cast.vehicles.slice(0, vehicles)];
    if (added.every((one) => isFree(one, others))) return;
    cast.people.splice(people);
    cast.vehicles.splice(vehicles);
  }
}

type Track = Pick<PersonTrack, 'startS' | 'endS'> & { at(t: number): Omit<ActorState, 'hasHeadlights'> | null };

function isFree(track: Track, others: readonly Track[]): boolean {
  const near = others.filter(({ startS, endS }) => startS < track.endS && endS > track.startS);
  for (let t = track.startS; t < track.endS; t += 1 / CHECKS_PER_S) {
    const state = track.at(t) as ActorState | null;
    if (!state) continue;
    if (hitsFurniture(state)) return false;
    for (const other of near) {
      const there = other.at(t) as ActorState | null;
      if (there && collide(state, there, SPARE_M)) return false;
    }
  }
  return true;
}

function wander(cast: Cast, random: Random, startS: number, durationS: number): void {
  const dress = { helmet: random.next() < 0.7, vest: random.next() < 0.75 };
  const script = cast.person(random.pick(DOORS), startS, dress);
  const goals = 1 + Math.floor(random.next() * 3);
  for (let goal = 0; goal < goals && script.now < durationS - 60; goal++) {
    if (go(script, random, spot(random))) act(script, random);
  }
  leave(cast, script, random, durationS);
}

/** Some people come together from where they happen to be. */
function meet(cast: Cast, random: Random, startS: number, durationS: number): void {
  const middle = spot(random);
  const people = 4 + Math.floor(random.next() * 2);
  const first = random.between(0, 2 * Math.PI);
  for (let index = 0; index < people; index++) {
    const angle = first + (index * 2 * Math.PI) / people;
    const place = { x: middle.x + 1.1 * Math.cos(angle), y: middle.y + 1.1 * Math.sin(angle) };
    if (isBlocked(place, WAY_M)) return;
    attempt(cast, () => {
      const script = cast.person(random.pick(DOORS), startS + random.between(0, 10));
      go(script, random, place);
      script.face(middle).standUntil(startS + 45 + random.between(0, 6));
      leave(cast, script, random, durationS);
    });
  }
}

function act(script: PersonScript, random: Random): void {
  const what = random.next();
  if (what < 0.5) script.stand(random.between(1, 9));
  else if (what < 0.75) script.crouch(random.between(3, 9));
  else if (what < 0.85) script.fall(random.between(3, 12)).stand(1);
}

/** Goes out by a door, and is not there at all when that would be too late. */
function leave(cast: Cast, script: PersonScript, random: Random, durationS: number): void {
  const gone = go(script, random, random.pick(DOORS));
  if (gone && script.now < durationS) cast.add(script);
}

/** @returns false where no way leads. */
function go(script: PersonScript, random: Random, to: Point): boolean {
  const way = route(script.at, to, random);
  if (!way) return false;
  if (distanceBetween(script.at, to) > 0.5) script.walk(...way);
  return true;
}

/** A free spot on ground where people have goals. */
function spot(random: Random): Point {
  const all = GOALS.flatMap(({ area: id, weight }) => Array<string>(weight).fill(id));
  for (;;) {
    const [southWest, , northEast] = area(random.pick(all)).polygon;
    if (!southWest || !northEast) throw new Error('goals are rectangles');
    const point = {
      x: random.between(southWest.x + 0.6, northEast.x - 0.6),
      y: random.between(southWest.y + 0.6, northEast.y - 0.6),
    };
    if (!isBlocked(point, 0.7)) return point;
  }
}

/** The shortest way of straight legs over hubs; each hub costs a little by chance, so that not everybody goes the same way. */
function route(from: Point, to: Point, random: Random): Point[] | null {
  const points = [to, ...HUBS.filter((hub) => distanceBetween(hub, from) > 0.8 && distanceBetween(hub, to) > 0.8)];
  // Dijkstra over few points.
  const cost = new Map<Point, number>([[from, 0]]);
  const before = new Map<Point, Point>();
  const open = new Set<Point>([from]);
  const toll = new Map(points.map((point) => [point, random.between(0.5, 4)]));
  while (open.size > 0) {
    const here = [...open].reduce((a, b) => ((cost.get(a) ?? 0) <= (cost.get(b) ?? 0) ? a : b));
    open.delete(here);
    if (here === to) break;
    for (const next of points) {
      const total = (cost.get(here) ?? 0) + distanceBetween(here, next) + (toll.get(next) ?? 0);
      if (next === here || total >= (cost.get(next) ?? Number.POSITIVE_INFINITY) || !isClear(here, next)) continue;
      cost.set(next, total);
      before.set(next, here);
      open.add(next);
    }
  }
  if (!before.has(to)) return null;
  const way: Point[] = [];
  for (let at: Point | undefined = to; at && at !== from; at = before.get(at)) way.unshift(at);
  return way;
}

/** Between hubs nothing changes: what is clear is found once. */
const CLEAR_HUBS = new Map<Point, Map<Point, boolean>>(HUBS.map((hub) => [hub, new Map()]));

function isClear(a: Point, b: Point): boolean {
  const known = CLEAR_HUBS.has(b) ? CLEAR_HUBS.get(a) : undefined;
  const before = known?.get(b);
  if (before !== undefined) return before;
  const clear = isFreeOfFurniture(a, b);
  known?.set(b, clear);
  return clear;
}

/** Ends may be closer to furniture than what lies between. */
function isFreeOfFurniture(a: Point, b: Point): boolean {
  const length = distanceBetween(a, b);
  for (let m = 0.4; m < length - 0.4; m += 0.35) {
    const point = { x: a.x + ((b.x - a.x) * m) / length, y: a.y + ((b.y - a.y) * m) / length };
    if (isBlocked(point, WAY_M)) return false;
  }
  return true;
}

/** Fetches pallets and goes below the crane, in turns by chance, with rests out of sight. */
function drivesForklift(cast: Cast, durationS: number): void {
  const random = new Random(keyedSeed(cast.seed, 'forklift'));
  const script = cast.vehicle('forklift', UNSEEN.forklift, Math.PI / 2, 0).wait(random.between(2, 15));
  while (script.now < durationS - 75) {
    if (random.next() < 0.6) {
      const row = random.pick([9.6, 11.2]);
      script
        .reverse({ x: 34.5, y: row + 0.4 }, { x: 31.4, y: row + 0.4 })
        .drive({ x: 35, y: row }, { x: 37.3, y: row })
        .lift(random.between(0.3, 0.9))
        .load(random.next() < 0.6)
        .reverse({ x: 33.5, y: row }, { x: 33.5, y: row - 3 })
        .lift(0.2)
        .drive({ x: 33.5, y: row + 3 }, { x: 34.5, y: row + 7 }, { x: 34.5, y: 22 });
    } else {
      const reach = random.between(43, 47);
      script
        .drive({ x: 34.5, y: 27.6 }, { x: reach, y: 27.6 })
        .lift(random.between(0.3, 1.6))
        .load(random.next() < 0.5)
        .wait(random.between(1, 5))
        .lift(0.2)
        .reverse({ x: 34.5, y: 27.6 }, { x: 34.5, y: 22 });
    }
    script.lift(0.1).wait(random.between(4, 25));
  }
  cast.add(script.waitUntil(durationS));
}
