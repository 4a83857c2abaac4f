import { Path, Ride, turn } from './path.ts';
import { Segments } from './segments.ts';
import type { PersonLook, PersonState, Point } from './types.ts';

/** Metres a second, squared: from standing to walking within a step or two. */
const ACCELERATION = 1.4;
const CORNER_M = 0.9;
/** Radians a second, turning on the spot. */
const TURNING = 2.2;
/** Who turns by more than this stops for it, radians. */
const SHARP = 1.5;
const SQUAT_S = 0.8;
const FALL_S = 0.9;
/** From the ground to a squat. */
const RISE_S = 1.7;
/** Hips over height, standing. */
const HIPS = 0.53;
/** A whole stride (two steps) over height. */
export const STRIDE = 0.74;
const IDLE_S = 4.5;

type Moment = Pick<PersonState, 'at' | 'heading' | 'posture' | 'speed' | 'crouch' | 'fallen'> & { walkedM: number };

/** What one person does, from coming to going. */
export interface PersonTrack {
  id: string;
  startS: number;
  endS: number;
  /** Null outside `startS` … `endS`. */
  at(t: number): PersonState | null;
}

/** Writes down what a person does, one thing after the other; each call begins where the last one ended. */
export class PersonScript {
  readonly id: string;
  readonly #look: PersonLook;
  readonly #speed: number;
  readonly #segments: Segments<Moment>;
  #at: Point;
  #heading: number;
  #walkedM = 0;

  /**
   * @param at where the person appears.
   * @param startS when, seconds of the scenario.
   * @param speed of walking, metres a second.
   */
  constructor(id: string, look: PersonLook, at: Point, startS: number, speed = 1.35) {
    this.id = id;
    this.#look = look;
    this.#segments = new Segments(startS);
    this.#at = at;
    this.#heading = Number.NaN;
    this.#speed = speed;
  }

  /** When the script has got to, seconds. */
  get now(): number {
    return this.#segments.endS;
  }

  /** Where the script has got to. */
  get at(): Point {
    return this.#at;
  }

  /** Walks through the points and stops at the last, and wherever the way turns sharply. */
  walk(...points: Point[]): this {
    const sharp = points.findIndex((point, index) => {
      const [before, after] = [points[index - 1] ?? this.#at, points[index + 1]];
      return after !== undefined && Math.abs(turn(bearing(before, point), bearing(point, after))) > SHARP;
    });
    if (sharp >= 0) return this.walk(...points.slice(0, sharp + 1)).walk(...points.slice(sharp + 1));
    const path = new Path([this.#at, ...points], CORNER_M);
    const first = path.at(0).heading;
    if (Number.isNaN(this.#heading)) this.#heading = first;
    this.#turn(first);
    const ride = new Ride(path.lengthM, this.#speed, ACCELERATION);
    const walked = this.#walkedM;
    const before = this.#heading - first;
    this.#segments.add(ride.durationS, (s) => {
      const { distanceM, speed } = ride.at(s);
      const { at, heading } = path.at(distanceM);
      return {
        ...UPRIGHT,
        at,
        heading: heading + before,
        posture: speed > 0.05 ? 'walking' : 'standing',
        speed,
        walkedM: walked + distanceM,
      };
    });
    const end = path.at(path.lengthM);
    this.#at = end.at;
    this.#heading = end.heading + before;
    this.#walkedM += path.lengthM;
    return this;
  }

  stand(seconds: number): this {
    const still = this.#still();
    this.#segments.add(seconds, () => still);
    return this;
  }

  /** Stands until a time of the scenario; goes on at once when it has passed. */
  standUntil(t: number): this {
    return t > this.#segments.endS ? this.stand(t - this.#segments.endS) : this;
  }

  /** Turns on the spot to look at a point. */
  face({ x, y }: Point): this {
    this.#turn(bearing(this.#at, { x, y }));
    return this;
  }

  /** Goes down, stays down and comes up again. @param seconds all of it, at least 1.6. */
  crouch(seconds: number): this {
    const still = this.#still();
    const length = Math.max(seconds, 2 * SQUAT_S);
    this.#segments.add(length, (s) => ({
      ...still,
      posture: 'crouching',
      crouch: eased(Math.min(s, length - s) / SQUAT_S),
    }));
    return this;
  }

  /** Falls forward, lies and gets up again. @param lyingS flat on the ground. */
  fall(lyingS: number): this {
    const still = this.#still();
    const lying = (fallen: number): Moment => {
      // The feet stay where they are; `at` is under the hips.
      const ahead = HIPS * this.#look.heightM * Math.sin((fallen * Math.PI) / 2);
      const { x, y } = still.at;
      return {
        ...still,
        at: { x: x + ahead * Math.cos(still.heading), y: y + ahead * Math.sin(still.heading) },
        fallen,
      };
    };
    this.#segments.add(FALL_S, (s) => ({ ...lying((s / FALL_S) ** 2), posture: 'falling' }));
    this.#segments.add(lyingS, () => ({ ...lying(1), posture: 'lying' }));
    this.#segments.add(RISE_S, (s) => {
      const up = eased(s / RISE_S);
      return { ...lying(1 - up), posture: up < 0.5 ? 'lying' : 'crouching', crouch: up };
    });
    this.#segments.add(SQUAT_S, (s) => ({ ...still, posture: 'crouching', crouch: 1 - eased(s / SQUAT_S) }));
    return this;
  }

  /** The person is gone after what has been said so far. */
  done(): PersonTrack {
    const { id } = this;
    const segments = this.#segments;
    const look = this.#look;
    const { startS, endS } = segments;
    const strideM = STRIDE * look.heightM;
    return {
      id,
      startS,
      endS,
      at(t) {
        const now = segments.at(t);
        if (now === null) return null;
        const { walkedM, ...moment } = now;
        return {
          kind: 'person',
          id,
          look,
          ...moment,
          stride: (walkedM / strideM) % 1,
          idle: ((t - startS) / IDLE_S) % 1,
        };
      },
    };
  }

  #turn(heading: number): void {
    if (Number.isNaN(this.#heading)) this.#heading = heading;
    const angle = turn(this.#heading, heading);
    if (Math.abs(angle) > 1e-6) {
      const still = this.#still();
      const seconds = Math.max(0.3, Math.abs(angle) / TURNING);
      this.#segments.add(seconds, (s) => ({ ...still, heading: still.heading + angle * eased(s / seconds) }));
    }
    this.#heading += angle;
  }

  #still(): Moment {
    // Who begins with standing looks east.
    if (Number.isNaN(this.#heading)) this.#heading = 0;
    return { ...UPRIGHT, at: this.#at, heading: this.#heading, walkedM: this.#walkedM };
  }
}

const UPRIGHT = { posture: 'standing', speed: 0, crouch: 0, fallen: 0 } as const;

function bearing(from: Point, to: Point): number {
  return Math.atan2(to.y - from.y, to.x - from.x);
}

/** Smoothstep. */
function eased(share: number): number {
  const x = Math.min(1, Math.max(0, share));
  return x * x * (3 - 2 * x);
}
