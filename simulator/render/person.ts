import type { PersonState } from '../world/types.ts';
import { GLOSSY, MATTE, type Mesh, RETRO, rgb, tint } from './mesh.ts';
import { type Frame, type Joint, type Joints, makeJoints, poseOf } from './pose.ts';

export const PART_BODY = 0;
export const PART_HAT = 1;
export const PART_VEST = 2;

const BOOT = rgb(52, 42, 36);
const REFLECTIVE = rgb(206, 210, 206);

/** Rings of a torso: share along hips–neck, half width and half depth in body heights. */
const TORSO: readonly (readonly [number, number, number])[] = [
  [-0.14, 0.06, 0.052],
  [-0.06, 0.096, 0.07],
  [0.1, 0.1, 0.073],
  [0.3, 0.094, 0.068],
  [0.55, 0.104, 0.076],
  [0.75, 0.112, 0.076],
  [0.88, 0.105, 0.066],
  [0.96, 0.07, 0.05],
  [1.0, 0.04, 0.038],
];

/** The vest over it: rings, and whether a reflective stripe runs from this ring to the next. */
const VEST: readonly (readonly [number, number, number, boolean])[] = [
  [-0.02, 0.108, 0.083, false],
  [0.12, 0.111, 0.085, true],
  [0.21, 0.109, 0.083, false],
  [0.36, 0.106, 0.08, true],
  [0.45, 0.107, 0.081, false],
  [0.75, 0.12, 0.086, false],
  [0.89, 0.111, 0.075, false],
  [0.97, 0.074, 0.057, false],
];

/** Head: share of its height, half width, half depth, forward shift (all of head height). */
const HEAD: readonly (readonly [number, number, number, number])[] = [
  [0.0, 0.16, 0.2, 0.1],
  [0.08, 0.26, 0.3, 0.06],
  [0.28, 0.32, 0.38, 0.02],
  [0.5, 0.345, 0.42, 0],
  [0.72, 0.34, 0.425, -0.01],
  [0.88, 0.26, 0.33, -0.01],
  [0.97, 0.13, 0.17, -0.01],
];

/** Dome of a helmet, in head heights above its brow. */
const DOME: readonly (readonly [number, number, number])[] = [
  [0.0, 0.415, 0.5],
  [0.16, 0.405, 0.485],
  [0.32, 0.345, 0.41],
  [0.43, 0.225, 0.28],
  [0.475, 0.09, 0.12],
];

const pose = makeJoints();
const vestPalette = new Uint32Array(16);

/** Adds a person to a mesh: body, helmet and vest as parts. `fine` is for those near the camera. */
export function addPerson(mesh: Mesh, person: PersonState, groundZ: number, fine: boolean): void {
  const { look } = person;
  const joints = poseOf(person, groundZ, pose);
  const h = look.heightM;
  const sides = fine ? 10 : 5;
  mesh.part = PART_BODY;
  mesh.palette = null;
  const trousers = tint(look.trousers);
  const jacket = tint(look.jacket);
  for (const side of ['left', 'right'] as const) {
    const leg = joints[side];
    mesh.pen(trousers);
    limb(mesh, sides, leg.hip, leg.knee, leg.ankle, [0.056, 0.058, 0.05, 0.043, 0.042, 0.038], h, leg.side);
    boot(mesh, sides, leg.ankle, leg.toe, leg.up, h);
    mesh.pen(jacket);
    limb(mesh, sides, leg.shoulder, leg.elbow, leg.wrist, [0.036, 0.036, 0.031, 0.028, 0.027, 0.023], h, leg.side);
    mesh.pen(tint(look.skin));
    hand(mesh, leg.elbow, leg.wrist, h);
  }
  const { torso } = joints;
  const broad = look.build / 0.255;
  // Jacket above, trousers below the belt.
  mesh.loft(fine ? 14 : 8).pen(trousers);
  for (const [index, [share, wide, deep]] of TORSO.entries()) {
    if (index === 3) mesh.pen(jacket);
    torsoRing(mesh, torso, share, wide * h * (share > 0.3 ? broad : 1), deep * h);
  }
  mesh.finish();
  head(mesh, joints, person, fine);
  if (look.vest !== null) vest(mesh, joints, tint(look.vest), broad, h, fine);
  if (look.helmet !== null) helmet(mesh, joints, tint(look.helmet), fine);
  mesh.part = PART_BODY;
  mesh.palette = null;
}

function torsoRing(
  mesh: Mesh,
  { origin: o, left: l, front: f, up: u, length }: Frame,
  share: number,
  w: number,
  d: number,
): void {
  const along = share * length;
  // Shoulders lie a little behind the belly.
  const back = share > 0.5 ? -0.01 : 0;
  mesh.ring(
    o[0] + u[0] * along + f[0] * back,
    o[1] + u[1] * along + f[1] * back,
    o[2] + u[2] * along + f[2] * back,
    l[0] * w,
    l[1] * w,
    l[2] * w,
    f[0] * d,
    f[1] * d,
    f[2] * d,
  );
}

/** A bent tube through three joints; radii at start, upper, above and below the joint, lower, end. */
function limb(
  mesh: Mesh,
  sides: number,
  a: Joint,
  b: Joint,
  c: Joint,
  radii: readonly number[],
  h: number,
  side: Joint,
): void {
  mesh.loft(sides);
  const steps: readonly (readonly [Joint, Joint, number])[] = [
    [a, b, 0],
    [a, b, 0.35],
    [a, b, 0.88],
    [b, c, 0.1],
    [b, c, 0.5],
    [b, c, 1],
  ];
  for (const [index, [from, to, share]] of steps.entries()) {
    const dx = to[0] - from[0];
    const dy = to[1] - from[1];
    const dz = to[2] - from[2];
    const length = Math.hypot(dx, dy, dz) || 1;
    const r = (radii[index] ?? 0.03) * h;
    // Across the limb: its side, and the cross of its run with it.
    const [fx, fy, fz] = [
      (dy * side[2] - dz * side[1]) / length,
      (dz * side[0] - dx * side[2]) / length,
      (dx * side[1] - dy * side[0]) / length,
    ];
    mesh.ring(
      from[0] + dx * share,
      from[1] + dy * share,
      from[2] + dz * share,
      side[0] * r,
      side[1] * r,
      side[2] * r,
      fx * r,
      fy * r,
      fz * r,
    );
  }
  mesh.finish();
}

function boot(mesh: Mesh, sides: number, ankle: Joint, toe: Joint, up: Joint, h: number): void {
  mesh.pen(BOOT).loft(Math.max(5, sides - 2));
  const [dx, dy, dz] = [toe[0] - ankle[0], toe[1] - ankle[1], toe[2] - ankle[2]];
  const length = Math.hypot(dx, dy, dz) || 1;
  const [sx, sy, sz] = [
    (up[1] * dz - up[2] * dy) / length,
    (up[2] * dx - up[0] * dz) / length,
    (up[0] * dy - up[1] * dx) / length,
  ];
  for (const [share, wide, tall, lift] of [
    [-0.42, 0.016, 0.02, -0.004],
    [-0.34, 0.026, 0.042, 0.016],
    [0.1, 0.029, 0.044, 0.016],
    [0.5, 0.031, 0.029, 0],
    [0.9, 0.03, 0.023, -0.006],
    [1.08, 0.016, 0.014, -0.012],
  ] as const) {
    const [w, t, l] = [wide * h, tall * h, lift * h];
    mesh.ring(
      ankle[0] + dx * share + up[0] * l,
      ankle[1] + dy * share + up[1] * l,
      ankle[2] + dz * share + up[2] * l,
      sx * w,
      sy * w,
      sz * w,
      up[0] * t,
      up[1] * t,
      up[2] * t,
    );
  }
  mesh.finish();
}

function hand(mesh: Mesh, elbow: Joint, wrist: Joint, h: number): void {
  const [dx, dy, dz] = [wrist[0] - elbow[0], wrist[1] - elbow[1], wrist[2] - elbow[2]];
  const length = Math.hypot(dx, dy, dz) || 1;
  const [ux, uy, uz] = [dx / length, dy / length, dz / length];
  // Any side will do for something so small.
  const flat = Math.hypot(ux, uy);
  const [sx, sy] = flat > 0.05 ? [-uy / flat, ux / flat] : [1, 0];
  const [fx, fy, fz] = [-uz * sy, uz * sx, ux * sy - uy * sx];
  mesh.loft(6);
  for (const [along, wide] of [
    [-0.008, 0.016],
    [0.025, 0.025],
    [0.055, 0.024],
    [0.085, 0.011],
  ] as const) {
    const [a, w] = [along * h, wide * h];
    mesh.ring(
      wrist[0] + ux * a,
      wrist[1] + uy * a,
      wrist[2] + uz * a,
      sx * w,
      sy * w,
      0,
      fx * w * 0.7,
      fy * w * 0.7,
      fz * w * 0.7,
    );
  }
  mesh.finish();
}

function headRing(
  mesh: Mesh,
  { origin: o, left: l, front: f, up: u, length }: Frame,
  rise: number,
  w: number,
  d: number,
  shift: number,
): void {
  const [a, b] = [rise * length, shift * length];
  const [wide, deep] = [w * length, d * length];
  mesh.ring(
    o[0] + u[0] * a + f[0] * b,
    o[1] + u[1] * a + f[1] * b,
    o[2] + u[2] * a + f[2] * b,
    l[0] * wide,
    l[1] * wide,
    l[2] * wide,
    f[0] * deep,
    f[1] * deep,
    f[2] * deep,
  );
}

function head(mesh: Mesh, joints: Joints, { look }: PersonState, fine: boolean): void {
  const { head: frame } = joints;
  const sides = fine ? 12 : 6;
  mesh.pen(tint(look.skin, 0.92)).loft(fine ? 7 : 5);
  headRing(mesh, frame, -0.34, 0.25, 0.25, -0.1);
  headRing(mesh, frame, 0.2, 0.23, 0.25, -0.08);
  mesh.finish();
  mesh.pen(tint(look.skin)).loft(sides);
  for (const [rise, wide, deep, shift] of HEAD) headRing(mesh, frame, rise, wide, deep, shift);
  mesh.finish();
  if (fine) {
    // Nose.
    mesh.loft(4);
    headRing(mesh, frame, 0.3, 0.07, 0.07, 0.4);
    headRing(mesh, frame, 0.55, 0.03, 0.03, 0.41);
    mesh.finish();
  }
  mesh.pen(tint(look.hair)).loft(sides);
  if (look.helmet !== null) {
    // What shows below the helmet, at the back.
    headRing(mesh, frame, 0.22, 0.3, 0.26, -0.17);
    headRing(mesh, frame, 0.7, 0.36, 0.34, -0.12);
  } else {
    headRing(mesh, frame, 0.2, 0.29, 0.26, -0.18);
    headRing(mesh, frame, 0.5, 0.37, 0.36, -0.12);
    headRing(mesh, frame, 0.76, 0.375, 0.44, -0.035);
    headRing(mesh, frame, 0.94, 0.29, 0.36, -0.02);
    headRing(mesh, frame, 1.03, 0.12, 0.16, -0.02);
  }
  mesh.finish();
}

function helmet(mesh: Mesh, { head: frame }: Joints, colour: number, fine: boolean): void {
  const sides = fine ? 14 : 7;
  mesh.part = PART_HAT;
  mesh.pen(colour, GLOSSY).loft(sides);
  for (const [rise, wide, deep] of DOME) headRing(mesh, frame, 0.68 + rise, wide, deep, -0.01);
  mesh.finish();
  // Brim all round, with its peak in front.
  mesh.loft(sides);
  headRing(mesh, frame, 0.655, 0.47, 0.6, 0.08);
  headRing(mesh, frame, 0.7, 0.46, 0.58, 0.06);
  headRing(mesh, frame, 0.74, 0.4, 0.48, 0);
  mesh.finish();
  // Ridge.
  mesh.loft(6);
  headRing(mesh, frame, 1.0, 0.06, 0.4, -0.01);
  headRing(mesh, frame, 1.14, 0.055, 0.25, -0.01);
  headRing(mesh, frame, 1.19, 0.045, 0.12, -0.01);
  mesh.finish();
  mesh.material = MATTE;
}

function vest(mesh: Mesh, { torso }: Joints, colour: number, broad: number, h: number, fine: boolean): void {
  mesh.part = PART_VEST;
  const sides = fine ? 16 : 8;
  for (const [index, [share, wide, deep, isStripe]] of VEST.entries()) {
    const next = VEST[index + 1];
    if (next === undefined) break;
    for (let i = 0; i < sides; i++) {
      // Two braces run over each shoulder, in front and behind.
      const angle = ((i + 1) / sides) * 2 * Math.PI;
      const across = Math.abs(Math.cos(angle));
      const isBrace = fine && share >= 0.45 && across > 0.42 && across < 0.8;
      vestPalette[i] = isStripe || isBrace ? REFLECTIVE : colour;
    }
    mesh.palette = vestPalette;
    mesh.pen(colour, isStripe ? RETRO : MATTE).loft(sides);
    const top = share > 0.3 ? broad : 1;
    torsoRing(mesh, torso, share, wide * h * top, deep * h);
    torsoRing(mesh, torso, next[0], next[1] * h * (next[0] > 0.3 ? broad : 1), next[2] * h);
    mesh.finish(false, false);
  }
  mesh.palette = null;
  mesh.material = MATTE;
}
