import type { VehicleState } from '../world/types.ts';
import { EMISSIVE, GLOSSY, MATTE, type Mesh, rgb, tint } from './mesh.ts';

const TYRE = rgb(34, 34, 36);
const RIM = rgb(150, 152, 154);
const BLACK = rgb(44, 46, 48);
const GLASS = rgb(58, 72, 84);
const STEEL = rgb(92, 94, 98);
const TIMBER = rgb(178, 142, 98);
const LAMP = rgb(255, 248, 224);
const RED_LAMP = rgb(196, 34, 28);

/** Adds a vehicle to a mesh; x forward, y left. Inside the outline that `VEHICLE_SIZE` gives. */
export function addVehicle(mesh: Mesh, vehicle: VehicleState, groundZ: number, fine: boolean): void {
  mesh.part = 0;
  placeVehicle(mesh, vehicle, groundZ);
  if (vehicle.kind === 'forklift') forklift(mesh, vehicle, groundZ, fine);
  else lorry(mesh, vehicle, groundZ, fine);
  mesh.material = MATTE;
}

function placeVehicle(mesh: Mesh, { at, heading }: VehicleState, groundZ: number): void {
  mesh.at.reset().move(at.x, at.y, groundZ).turn('z', heading);
}

function wheel(
  mesh: Mesh,
  vehicle: VehicleState,
  groundZ: number,
  x: number,
  y: number,
  r: number,
  wide: number,
  steer: number,
  fine: boolean,
): void {
  const sides = fine ? 18 : 10;
  placeVehicle(mesh, vehicle, groundZ);
  mesh.at
    .move(x, y, r)
    .turn('z', steer)
    .turn('y', vehicle.rolledM / r);
  const ring = (along: number, radius: number): void => {
    mesh.ring(0, along, 0, radius, 0, 0, 0, 0, radius);
  };
  mesh.pen(TYRE).loft(sides);
  ring(-wide / 2, r * 0.78);
  ring(-wide / 2 + 0.03, r * 0.97);
  ring(-wide / 4, r);
  ring(wide / 4, r);
  ring(wide / 2 - 0.03, r * 0.97);
  ring(wide / 2, r * 0.78);
  mesh.finish();
  const out = Math.sign(y) || 1;
  mesh.pen(RIM).loft(sides);
  ring(out * (wide / 2 - 0.01), r * 0.6);
  ring(out * (wide / 2 + 0.012), r * 0.56);
  ring(out * (wide / 2 + 0.014), r * 0.2);
  mesh.finish(false, true);
  mesh.pen(BLACK);
  for (let k = 0; fine && k < 5; k++) {
    const a = (k * 2 * Math.PI) / 5;
    const [cx, cz] = [Math.cos(a) * r * 0.38, Math.sin(a) * r * 0.38];
    const y0 = out * (wide / 2 + 0.016);
    const e = r * 0.08;
    mesh.box(cx - e, Math.min(y0, y0 + out * 0.01), cz - e, cx + e, Math.max(y0, y0 + out * 0.01), cz + e);
  }
  placeVehicle(mesh, vehicle, groundZ);
}

/** A box with rounded edges along x: rings of a rounded rectangle. */
function hull(mesh: Mesh, sections: readonly (readonly [x: number, half: number, low: number, high: number])[]): void {
  mesh.loft(8);
  for (const [x, half, low, high] of sections) {
    // Eight sides at 22.5°, 67.5°, …: scaled so that the flats reach the outline.
    const k = 1 / Math.cos(Math.PI / 8);
    mesh.ring(x, 0, (low + high) / 2, 0, half * k, 0, 0, 0, ((high - low) / 2) * k);
  }
  mesh.finish(true, true, true);
}

function forklift(mesh: Mesh, vehicle: VehicleState, groundZ: number, fine: boolean): void {
  const paint = tint(vehicle.colour);
  for (const y of [-0.52, 0.52]) {
    wheel(mesh, vehicle, groundZ, 0.32, y, 0.34, 0.24, 0, fine);
    wheel(mesh, vehicle, groundZ, -1.12, y * 0.9, 0.26, 0.2, vehicle.steer, fine);
  }
  mesh.pen(BLACK).box(-1.3, -0.4, 0.2, 0.5, 0.4, 0.42);
  // Body and counterweight.
  mesh.pen(paint, GLOSSY).box(-1.05, -0.52, 0.4, 0.3, 0.52, 0.86);
  mesh.pen(BLACK).box(-0.3, -0.6, 0.34, 0.14, 0.6, 0.46);
  mesh.pen(tint(vehicle.colour, 0.9), GLOSSY);
  hull(mesh, [
    [-1.7, 0.42, 0.38, 0.96],
    [-1.6, 0.56, 0.34, 1.06],
    [-1.15, 0.6, 0.36, 1.12],
    [-0.72, 0.58, 0.42, 1.08],
  ]);
  mesh.pen(BLACK).box(-1.712, -0.3, 0.5, -1.66, 0.3, 0.8);
  mesh.pen(RED_LAMP).box(-1.69, -0.46, 0.84, -1.6, -0.36, 0.94);
  mesh.box(-1.69, 0.36, 0.84, -1.6, 0.46, 0.94);
  // Cab: dark glass between the posts of the overhead guard.
  mesh.pen(GLASS, GLOSSY).box(-0.78, -0.5, 0.86, 0.26, 0.5, 2.06, 0.06);
  mesh.pen(paint, GLOSSY).box(0.22, -0.5, 0.84, 0.36, 0.5, 1.2);
  mesh.pen(BLACK);
  for (const y of [-0.53, 0.53]) {
    mesh.bar(0.34, y, 0.84, 0.14, y * 0.96, 2.12, 0.08);
    mesh.bar(-0.84, y, 1.0, -0.78, y * 0.96, 2.12, 0.08);
    mesh.bar(-0.8, y * 0.98, 1.3, 0.28, y * 0.98, 1.2, 0.05);
  }
  mesh.box(-0.86, -0.54, 2.1, 0.24, -0.46, 2.18);
  mesh.box(-0.86, 0.46, 2.1, 0.24, 0.54, 2.18);
  for (let i = 0; i < 7; i++) mesh.box(-0.84 + i * 0.166, -0.5, 2.11, -0.78 + i * 0.166, 0.5, 2.16);
  mesh.pen(rgb(236, 150, 30), EMISSIVE).box(-0.86, -0.06, 2.14, -0.74, 0.06, 2.2);
  lights(mesh, vehicle, 0.36, 0.42, 1.28, 0.07);
  // Mast, carriage, forks.
  const top = Math.max(2.1, vehicle.forkM + 1.0);
  mesh.pen(rgb(58, 60, 64));
  for (const y of [-0.3, 0.3]) {
    mesh.box(0.52, y - 0.05, 0.1, 0.64, y + 0.05, 2.1);
    mesh.box(0.6, y * 0.78 - 0.04, 0.14, 0.7, y * 0.78 + 0.04, top);
  }
  mesh.pen(STEEL);
  for (const z of [0.4, 1.2, 2.02]) mesh.box(0.54, -0.32, z, 0.62, 0.32, z + 0.08);
  mesh.box(0.62, -0.24, top - 0.1, 0.7, 0.24, top);
  mesh.pen(BLACK).bar(0.57, 0, 0.3, 0.57, 0, Math.min(2.0, 0.9 + vehicle.forkM), 0.08, 6);
  const f = Math.max(0.04, vehicle.forkM);
  mesh.pen(STEEL);
  mesh.box(0.68, -0.5, f + 0.1, 0.76, 0.5, f + 0.2);
  mesh.box(0.68, -0.5, f + 0.46, 0.76, 0.5, f + 0.56);
  for (const y of [-0.46, -0.23, 0, 0.23, 0.46]) mesh.bar(0.72, y, f + 0.5, 0.72, y, f + 1.05, 0.035);
  mesh.bar(0.72, -0.48, f + 1.05, 0.72, 0.48, f + 1.05, 0.04);
  mesh.pen(rgb(120, 122, 124));
  for (const y of [-0.28, 0.28]) {
    mesh.box(0.74, y - 0.06, f - 0.02, 0.82, y + 0.06, f + 0.5);
    mesh.box(0.78, y - 0.06, f - 0.03, 1.7, y + 0.06, f + 0.02);
  }
  if (vehicle.isLoaded) pallet(mesh, 0.84, f + 0.02);
}

function pallet(mesh: Mesh, x: number, z: number): void {
  mesh.pen(TIMBER);
  for (const y of [-0.5, -0.06, 0.38]) mesh.box(x, y, z, x + 0.84, y + 0.12, z + 0.1);
  mesh.box(x, -0.52, z + 0.1, x + 0.84, 0.52, z + 0.14);
  mesh.pen(rgb(186, 178, 160));
  for (let i = 0; i < 2; i++) {
    for (let j = 0; j < 2; j++) {
      for (let k = 0; k < 2; k++) {
        const [px, py, pz] = [x + 0.02 + i * 0.41, -0.49 + j * 0.5, z + 0.14 + k * 0.33];
        mesh
          .pen((i + j + k) % 2 === 0 ? rgb(190, 176, 146) : rgb(176, 166, 142))
          .box(px, py, pz, px + 0.39, py + 0.48, pz + 0.32);
      }
    }
  }
}

function lights(mesh: Mesh, { hasHeadlights }: VehicleState, x: number, y: number, z: number, r: number): void {
  if (hasHeadlights) mesh.pen(LAMP, EMISSIVE);
  else mesh.pen(rgb(214, 216, 212), GLOSSY);
  for (const side of [-y, y]) mesh.box(x, side - r, z - r * 0.8, x + 0.05, side + r, z + r * 0.8);
}

function lorry(mesh: Mesh, vehicle: VehicleState, groundZ: number, fine: boolean): void {
  const paint = tint(vehicle.colour);
  for (const y of [-1.03, 1.03]) {
    wheel(mesh, vehicle, groundZ, 2.75, y, 0.5, 0.32, vehicle.steer, fine);
    wheel(mesh, vehicle, groundZ, -1.35, y * 0.98, 0.5, 0.42, 0, fine);
    wheel(mesh, vehicle, groundZ, -2.55, y * 0.98, 0.5, 0.42, 0, fine);
  }
  mesh.pen(BLACK).box(-3.95, -0.45, 0.62, 3.4, 0.45, 0.92);
  mesh.box(-0.6, -1.1, 0.45, 1.5, -0.55, 0.95);
  mesh.box(-0.4, 0.55, 0.5, 1.4, 1.1, 0.95);
  // Cab.
  mesh.pen(paint, GLOSSY);
  mesh.box(2.0, -1.18, 1.05, 4.02, 1.18, 1.86);
  // Wheel arch between bumper and step.
  mesh.box(3.3, -1.2, 0.55, 4.02, 1.2, 1.05);
  mesh.box(1.98, -1.18, 0.72, 2.22, 1.18, 1.06);
  cabTop(mesh);
  mesh.pen(BLACK);
  mesh.box(3.96, -1.22, 0.42, 4.08, 1.22, 0.74);
  for (let i = 0; i < 4; i++) mesh.box(4.0, -0.72, 1.0 + i * 0.16, 4.05, 0.72, 1.1 + i * 0.16);
  for (const y of [-1.22, 1.22]) {
    const s = Math.sign(y);
    // Side window, door line, handle, mirror.
    mesh.pen(GLASS, GLOSSY).box(2.75, Math.min(y * 0.962, y * 0.974), 1.9, 3.62, Math.max(y * 0.962, y * 0.974), 2.52);
    mesh.pen(BLACK).box(2.62, Math.min(y * 0.96, y * 0.97), 1.0, 2.65, Math.max(y * 0.96, y * 0.97), 2.6);
    mesh.box(2.7, Math.min(y * 0.96, y * 0.985), 1.66, 2.9, Math.max(y * 0.96, y * 0.985), 1.71);
    mesh.box(3.72, Math.min(y * 0.98, y * 0.98 + s * 0.06), 1.75, 3.86, Math.max(y * 0.98, y * 0.98 + s * 0.06), 2.35);
    mesh.bar(3.7, y * 0.94, 2.3, 3.78, y, 2.3, 0.04);
  }
  lights(mesh, vehicle, 4.04, 0.92, 0.86, 0.14);
  mesh.pen(rgb(236, 150, 30)).box(4.02, -1.2, 0.8, 4.07, -1.1, 0.94);
  mesh.box(4.02, 1.1, 0.8, 4.07, 1.2, 0.94);
  body(mesh, vehicle);
  mesh.pen(RED_LAMP).box(-4.09, -1.15, 0.7, -4.02, -0.85, 0.84);
  mesh.box(-4.09, 0.85, 0.7, -4.02, 1.15, 0.84);
  mesh.pen(rgb(228, 228, 224)).box(-4.09, -0.26, 0.68, -4.05, 0.26, 0.8);
  mesh.pen(BLACK).box(-4.06, -1.2, 0.48, -3.98, 1.2, 0.58);
}

/** Slanting windscreen between the bonnet line and the roof. */
function cabTop(mesh: Mesh): void {
  const [low, high] = [1.86, 2.86];
  const side = 1.18;
  const top = 1.1;
  const back = 2.02;
  const [front, frontTop] = [4.0, 3.72];
  const face = (...points: readonly number[]): void => mesh.quad(points);
  for (const s of [-1, 1]) {
    if (s < 0) face(back, -side, low, front, -side, low, frontTop, -top, high, back, -top, high);
    else face(front, side, low, back, side, low, back, top, high, frontTop, top, high);
  }
  face(back, side, low, back, -side, low, back, -top, high, back, top, high);
  face(front, -side, low, front, side, low, frontTop, top, high, frontTop, -top, high);
  face(back, -top, high, frontTop, -top, high, frontTop, top, high, back, top, high);
  mesh.pen(GLASS, GLOSSY);
  const e = 0.012;
  const at = (share: number): [number, number] => [front + (frontTop - front) * share + e, low + (high - low) * share];
  const [x0, z0] = at(0.08);
  const [x1, z1] = at(0.8);
  face(x0, -side + 0.1, z0, x0, side - 0.1, z0, x1, top - 0.1, z1, x1, -top + 0.1, z1);
  mesh.pen(BLACK).box(3.62, -1.0, high - 0.04, 3.95, 1.0, high + 0.04);
}

/** Tipper: ribbed steel sides, tailgate, and what is in it. */
function body(mesh: Mesh, { isLoaded, colour }: VehicleState): void {
  const [x0, x1, w, z0, z1] = [-4.02, 1.85, 1.22, 0.98, 2.3];
  const side = tint(colour, 0.62);
  mesh.pen(side);
  mesh.box(x0, -w, z0, x1, w, z0 + 0.12);
  mesh.box(x0, -w, z0, x1, -w + 0.07, z1);
  mesh.box(x0, w - 0.07, z0, x1, w, z1);
  mesh.box(x0, -w, z0, x0 + 0.07, w, z1);
  mesh.box(x1 - 0.08, -w, z0, x1, w, z1 + 0.5);
  mesh.box(x1, -w + 0.1, z1 + 0.36, x1 + 0.35, w - 0.1, z1 + 0.44);
  mesh.pen(tint(colour, 0.5));
  for (let i = 0; i < 8; i++) {
    const x = x0 + 0.1 + (i * (x1 - x0 - 0.28)) / 7;
    mesh.box(x, -w - 0.028, z0, x + 0.1, -w, z1);
    mesh.box(x, w, z0, x + 0.1, w + 0.028, z1);
  }
  for (const y of [-w - 0.028, w - 0.07]) mesh.box(x0, y, z1 - 0.06, x1, y + 0.098, z1 + 0.03);
  mesh.pen(rgb(52, 50, 48)).box(x0 + 0.07, -w + 0.07, z0 + 0.1, x1 - 0.08, w - 0.07, z0 + 0.16);
  if (!isLoaded) return;
  mesh.pen(rgb(134, 108, 80)).loft(12);
  const middle = (x0 + x1) / 2;
  mesh
    .flatRing(middle, 0, z1 - 0.5, 2.9, 1.16)
    .flatRing(middle, 0, z1 - 0.08, 2.8, 1.1)
    .flatRing(middle - 0.3, 0.1, z1 + 0.3, 1.7, 0.6);
  mesh.flatRing(middle - 0.5, 0.1, z1 + 0.45, 0.6, 0.2);
  mesh.finish();
}
