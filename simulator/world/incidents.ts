/** What truly happens, found in the states themselves and never taken from what a script meant. */
import { crossing, distanceBetween, distanceToOutline, insideArea, surfaceOf, vehicleOutline } from './geometry.ts';
import type {
  ActorState,
  AreaKind,
  IncidentKind,
  PersonState,
  Point,
  SitePlan,
  TrueIncident,
  VehicleState,
} from './types.ts';

/** Entering these is an incident. */
export const ENTRY_AREAS: readonly AreaKind[] = ['exclusion', 'excavation', 'crane_bay'];
/** Staying in these is. */
export const DWELL_AREAS: readonly AreaKind[] = ['exclusion', 'crane_bay'];
/** A stay becomes `dwell` after this; the incident starts then. */
export const DWELL_S = 5;
/** From a person's ground point to the outline of a forklift that moves. */
export const PROXIMITY_M = 2.5;
/** A vehicle slower than this stands. */
export const MOVING_MPS = 0.25;
export const CROWD_PEOPLE = 4;
/** Everybody of a crowd is this near to everybody else of it. */
export const CROWD_M = 3;

const SAMPLES_PER_S = 20;
/** Halvings of a sample: ends are exact to about a millisecond. */
const REFINEMENTS = 6;

/** One thing that is true at a moment; its incident lasts while facts with the same key are. */
interface Fact {
  kind: IncidentKind;
  key: string;
  place: string | null;
  actors: readonly string[];
}

interface Open extends Fact {
  startS: number;
  everybody: Set<string>;
}

/**
 * Incidents by start. An area that is occupied is one incident, whoever comes and goes; a fall is one a
 * person, proximity one a person and forklift; a crossing is a moment: it ends when it starts.
 * @param actors of any time from 0 to `durationS`.
 */
export function findIncidents(plan: SitePlan, durationS: number, actors: (t: number) => ActorState[]): TrueIncident[] {
  const found: TrueIncident[] = [];
  const stays: TrueIncident[] = [];
  const open = new Map<string, Open>();
  const end = (one: Open, endS: number): void => {
    open.delete(one.key);
    const { kind, place, startS } = one;
    const incident = { kind, place, startS, endS, actors: [...one.everybody].sort() };
    if (kind === 'dwell') stays.push(incident);
    else found.push(incident);
  };

  let before: { t: number; states: ActorState[] } | undefined;
  for (let index = 0; index <= Math.ceil(durationS * SAMPLES_PER_S); index++) {
    const t = Math.min(durationS, index / SAMPLES_PER_S);
    const states = actors(t);
    const now = factsOf(plan, states, open);
    const from = before?.t ?? t;
    for (const fact of now) {
      const going = open.get(fact.key);
      if (going) {
        for (const id of fact.actors) going.everybody.add(id);
        going.actors = fact.actors;
        continue;
      }
      const one = { ...fact, startS: t, everybody: new Set(fact.actors) };
      open.set(fact.key, one);
      one.startS = refined(from, t, (s) => factsOf(plan, actors(s), open).some(({ key }) => key === fact.key));
    }
    const keys = new Set(now.map(({ key }) => key));
    for (const one of [...open.values()]) {
      if (keys.has(one.key)) continue;
      end(
        one,
        refined(from, t, (s) => !factsOf(plan, actors(s), open).some(({ key }) => key === one.key)),
      );
    }
    if (before) found.push(...crossings(plan, before, { t, states }, actors));
    before = { t, states };
  }
  for (const one of [...open.values()]) end(one, durationS);
  return [...found, ...dwells(stays)].sort((a, b) => a.startS - b.startS || (a.kind < b.kind ? -1 : 1));
}

/** When something that is not so at `from` and is at `to` becomes so. */
function refined(from: number, to: number, isSo: (t: number) => boolean): number {
  let [low, high] = [from, to];
  for (let step = 0; step < REFINEMENTS && high > low; step++) {
    const middle = (low + high) / 2;
    if (isSo(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** @param open what has begun and not ended: a fall lasts until the person is up, a crowd may lose people. */
function factsOf(plan: SitePlan, states: readonly ActorState[], open: ReadonlyMap<string, Open>): Fact[] {
  const people = states.filter((one) => one.kind === 'person');
  const facts: Fact[] = [];
  for (const { id, kind, polygon } of plan.areas) {
    const inside = people.filter(({ at }) => insideArea(polygon, at));
    if (inside.length === 0) continue;
    if (ENTRY_AREAS.includes(kind)) {
      facts.push({ kind: 'zone_entry', key: `entry ${id}`, place: id, actors: idsOf(inside) });
    }
    if (DWELL_AREAS.includes(kind)) {
      for (const one of inside) {
        facts.push({ kind: 'dwell', key: `stay ${id} ${one.id}`, place: id, actors: [one.id] });
      }
    }
    const bare = kind === 'hard_hat' ? inside.filter(({ look }) => look.helmet === null) : [];
    if (bare.length > 0) facts.push({ kind: 'no_hard_hat', key: `bare ${id}`, place: id, actors: idsOf(bare) });
  }
  for (const person of people) {
    const key = `fall ${person.id}`;
    const isDown = person.posture === 'falling' || person.posture === 'lying';
    if (isDown || (person.posture === 'crouching' && open.has(key))) {
      facts.push({ kind: 'fall', key, place: placeOf(plan, person.at), actors: [person.id] });
    }
  }
  for (const forklift of states) {
    if (forklift.kind !== 'forklift' || Math.abs(forklift.speed) < MOVING_MPS) continue;
    for (const { id, at } of people.filter((one) => isClose(forklift, one))) {
      const key = `close ${forklift.id} ${id}`;
      facts.push({ kind: 'proximity', key, place: placeOf(plan, at), actors: [id, forklift.id].sort() });
    }
  }
  for (const crowd of crowdsOf(people)) {
    const actors = idsOf(crowd);
    const going = [...open.values()].find(
      (one) => one.kind === 'crowd' && one.actors.some((id) => actors.includes(id)),
    );
    const key = going?.key ?? `crowd ${actors[0]}`;
    facts.push({ kind: 'crowd', key, place: placeOf(plan, middleOf(crowd)), actors });
  }
  return facts;
}

function isClose(forklift: VehicleState, person: PersonState): boolean {
  return distanceToOutline(vehicleOutline(forklift), person.at) <= PROXIMITY_M;
}

/** People of whom enough are all near one another; groups that share somebody are one crowd. */
export function crowdsOf(people: readonly PersonState[]): PersonState[][] {
  const near = (a: PersonState, b: PersonState): boolean => distanceBetween(a.at, b.at) <= CROWD_M;
  const crowds: Set<PersonState>[] = [];
  const grow = (group: readonly PersonState[], rest: readonly PersonState[]): void => {
    if (group.length === CROWD_PEOPLE) {
      const shared = crowds.filter((crowd) => group.some((one) => crowd.has(one)));
      const whole = new Set([...group, ...shared.flatMap((crowd) => [...crowd])]);
      for (const crowd of shared) crowds.splice(crowds.indexOf(crowd), 1);
      crowds.push(whole);
      return;
    }
    for (const [index, one] of rest.entries()) {
      if (group.every((other) => near(one, other))) grow([...group, one], rest.slice(index + 1));
    }
  };
  grow([], people);
  return crowds.map((crowd) => [...crowd]);
}

function crossings(
  plan: SitePlan,
  before: { t: number; states: readonly ActorState[] },
  now: { t: number; states: readonly ActorState[] },
  actors: (t: number) => ActorState[],
): TrueIncident[] {
  const found: TrueIncident[] = [];
  for (const person of now.states) {
    const was = before.states.find(({ id }) => id === person.id);
    if (person.kind !== 'person' || !was) continue;
    for (const line of plan.lines) {
      const direction = crossing(line, was.at, person.at);
      if (!direction) continue;
      const startS = refined(before.t, now.t, (t) => {
        const then = actors(t).find(({ id }) => id === person.id);
        return then !== undefined && crossing(line, was.at, then.at) === direction;
      });
      found.push({ kind: 'line_crossing', place: line.id, startS, endS: startS, actors: [person.id], direction });
    }
  }
  return found;
}

/** Of single people's stays: those that last, brought together while they overlap in an area. */
function dwells(stays: readonly TrueIncident[]): TrueIncident[] {
  const found: TrueIncident[] = [];
  const lasting = stays
    .map((stay) => ({ ...stay, startS: stay.startS + DWELL_S }))
    .filter(({ startS, endS }) => endS > startS)
    .sort((a, b) => a.startS - b.startS);
  for (const stay of lasting) {
    const going = found.find(({ place, endS }) => place === stay.place && endS >= stay.startS);
    if (!going) found.push({ ...stay });
    else {
      going.endS = Math.max(going.endS, stay.endS);
      going.actors = [...new Set([...going.actors, ...stay.actors])].sort();
    }
  }
  return found;
}

/** The smallest area round a point. */
function placeOf(plan: SitePlan, at: Point): string | null {
  const round = plan.areas.filter(({ polygon }) => insideArea(polygon, at));
  return round.sort((a, b) => surfaceOf(a.polygon) - surfaceOf(b.polygon))[0]?.id ?? null;
}

function middleOf(people: readonly PersonState[]): Point {
  const sum = people.reduce((all, { at }) => ({ x: all.x + at.x, y: all.y + at.y }), { x: 0, y: 0 });
  return { x: sum.x / people.length, y: sum.y / people.length };
}

function idsOf(people: readonly PersonState[]): string[] {
  return people.map(({ id }) => id).sort();
}
