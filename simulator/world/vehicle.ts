import { BendRide } from './bend_ride.ts';
import { Path, turn } from './path.ts';
import { Segments } from './segments.ts';
import type { Point, Rgb, VehicleState } from './types.ts';

interface Kind {
  /** Of the wheels that do not steer, ahead of the vehicle's middle: they follow the way exactly. */
  axleM: number;
  wheelbaseM: number;
  /** 1: the front wheels steer, −1: the rear ones. */
  steers: 1 | -1;
  acceleration: number;
  speed: number;
  /** Radians a second at the most: it slows down for bends. */
  turning: number;
  cornerM: number;
  /** Straight ahead before the first corner of a leg. */
  leadM: number;
}

const KINDS: Record<VehicleState['kind'], Kind> = {
  forklift: {
    axleM: 0.6,
    wheelbaseM: 1.5,
    steers: -1,
    acceleration: 1.2,
    speed: 2.4,
    turning: 1.2,
    cornerM: 3,
    leadM: 1.5,
  },
  lorry: {
    axleM: -2.3,
    wheelbaseM: 4.6,
    steers: 1,
    acceleration: 0.9,
    speed: 3.6,
    turning: 0.5,
    cornerM: 13,
    leadM: 3,
  },
};

const FORK_SPEED = 0.4;

type Moment = Pick<VehicleState, 'at' | 'heading' | 'speed' | 'steer' | 'rolledM' | 'forkM' | 'isLoaded'>;

/** What one vehicle does, from coming to going. */
export interface VehicleTrack {
  id: string;
  startS: number;
  endS: number;
  /** Null outside `startS` … `endS`. */
  at(t: number): Omit<VehicleState, 'hasHeadlights'> | null;
}

/** Writes down what a vehicle does; each call begins where the last one ended. */
export class VehicleScript {
  readonly id: string;
  readonly #kind: VehicleState['kind'];
  readonly #colour: Rgb;
  readonly #segments: Segments<Moment>;
  #moment: Moment;

  /** @param at middle of the vehicle. @param startS when it appears, seconds of the scenario. */
  constructor(
    kind: VehicleState['kind'],
    id: string,
    colour: Rgb,
    at: Point,
    heading: number,
    startS: number,
    isLoaded = false,
  ) {
    this.id = id;
    this.#kind = kind;
    this.#colour = colour;
    this.#segments = new Segments(startS);
    this.#moment = { at, heading, speed: 0, steer: 0, rolledM: 0, forkM: 0.1, isLoaded };
  }

  get now(): number {
    return this.#segments.endS;
  }

  /** Drives forwards; its fixed axle goes through the points and stops at the last. */
  drive(...points: Point[]): this {
    return this.#go(points, 1);
  }

  /** Drives backwards. */
  reverse(...points: Point[]): this {
    return this.#go(points, -1);
  }

  wait(seconds: number): this {
    const still = this.#moment;
    this.#segments.add(seconds, () => still);
    return this;
  }

  waitUntil(t: number): this {
    return t > this.#segments.endS ? this.wait(t - this.#segments.endS) : this;
  }

  /** Moves the forks. @param forkM height above ground. */
  lift(forkM: number): this {
    const from = this.#moment;
    const seconds = Math.abs(forkM - from.forkM) / FORK_SPEED;
    this.#segments.add(seconds, (s) => ({ ...from, forkM: from.forkM + ((forkM - from.forkM) * s) / seconds }));
    this.#moment = { ...from, forkM };
    return this;
  }

  load(isLoaded: boolean): this {
    this.#moment = { ...this.#moment, isLoaded };
    return this;
  }

  done(): VehicleTrack {
    const segments = this.#segments;
    const [kind, id, colour] = [this.#kind, this.id, this.#colour];
    const { startS, endS } = segments;
    return {
      id,
      startS,
      endS,
      at(t) {
        const now = segments.at(t);
        return now && { kind, id, colour, ...now };
      },
    };
  }

  #go(points: readonly Point[], way: 1 | -1): this {
    const { axleM, wheelbaseM, steers, acceleration, speed, turning, cornerM, leadM } = KINDS[this.#kind];
    const from = this.#moment;
    const { x, y } = from.at;
    const [east, north] = [Math.cos(from.heading), Math.sin(from.heading)];
    const axle = { x: x + axleM * east, y: y + axleM * north };
    const target = points[0] ?? axle;
    const straight = Math.atan2(way * (target.y - axle.y), way * (target.x - axle.x));
    const lead =
      Math.abs(turn(from.heading, straight)) < 1e-6
        ? []
        : [{ x: axle.x + way * leadM * east, y: axle.y + way * leadM * north }];
    const path = new Path([axle, ...lead, ...points], cornerM);
    const ride = new BendRide(path, way === 1 ? speed : 0.6 * speed, acceleration, turning);
    // Unwrapped from the heading so far, so that a whole turn does not jump back.
    const base = from.heading - path.at(0).heading;
    const moment = (s: number): Moment => {
      const { distanceM, speed: now } = ride.at(s);
      const { at, heading: tangent, curvature } = path.at(distanceM);
      const heading = tangent + base;
      return {
        ...from,
        at: { x: at.x - axleM * Math.cos(heading), y: at.y - axleM * Math.sin(heading) },
        heading,
        speed: way * now,
        steer: steers * Math.atan(wheelbaseM * curvature * way),
        rolledM: from.rolledM + way * distanceM,
      };
    };
    this.#segments.add(ride.durationS, moment);
    this.#moment = { ...moment(ride.durationS), speed: 0 };
    return this;
  }
}
