/**
 * Domain randomization (Tobin et al. 2017): cameras, people, vehicles, light and weather drawn far wider than the
 * site's scenarios use them, so that what a detector learns is what people and machines look like, not
 * where the site's cameras usually see them.
 */
import { type CameraModel, Projection } from '../../simulator/camera.ts';
import type { Random } from '../../simulator/random.ts';
import { CAMERAS } from '../../simulator/site.ts';
import { FURNITURE, type Furniture } from '../../simulator/world/furniture.ts';
import { SITE_SIZE } from '../../simulator/world/plan.ts';
import {
  type ActorState,
  CLEAR,
  type Conditions,
  type PersonLook,
  type PersonState,
  type Point,
  type Posture,
  type Rgb,
  VEHICLE_SIZE,
  type VehicleState,
} from '../../simulator/world/types.ts';

const HELMETS: readonly Rgb[] = [
  [245, 200, 20],
  [240, 240, 235],
  [235, 105, 20],
  [200, 30, 30],
  [30, 90, 190],
  [40, 150, 70],
];
const VESTS: readonly Rgb[] = [
  [220, 250, 40],
  [255, 125, 20],
  [255, 85, 60],
];
const SKINS: readonly Rgb[] = [
  [250, 215, 190],
  [225, 180, 145],
  [175, 125, 90],
  [120, 80, 55],
  [75, 50, 38],
];
const HAIRS: readonly Rgb[] = [
  [25, 20, 18],
  [70, 45, 30],
  [120, 85, 50],
  [190, 160, 110],
  [150, 150, 150],
];
const LORRIES: readonly Rgb[] = [
  [200, 40, 35],
  [30, 80, 160],
  [235, 235, 230],
  [240, 180, 30],
  [60, 120, 70],
];
const SMALL: ReadonlySet<Furniture['kind']> = new Set(['cone', 'barrier', 'pallets']);
const MOVABLE: ReadonlySet<Furniture['kind']> = new Set([...SMALL, 'container', 'pile', 'tree', 'tarpaulin', 'cabin']);
/** What is moved stands at least so far from the camera. */
const CLEARANCE_M = 12;
/** Nearer fills the picture, farther is a few pixels. */
const NEAREST_M = 3;
const FARTHEST_M = 42;

/** Of the cameras drawn: the site's own as they hang, give or take their mounting; the site's own, moved and zoomed. */
const AS_MOUNTED_SHARE = 0.45;
const MOVED_CAMERA_SHARE = 0.3;
const MOUNTING = { acrossM: 0.15, upM: 0.2, aimM: 0.5, zoom: 0.03 };
const MOVED = { acrossM: 0.8, upM: 1.5, aimM: 4, zoom: 0.2 };

/** One of the site's cameras, where it hangs or moved a little, or one anywhere. */
export function randomCamera(random: Random): CameraModel {
  const base = random.pick(CAMERAS);
  const which = random.next();
  if (which < AS_MOUNTED_SHARE) return moved(random, base, MOUNTING);
  if (which < AS_MOUNTED_SHARE + MOVED_CAMERA_SHARE) return moved(random, base, MOVED);
  const position = {
    x: random.between(3, SITE_SIZE.widthM - 3),
    y: random.between(3, SITE_SIZE.depthM - 3),
    z: random.between(3.2, 10),
  };
  const towards = Math.atan2(SITE_SIZE.depthM / 2 - position.y, SITE_SIZE.widthM / 2 - position.x);
  const turn = towards + random.between(-0.9, 0.9);
  const ahead = random.between(7, 22);
  return {
    ...base,
    position,
    lookAt: {
      x: position.x + ahead * Math.cos(turn),
      y: position.y + ahead * Math.sin(turn),
      z: random.between(0, 1.5),
    },
    horizontalFovDeg: random.between(45, 85),
  };
}

function moved(random: Random, base: CameraModel, by: typeof MOVED): CameraModel {
  const about = (value: number, reach: number): number => value + random.between(-reach, reach);
  return {
    ...base,
    position: {
      x: about(base.position.x, by.acrossM),
      y: about(base.position.y, by.acrossM),
      z: about(base.position.z, by.upM),
    },
    lookAt: { x: about(base.lookAt.x, by.aimM), y: about(base.lookAt.y, by.aimM), z: base.lookAt.z },
    horizontalFovDeg: base.horizontalFovDeg * about(1, by.zoom),
  };
}

/** What stands about, moved, but not before the lens; and more of what people and hats are mistaken for. */
export function randomFurniture(random: Random, camera: CameraModel): Furniture[] {
  const moved = FURNITURE.map((one) => {
    const at = onSite(random);
    const away = Math.hypot(at.x - camera.position.x, at.y - camera.position.y);
    if (!MOVABLE.has(one.kind) || away < CLEARANCE_M || random.next() < 0.5) return one;
    return { ...one, at, heading: one.heading + random.between(-1.5, 1.5) };
  });
  const small = FURNITURE.filter(({ kind }) => SMALL.has(kind));
  const more = Array.from({ length: Math.floor(random.between(0, 24)) }, () => ({
    ...random.pick(small),
    at: onSite(random),
    heading: random.between(-Math.PI, Math.PI),
  }));
  return [...moved, ...more];
}

function onSite(random: Random): Point {
  return { x: random.between(2, SITE_SIZE.widthM - 2), y: random.between(2, SITE_SIZE.depthM - 2) };
}

/** People and vehicles anywhere in sight, none inside another. */
export function randomActors(random: Random, camera: CameraModel, name: string): ActorState[] {
  const projection = new Projection(camera);
  const actors: ActorState[] = [];
  const taken: { at: Point; radius: number }[] = [];
  const place = (radius: number, near?: Point): Point | null => {
    for (let attempt = 0; attempt < 20; attempt++) {
      const at = near
        ? { x: near.x + random.between(-2, 2), y: near.y + random.between(-2, 2) }
        : projection.ground(random.between(0.02, 0.98), random.between(0.05, 1.15));
      if (at === null) continue;
      const away = Math.hypot(at.x - camera.position.x, at.y - camera.position.y);
      const onSite = at.x > 0.5 && at.y > 0.5 && at.x < SITE_SIZE.widthM - 0.5 && at.y < SITE_SIZE.depthM - 0.5;
      if (!onSite || away < NEAREST_M || away > FARTHEST_M) continue;
      if (taken.some((other) => Math.hypot(other.at.x - at.x, other.at.y - at.y) < other.radius + radius)) continue;
      taken.push({ at, radius });
      return at;
    }
    return null;
  };
  const vehicles = Math.floor(random.between(0, 3.6));
  for (let index = 0; index < vehicles; index++) {
    const kind = random.next() < 0.6 ? 'forklift' : 'lorry';
    const at = place(VEHICLE_SIZE[kind].lengthM / 2);
    if (at) actors.push(randomVehicle(random, kind, `${name}-v${index}`, at));
  }
  const people = Math.floor(random.between(1, 15));
  let crowd: Point | undefined;
  for (let index = 0; index < people; index++) {
    const at = place(0.3, crowd);
    if (!at) continue;
    actors.push(randomPerson(random, `${name}-p${index}`, at));
    crowd = random.next() < 0.25 ? at : undefined;
  }
  return actors;
}

function randomPerson(random: Random, id: string, at: Point): PersonState {
  const [standing, walking, crouching, lying] = [0.3, 0.72, 0.84, 0.94];
  const drawn = random.next();
  let posture: Posture = 'falling';
  if (drawn < standing) posture = 'standing';
  else if (drawn < walking) posture = 'walking';
  else if (drawn < crouching) posture = 'crouching';
  else if (drawn < lying) posture = 'lying';
  return {
    kind: 'person',
    id,
    look: randomLook(random),
    at,
    heading: random.between(-Math.PI, Math.PI),
    posture,
    speed: posture === 'walking' ? random.between(0.7, 1.8) : 0,
    stride: random.next(),
    crouch: posture === 'crouching' ? random.between(0.4, 1) : 0,
    fallen: posture === 'lying' ? 1 : posture === 'falling' ? random.between(0.1, 0.95) : 0,
    idle: random.next(),
  };
}

export function randomLook(random: Random): PersonLook {
  const trousers = random.next() < 0.7 ? shade(random, 20, 110, 18) : any(random);
  return {
    skin: random.pick(SKINS),
    jacket: random.next() < 0.5 ? shade(random, 25, 200, 30) : any(random),
    trousers,
    helmet: random.next() < 0.6 ? (random.next() < 0.85 ? near(random, random.pick(HELMETS)) : any(random)) : null,
    vest: random.next() < 0.5 ? near(random, random.pick(VESTS)) : null,
    hair: near(random, random.pick(HAIRS)),
    heightM: random.between(1.5, 2),
    build: random.between(0.22, 0.3),
  };
}

function randomVehicle(random: Random, kind: VehicleState['kind'], id: string, at: Point): VehicleState {
  const usual: Rgb = kind === 'forklift' ? [240, 170, 20] : random.pick(LORRIES);
  return {
    kind,
    id,
    colour: random.next() < 0.6 ? near(random, usual) : any(random),
    at,
    heading: random.between(-Math.PI, Math.PI),
    speed: random.next() < 0.5 ? 0 : random.between(0.5, 4),
    steer: random.between(-0.6, 0.6),
    rolledM: random.between(0, 5),
    forkM: random.next() < 0.5 ? 0.1 : random.between(0.1, 1.8),
    isLoaded: random.next() < 0.5,
    hasHeadlights: random.next() < 0.3,
  };
}

/** Everything but what moves the picture against its truth (shake, turning), or hides all of it. */
export function randomConditions(random: Random): Conditions {
  const often = (chance: number, most: number): number => (random.next() < chance ? random.between(0, most) : 0);
  return {
    ...CLEAR,
    noise: often(0.6, 2.5),
    night: often(0.4, 3),
    flicker: often(0.2, 2),
    switched: often(0.15, 2),
    clouds: often(0.4, 3),
    rain: often(0.25, 3),
    sway: often(0.5, 2),
    headlights: often(0.15, 2),
    dirt: often(0.25, 2),
    reflections: often(0.2, 2),
    covered: often(0.05, 1),
  };
}

function any(random: Random): Rgb {
  return [random.between(0, 255), random.between(0, 255), random.between(0, 255)];
}

function shade(random: Random, low: number, high: number, tint: number): Rgb {
  return near(random, new Array(3).fill(random.between(low, high)) as [number, number, number], tint);
}

function near(random: Random, [red, green, blue]: Rgb, by = 22): Rgb {
  const vary = (value: number): number => Math.round(Math.min(255, Math.max(0, value + random.between(-by, by))));
  return [vary(red), vary(green), vary(blue)];
}
