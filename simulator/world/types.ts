/**
 * What the simulated site is made of. Metres on a flat ground: x east, y north, z up. Angles in
 * radians, counter-clockwise seen from above, 0 looks east. Times in seconds since the scenario began.
 * Everything is a function of scenario, seed and time: nothing is remembered from frame to frame.
 */

export interface Point {
  x: number;
  y: number;
}

export interface Point3 extends Point {
  z: number;
}

export type AreaKind = 'yard' | 'excavation' | 'gate' | 'crane_bay' | 'walkway' | 'exclusion' | 'hard_hat';

export interface Area {
  id: string;
  kind: AreaKind;
  /** On the ground, in order, not crossing itself. */
  polygon: readonly Point[];
}

/** Crossing is `in` from left to right seen along from → to, as the cameras' lines have it. */
export interface GroundLine {
  id: string;
  from: Point;
  to: Point;
}

export interface SitePlan {
  areas: readonly Area[];
  lines: readonly GroundLine[];
}

export type Rgb = readonly [number, number, number];

/** What a person wears; colours as sRGB bytes. */
export interface PersonLook {
  skin: Rgb;
  jacket: Rgb;
  trousers: Rgb;
  /** Null: bare head. */
  helmet: Rgb | null;
  /** Hi-vis over the jacket; null: none. */
  vest: Rgb | null;
  hair: Rgb;
  /** Soles to crown, standing. */
  heightM: number;
  /** Shoulder width over height, about 0.23–0.29. */
  build: number;
}

export type Posture = 'standing' | 'walking' | 'crouching' | 'falling' | 'lying';

export interface PersonState {
  kind: 'person';
  id: string;
  look: PersonLook;
  /** Between the feet; lying, under the hips. */
  at: Point;
  heading: number;
  posture: Posture;
  /** Metres a second along the heading. */
  speed: number;
  /** Of the gait: 0–1 is a whole stride, and stands still with the person. */
  stride: number;
  /** 0 upright … 1 squatting. */
  crouch: number;
  /** 0 upright … 1 flat on the ground. */
  fallen: number;
  /** Slow sway of somebody who stands: 0–1 is a period. */
  idle: number;
}

export interface VehicleState {
  kind: 'forklift' | 'lorry';
  id: string;
  colour: Rgb;
  /** Under the middle of the vehicle. */
  at: Point;
  heading: number;
  speed: number;
  /** Of the front (forklift: rear) wheels, against the vehicle's axis. */
  steer: number;
  /** How far the wheels have rolled, metres. */
  rolledM: number;
  /** Forklift: height of the forks. */
  forkM: number;
  /** Forklift: carries a pallet. Lorry: has a load. */
  isLoaded: boolean;
  hasHeadlights: boolean;
}

export type ActorState = PersonState | VehicleState;

/** Outlines on the ground, length × width × height. */
export const VEHICLE_SIZE = {
  forklift: { lengthM: 3.4, widthM: 1.3, heightM: 2.2 },
  lorry: { lengthM: 8.2, widthM: 2.5, heightM: 3.3 },
} as const;

/** Of a disturbance: 0 off, 1 mild, 2 usual, 3 the worst that cameras on sites show. */
export type Grade = 0 | 1 | 2 | 3;

/** What makes real cameras hard. A number between grades is one on its way (dusk, a cloud). */
export interface Conditions {
  /** Sensor noise; grows with night on its own. */
  noise: number;
  /** 0 noon … 3 night under lamps. */
  night: number;
  /** Of mains-driven lamps. */
  flicker: number;
  /** Lamps that were just switched: 0 as they are, 3 the strongest step. */
  switched: number;
  clouds: number;
  rain: number;
  /** Trees and tarpaulin. */
  sway: number;
  /** Of vehicles out of the picture that sweep over the scene. */
  headlights: number;
  shake: number;
  /** Turns the camera slowly, left and right. */
  turning: number;
  dirt: number;
  reflections: number;
  /** Something before the lens: share of the picture, 0–3. */
  covered: number;
}

export const CLEAR: Conditions = {
  noise: 0,
  night: 0,
  flicker: 0,
  switched: 0,
  clouds: 0,
  rain: 0,
  sway: 0,
  headlights: 0,
  shake: 0,
  turning: 0,
  dirt: 0,
  reflections: 0,
  covered: 0,
};

export type IncidentKind = 'zone_entry' | 'dwell' | 'line_crossing' | 'proximity' | 'no_hard_hat' | 'fall' | 'crowd';

/** What truly happened, whoever saw it. Ends are half-open. */
export interface TrueIncident {
  kind: IncidentKind;
  /** Area or line; for `proximity` and `fall` where it happened, null outside all areas. */
  place: string | null;
  startS: number;
  endS: number;
  /** Ids, sorted. */
  actors: readonly string[];
  direction?: 'in' | 'out';
}

/** A stretch of life on the site. */
export interface World {
  scenario: string;
  seed: number;
  plan: SitePlan;
  durationS: number;
  /** Everybody on the site at `t`, in a stable order. */
  actors(t: number): ActorState[];
  conditions(t: number): Conditions;
  /** By start. */
  incidents: readonly TrueIncident[];
}
