import { keyedSeed } from '../random.ts';
import { STRIDE } from '../world/person.ts';
import type { PersonState } from '../world/types.ts';
import { Affine } from './affine.ts';

/** A joint or a direction, metres in the world. */
export type Joint = [x: number, y: number, z: number];

/** Something stiff with an own up. */
export interface Frame {
  origin: Joint;
  left: Joint;
  front: Joint;
  up: Joint;
  /** Along `up`, metres. */
  length: number;
}

/** Arm and leg of one side. */
export interface Side {
  hip: Joint;
  knee: Joint;
  ankle: Joint;
  toe: Joint;
  /** Of the foot. */
  up: Joint;
  shoulder: Joint;
  elbow: Joint;
  wrist: Joint;
  /** Across the limbs. */
  side: Joint;
}

export interface Joints {
  left: Side;
  right: Side;
  /** From the hips to the neck. */
  torso: Frame;
  /** From the chin to the crown. */
  head: Frame;
}

/** In body heights, after Winter, Biomechanics and Motor Control of Human Movement, fig. 4.1; boots and jacket added. */
const ANKLE = 0.042;
const HIP = 0.525;
const THIGH = 0.245;
const SHIN = 0.242;
const TORSO = 0.335;
const UPPER_ARM = 0.172;
const FOREARM = 0.15;
const HEAD = 0.128;
const FOOT = 0.1;

/** Of a stride, how long a foot is on the ground. */
const STANCE = 0.6;
/** Half of what a foot travels against the hips, in body heights: as far as they go meanwhile, so that it does not slide. */
const REACH = (STANCE * STRIDE) / 2;

export function makeJoints(): Joints {
  const joint = (): Joint => [0, 0, 0];
  const side = (): Side => ({
    hip: joint(),
    knee: joint(),
    ankle: joint(),
    toe: joint(),
    up: joint(),
    shoulder: joint(),
    elbow: joint(),
    wrist: joint(),
    side: joint(),
  });
  const frame = (): Frame => ({ origin: joint(), left: joint(), front: joint(), up: joint(), length: 0 });
  return { left: side(), right: side(), torso: frame(), head: frame() };
}

const hips = new Affine();
const trunk = new Affine();
const neck = new Affine();

/** Where somebody's joints are; `groundZ` is the ground's height where he stands. Fills `out`. */
export function poseOf(person: PersonState, groundZ: number, out: Joints): Joints {
  const { at, heading, idle, crouch, fallen } = person;
  const h = person.look.heightM;
  const taste = tasteOf(person.id);
  const walks = person.posture === 'walking' ? Math.min(1, person.speed / 1.3) : 0;
  const sway = walks > 0 ? 0 : Math.sin(2 * Math.PI * idle);
  const pitch = (fallen * Math.PI) / 2;
  const bob = walks * 0.012 * Math.cos(4 * Math.PI * person.stride);
  const upright = (HIP - 0.004 - 0.03 * walks - bob - 0.29 * crouch) * h;
  const hipZ = upright * Math.cos(pitch) + 0.078 * h * Math.sin(pitch);
  const forward = taste.fallsForward ? 1 : -1;
  const flat = smooth(fallen);
  hips
    .reset()
    .move(at.x, at.y, groundZ + hipZ)
    .turn('z', heading)
    .turn('y', forward * pitch)
    .move(-0.07 * crouch * h, 0.012 * sway * h * (1 - flat), 0);
  for (const [sign, side] of [
    [1, out.left],
    [-1, out.right],
  ] as const) {
    leg(person, side, sign, upright, walks, flat, taste.bend);
  }
  const lean = 0.03 + 0.06 * walks + 0.62 * crouch + 0.02 * sway;
  trunk
    .copy(hips)
    .turn('z', walks * 0.1 * Math.sin(2 * Math.PI * person.stride))
    .turn('y', lean * (1 - flat));
  setFrame(out.torso, trunk, TORSO * h);
  for (const [sign, side] of [
    [1, out.left],
    [-1, out.right],
  ] as const) {
    arm(person, side, sign, walks, sway, flat, taste);
  }
  neck
    .copy(trunk)
    .move(0.012 * h, 0, (TORSO + 0.012) * h)
    .turn('y', -0.75 * lean * (1 - flat) + taste.nod * (1 - walks) * (1 - flat))
    .turn('z', (1 - walks) * (0.35 * sway + taste.look) * (1 - flat) + flat * 0.7);
  setFrame(out.head, neck, HEAD * h);
  return out;
}

function leg(
  person: PersonState,
  side: Side,
  sign: number,
  hipZ: number,
  walks: number,
  flat: number,
  bend: number,
): void {
  const h = person.look.heightM;
  const phase = (person.stride + (sign > 0 ? 0 : 0.5)) % 1;
  // A slow walk has as long a stride; only the first and last step are shorter.
  const reach = REACH * h * (walks > 0 ? Math.min(1, person.speed / 0.6) : 0);
  let x: number;
  let lift: number;
  let toeDown: number;
  if (phase < STANCE) {
    const way = phase / STANCE;
    x = reach * (1 - 2 * way);
    const push = Math.max(0, (way - 0.6) / 0.4);
    lift = 0.05 * h * push * push * walks;
    toeDown = (0.75 * push * push - 0.25 * Math.max(0, 1 - way * 6)) * walks;
  } else {
    const way = (phase - STANCE) / (1 - STANCE);
    x = -reach * Math.cos(Math.PI * way);
    lift = (0.05 * (1 - way) + 0.05 * Math.sin(Math.PI * way)) * h * walks;
    toeDown = (0.75 * (1 - way) - 0.25 * way) * walks;
  }
  // Somebody who stands has a foot a little before the other; squatting more so.
  x += sign * (0.018 * (1 - walks) + 0.075 * person.crouch) * h * (1 - flat);
  x += 0.07 * person.crouch * h;
  const y = sign * (0.052 + 0.02 * person.crouch + 0.05 * flat * bend) * h;
  let z = -(hipZ - (ANKLE * h + lift));
  if (flat > 0) z = z * (1 - flat) - (THIGH + SHIN - (sign > 0 ? 0.1 * bend : 0.005)) * h * flat;
  // Two bars between hip and ankle; the knee goes forward.
  const a = THIGH * h;
  const b = SHIN * h;
  const far = Math.hypot(x, z) || 1;
  const length = Math.min(far, (a + b) * 0.9985);
  const [ux, uz] = [x / far, z / far];
  const along = (a * a - b * b + length * length) / (2 * length);
  const out = Math.sqrt(Math.max(0, a * a - along * along));
  const splay = person.crouch * 0.5 + 0.5 * flat * bend * (sign > 0 ? 1 : 0);
  const hipY = sign * 0.05 * h;
  const kneeY = hipY + (y - hipY) * 0.5 + sign * out * splay;
  const forward = Math.sqrt(Math.max(0, 1 - splay * splay));
  put(side.hip, hips, 0, hipY, 0);
  put(side.knee, hips, ux * along - uz * out * forward, kneeY, uz * along + ux * out * forward);
  put(side.ankle, hips, ux * length, y, uz * length);
  const tip = toeDown + 0.9 * flat * (1 - bend * 0.5);
  const [fx, fz] = [Math.cos(tip), -Math.sin(tip)];
  const out2 = 0.14 * sign;
  put(
    side.toe,
    hips,
    ux * length + FOOT * h * fx,
    y + FOOT * h * out2,
    uz * length + FOOT * h * fz - 0.012 * h * (1 - flat),
  );
  turnOnly(side.up, hips, -fz, 0, fx);
  turnOnly(side.side, hips, 0, 1, 0);
}

function arm(
  person: PersonState,
  side: Side,
  sign: number,
  walks: number,
  sway: number,
  flat: number,
  taste: Taste,
): void {
  const h = person.look.heightM;
  const half = (person.look.build / 2) * 0.86;
  const swing = -0.5 * walks * sign * Math.cos(2 * Math.PI * person.stride);
  const works = sign > 0 ? taste.leftBend : taste.rightBend;
  const still = (1 - walks) * (1 - flat);
  const pitch = swing + 0.04 * sway * still + 0.35 * works * still + person.crouch * 0.55 - 0.05;
  const elbow =
    0.22 + 0.35 * walks + 1.25 * works * still + 0.6 * person.crouch + Math.max(0, swing) * 0.5 + 0.7 * flat;
  const spread = 0.12 + 0.12 * works * still + flat * (sign > 0 ? 1.1 : 0.55);
  const a = UPPER_ARM * h;
  const b = FOREARM * h;
  const [sx, sy, sz] = [0, sign * half * h, TORSO * 0.885 * h];
  const [c, s] = [Math.cos(spread), Math.sin(spread)];
  const ex = sx + a * Math.sin(pitch) * c;
  const ey = sy + sign * a * s;
  const ez = sz - a * Math.cos(pitch) * c;
  const fore = pitch + elbow * (1 - flat);
  // Lying, the forearm turns up beside the head instead of forward.
  const aside = flat * (sign > 0 ? 0.9 : 0.2) + 0.02 - works * still * 0.35;
  put(side.shoulder, trunk, sx, sy, sz);
  put(side.elbow, trunk, ex, ey, ez);
  put(
    side.wrist,
    trunk,
    ex + b * Math.sin(fore) * Math.cos(aside),
    ey + sign * b * Math.sin(aside),
    ez - b * Math.cos(fore) * Math.cos(aside),
  );
}

interface Taste {
  fallsForward: boolean;
  /** Of a knee when lying, 0–1. */
  bend: number;
  look: number;
  nod: number;
  leftBend: number;
  rightBend: number;
}

const tastes = new Map<string, Taste>();
const MAX_TASTES = 1024;

/** How this person carries arms and head: by id, so that it stays. */
function tasteOf(id: string): Taste {
  const known = tastes.get(id);
  if (known) return known;
  const hash = keyedSeed(0, id);
  const share = (shift: number): number => ((Math.imul(hash, 0x9e3779b1) >>> shift) & 255) / 255;
  const works = share(3);
  const made: Taste = {
    fallsForward: share(9) > 0.4,
    bend: share(17),
    look: 0.5 * (share(5) - 0.5),
    nod: 0.25 * share(13),
    leftBend: works > 0.45 ? 0.4 + 0.6 * share(7) : 0,
    rightBend: works > 0.7 || works < 0.2 ? 0.5 + 0.5 * share(11) : 0,
  };
  if (tastes.size >= MAX_TASTES) tastes.clear();
  tastes.set(id, made);
  return made;
}

function setFrame(frame: Frame, { m }: Affine, length: number): void {
  for (let i = 0; i < 3; i++) {
    frame.front[i] = m[4 * i] as number;
    frame.left[i] = m[4 * i + 1] as number;
    frame.up[i] = m[4 * i + 2] as number;
    frame.origin[i] = m[4 * i + 3] as number;
  }
  frame.length = length;
}

function put(out: Joint, { m }: Affine, x: number, y: number, z: number): void {
  for (let i = 0; i < 3; i++) {
    out[i] =
      (m[4 * i] as number) * x + (m[4 * i + 1] as number) * y + (m[4 * i + 2] as number) * z + (m[4 * i + 3] as number);
  }
}

function turnOnly(out: Joint, { m }: Affine, x: number, y: number, z: number): void {
  for (let i = 0; i < 3; i++) {
    out[i] = (m[4 * i] as number) * x + (m[4 * i + 1] as number) * y + (m[4 * i + 2] as number) * z;
  }
}

function smooth(x: number): number {
  return x * x * (3 - 2 * x);
}
