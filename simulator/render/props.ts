import type { Furniture } from '../world/furniture.ts';
import { EMISSIVE, type Mesh, rgb } from './mesh.ts';
import { hash2, noise2 } from './noise.ts';

/** Surfaces of what stands still; above the materials of actors. */
export const CORRUGATED = 8;
export const WIRE = 9;
export const SOIL = 10;
export const WOOD = 11;
export const LEAVES = 12;
export const PANEL = 13;

const STEEL = rgb(146, 150, 154);
const CONCRETE = rgb(158, 156, 150);
const TIMBER = rgb(176, 140, 96);
const CRANE = rgb(222, 174, 44);
const GLASS = rgb(50, 62, 72);
const CONTAINERS = [rgb(44, 92, 138), rgb(154, 62, 42), rgb(52, 108, 78), rgb(188, 122, 44), rgb(112, 118, 124)];

/** Adds something that stands still to a mesh. */
export function addFurniture(mesh: Mesh, item: Furniture, seed: number): void {
  mesh.at.reset().move(item.at.x, item.at.y, 0).turn('z', item.heading);
  const { lengthM: l, widthM: w, heightM: h } = item.size;
  const pick = hash2(Math.round(item.at.x * 8), Math.round(item.at.y * 8), seed);
  switch (item.kind) {
    case 'container':
      container(mesh, l, w, h, pick);
      break;
    case 'cabin':
      cabin(mesh, l, w, h);
      break;
    case 'fence':
      fence(mesh, l, h);
      break;
    case 'crane':
      crane(mesh, l, h);
      break;
    case 'scaffold':
      scaffold(mesh, l, w, h);
      break;
    case 'pile':
      pile(mesh, l, w, h, pick);
      break;
    case 'pallets':
      pallets(mesh, l, w, h, pick);
      break;
    case 'cone':
      cone(mesh, l, h);
      break;
    case 'barrier':
      barrier(mesh, l, w, h);
      break;
    case 'lamp':
      lamp(mesh, h);
      break;
    case 'tree':
    case 'tarpaulin':
      break;
  }
}

function container(mesh: Mesh, l: number, w: number, h: number, pick: number): void {
  const colour = CONTAINERS[Math.floor(pick * CONTAINERS.length)] ?? STEEL;
  const dark = shade(colour, 0.72);
  mesh.pen(colour, CORRUGATED).box(-l / 2 + 0.04, -w / 2 + 0.04, 0.14, l / 2 - 0.04, w / 2 - 0.04, h - 0.05);
  mesh.pen(dark, PANEL);
  for (const x of [-l / 2, l / 2 - 0.12]) {
    for (const y of [-w / 2, w / 2 - 0.12]) mesh.box(x, y, 0, x + 0.12, y + 0.12, h);
    mesh.box(x, -w / 2, h - 0.12, x + 0.12, w / 2, h + 0.005);
    mesh.box(x, -w / 2, 0.02, x + 0.12, w / 2, 0.16);
  }
  for (const y of [-w / 2, w / 2 - 0.08]) {
    mesh.box(-l / 2, y, h - 0.12, l / 2, y + 0.08, h + 0.004);
    mesh.box(-l / 2, y, 0.02, l / 2, y + 0.08, 0.18);
  }
  mesh.pen(STEEL, PANEL);
  for (const y of [-0.85, -0.3, 0.3, 0.85]) {
    mesh.bar(l / 2 + 0.03, (y * w) / 2.44, 0.15, l / 2 + 0.03, (y * w) / 2.44, h - 0.15, 0.04);
    mesh.box(l / 2, (y * w) / 2.44 - 0.02, 1.0, l / 2 + 0.06, (y * w) / 2.44 + 0.22, 1.06);
  }
  mesh.pen(dark, PANEL).box(l / 2 - 0.02, -0.02, 0.15, l / 2 + 0.012, 0.02, h - 0.12);
}

function cabin(mesh: Mesh, l: number, w: number, h: number): void {
  mesh.pen(rgb(214, 212, 202), CORRUGATED).box(-l / 2, -w / 2, 0.2, l / 2, w / 2, h - 0.12);
  mesh.pen(rgb(64, 84, 108), PANEL).box(-l / 2 - 0.05, -w / 2 - 0.05, h - 0.16, l / 2 + 0.05, w / 2 + 0.05, h);
  mesh.pen(rgb(92, 92, 92), PANEL).box(-l / 2 + 0.1, -w / 2 + 0.1, 0, l / 2 - 0.1, w / 2 - 0.1, 0.2);
  for (const side of [-1, 1]) {
    const y = (side * w) / 2;
    for (const x of [-l * 0.3, l * 0.28]) {
      mesh
        .pen(rgb(238, 238, 234), PANEL)
        .box(x - 0.62, Math.min(y, y + side * 0.05), 1.05, x + 0.62, Math.max(y, y + side * 0.05), 2.05);
      mesh
        .pen(GLASS, PANEL)
        .box(x - 0.54, Math.min(y, y + side * 0.07), 1.13, x + 0.54, Math.max(y, y + side * 0.07), 1.97);
    }
    mesh
      .pen(rgb(74, 98, 124), PANEL)
      .box(-0.46, Math.min(y, y + side * 0.05), 0.22, 0.46, Math.max(y, y + side * 0.05), 2.2);
    mesh.pen(STEEL, WOOD).box(-0.6, Math.min(y, y + side * 0.7), 0, 0.6, Math.max(y, y + side * 0.7), 0.18);
  }
}

function fence(mesh: Mesh, l: number, h: number): void {
  const panels = Math.max(1, Math.round(l / 3));
  const step = l / panels;
  for (let i = 0; i <= panels; i++) {
    const x = -l / 2 + i * step;
    mesh.pen(CONCRETE, PANEL).box(x - 0.34, -0.11, 0, x + 0.34, 0.11, 0.14, 0.15);
    mesh.pen(STEEL, PANEL).bar(x, 0, 0, x, 0, h, 0.06);
    if (i === panels) break;
    mesh.bar(x, 0, h - 0.03, x + step, 0, h - 0.03, 0.045);
    mesh.bar(x, 0, 0.2, x + step, 0, 0.2, 0.045);
    mesh.pen(rgb(158, 162, 166), WIRE);
    mesh.quad([x, 0, 0.2, x + step, 0, 0.2, x + step, 0, h - 0.04, x, 0, h - 0.04]);
    mesh.quad([x, 0, h - 0.04, x + step, 0, h - 0.04, x + step, 0, 0.2, x, 0, 0.2]);
  }
}

function crane(mesh: Mesh, l: number, h: number): void {
  mesh.pen(CONCRETE, PANEL).box(-1.3 * l, -1.3 * l, 0, 1.3 * l, 1.3 * l, 0.35);
  mesh.box(-0.9 * l, -0.9 * l, 0.35, 0.9 * l, 0.9 * l, 0.9);
  mesh.pen(CRANE, PANEL);
  lattice(mesh, l * 0.4, 0.9, h);
  mesh.pen(rgb(228, 226, 220), PANEL).box(-1.1, -1, h, 1.1, 1, h + 0.6);
  mesh.pen(CRANE, PANEL);
  for (const y of [-0.6, 0.6]) mesh.bar(-10, y, h + 0.7, 34, y, h + 0.7, 0.16);
  mesh.bar(-2, 0, h + 1.9, 34, 0, h + 1.7, 0.16);
  for (let x = 0; x < 34; x += 1.7) {
    for (const y of [-0.6, 0.6]) {
      mesh.bar(x, y, h + 0.7, x + 0.85, 0, h + 1.8, 0.08);
      mesh.bar(x + 0.85, 0, h + 1.8, x + 1.7, y, h + 0.7, 0.08);
    }
  }
  mesh.pen(CONCRETE, PANEL).box(-10, -0.8, h - 1.6, -7.6, 0.8, h + 0.7);
}

function lattice(mesh: Mesh, half: number, from: number, to: number): void {
  for (const [x, y] of [
    [half, half],
    [-half, half],
    [-half, -half],
    [half, -half],
  ] as const) {
    mesh.bar(x, y, from, x, y, to, 0.17);
    // The side that follows, counter-clockwise.
    const [ex, ey] = [-y, x];
    const step = 2 * half;
    for (let z = from; z + step <= to; z += step) {
      mesh.bar(x, y, z, ex, ey, z, 0.08);
      const turned = Math.round((z - from) / step) % 2 === 0;
      if (turned) mesh.bar(x, y, z, ex, ey, z + step, 0.08);
      else mesh.bar(x, y, z + step, ex, ey, z, 0.08);
    }
  }
}

function scaffold(mesh: Mesh, l: number, w: number, h: number): void {
  const bays = Math.max(1, Math.round(l / 2.5));
  const step = l / bays;
  for (let i = 0; i <= bays; i++) {
    const x = -l / 2 + i * step;
    for (const y of [-w / 2, w / 2]) {
      mesh.pen(STEEL, PANEL).bar(x, y, 0.03, x, y, h, 0.055, 6);
      mesh.pen(TIMBER, WOOD).box(x - 0.15, y - 0.15, 0, x + 0.15, y + 0.15, 0.04);
    }
    mesh.pen(STEEL, PANEL);
    for (let z = 2; z < h; z += 2.05) mesh.bar(x, -w / 2, z, x, w / 2, z, 0.05);
    if (i === bays) break;
    for (let z = 2; z < h; z += 2.05) {
      for (const y of [-w / 2, w / 2]) {
        mesh.bar(x, y, z, x + step, y, z, 0.05);
        mesh.bar(x, y, z + 0.55, x + step, y, z + 0.55, 0.045);
        mesh.bar(x, y, z + 1.05, x + step, y, z + 1.05, 0.045);
      }
      mesh.pen(TIMBER, WOOD);
      for (let k = 0; k < 4; k++) {
        const y = -w / 2 + 0.05 + (k * (w - 0.1)) / 4;
        mesh.box(x, y, z + 0.03, x + step - 0.02, y + (w - 0.1) / 4 - 0.03, z + 0.08);
      }
      mesh.box(x, w / 2, z + 0.05, x + step, w / 2 + 0.03, z + 0.22);
      mesh.box(x, -w / 2 - 0.03, z + 0.05, x + step, -w / 2, z + 0.22);
      mesh.pen(STEEL, PANEL);
      if (i % 2 === 0) mesh.bar(x, w / 2, z - 2, x + step, w / 2, z, 0.045);
      else mesh.bar(x + step, w / 2, z - 2, x, w / 2, z, 0.045);
    }
  }
}

function pile(mesh: Mesh, l: number, w: number, h: number, pick: number): void {
  const sand = pick > 0.5;
  mesh.pen(sand ? rgb(190, 164, 118) : rgb(134, 118, 100), SOIL);
  const sides = 28;
  const rows = 9;
  const first = mesh.vertices;
  const firstTriangle = mesh.triangles;
  for (let j = 0; j <= rows; j++) {
    const out = 1 - j / rows;
    for (let i = 0; i < sides; i++) {
      const a = (2 * Math.PI * i) / sides;
      const lump = 0.82 + 0.36 * noise2(Math.cos(a) * 2.2 + 9 * pick, Math.sin(a) * 2.2 + out * 3, 31);
      const rise = h * (1 - out) ** 0.85 * (0.85 + 0.3 * noise2(Math.cos(a) * 3 + 4, Math.sin(a) * 3 + out * 4, 32));
      mesh.vertex((Math.cos(a) * out * lump * l) / 2, (Math.sin(a) * out * lump * w) / 2, Math.min(h, rise));
    }
    if (j === 0) continue;
    for (let i = 0; i < sides; i++) {
      const [a, b] = [first + (j - 1) * sides + i, first + (j - 1) * sides + ((i + 1) % sides)];
      mesh.triangle(a, b, b + sides);
      mesh.triangle(a, b + sides, a + sides);
    }
  }
  mesh.smooth(first, firstTriangle);
}

function pallets(mesh: Mesh, l: number, w: number, h: number, pick: number): void {
  const count = Math.max(1, Math.round(h / 0.15));
  const bricks = pick > 0.55 ? Math.max(0, count - 2) : 0;
  for (let i = 0; i < count - bricks; i++) {
    const z = i * 0.15;
    mesh.pen(shade(TIMBER, 0.82 + 0.25 * hash2(i, count, 3)), WOOD);
    for (let k = 0; k < 5; k++) {
      const y = -w / 2 + (k * (w - 0.1)) / 4;
      mesh.box(-l / 2, y, z + 0.122, l / 2, y + 0.1, z + 0.146);
      if (k % 2 === 0) mesh.box(-l / 2, y, z, l / 2, y + 0.1, z + 0.022);
    }
    for (const x of [-l / 2, -0.06, l / 2 - 0.12]) mesh.box(x, -w / 2, z + 0.022, x + 0.12, w / 2, z + 0.122);
  }
  const base = (count - bricks) * 0.15;
  mesh.pen(rgb(168, 88, 62), WOOD);
  for (let i = 0; i < bricks; i++) {
    mesh.pen(shade(rgb(170, 92, 66), 0.88 + 0.24 * hash2(i, 7, 4)), WOOD);
    for (let k = 0; k < 3; k++) {
      const x = -l / 2 + (k * l) / 3;
      mesh.box(x + 0.015, -w / 2 + 0.04, base + i * 0.15, x + l / 3 - 0.015, w / 2 - 0.04, base + i * 0.15 + 0.142);
    }
  }
}

function cone(mesh: Mesh, l: number, h: number): void {
  mesh.pen(rgb(46, 46, 48), PANEL).box(-l / 2, -l / 2, 0, l / 2, l / 2, 0.04);
  const bands = [
    [0.04, 0.36, 0],
    [0.36, 0.56, 1],
    [0.56, 0.7, 0],
    [0.7, 0.84, 1],
    [0.84, 1, 0],
  ] as const;
  for (const [from, to, white] of bands) {
    const r = (share: number): number => (l / 2) * (0.82 - 0.7 * share);
    mesh.pen(white ? rgb(238, 238, 236) : rgb(236, 92, 30), PANEL).loft(12);
    mesh.flatRing(0, 0, from * h, r(from), r(from)).flatRing(0, 0, to * h, r(to), r(to));
    mesh.finish(false, to === 1);
  }
}

function barrier(mesh: Mesh, l: number, w: number, h: number): void {
  for (const x of [-l / 2 + 0.15, l / 2 - 0.15]) {
    mesh.pen(rgb(60, 60, 62), PANEL).box(x - 0.06, -w / 2, 0, x + 0.06, w / 2, 0.08);
    mesh.pen(STEEL, PANEL).bar(x, 0, 0, x, 0, h, 0.05);
  }
  for (const [z0, z1] of [
    [h - 0.25, h],
    [h - 0.62, h - 0.44],
  ] as const) {
    const count = 8;
    for (let i = 0; i < count; i++) {
      const x = -l / 2 + (i * l) / count;
      mesh.pen(i % 2 === 0 ? rgb(204, 40, 34) : rgb(240, 238, 234), PANEL).box(x, -0.025, z0, x + l / count, 0.025, z1);
    }
  }
}

function lamp(mesh: Mesh, h: number): void {
  mesh.pen(CONCRETE, PANEL).box(-0.3, -0.3, 0, 0.3, 0.3, 0.3);
  mesh.pen(STEEL, PANEL).bar(0, 0, 0.3, 0, 0, h, 0.14, 8);
  mesh.bar(-0.6, 0, h - 0.05, 0.6, 0, h - 0.05, 0.08);
  for (const x of [-0.55, 0.55]) {
    mesh.pen(rgb(70, 72, 76), PANEL).box(x - 0.24, -0.2, h - 0.02, x + 0.24, 0.2, h + 0.12);
    mesh.pen(rgb(255, 244, 214), EMISSIVE).box(x - 0.2, -0.16, h - 0.06, x + 0.2, 0.16, h - 0.02);
  }
}

/** Cloth before a frame, moved by the wind: `sway` is a grade 0–3. */
export function addTarpaulin(mesh: Mesh, { at, heading, size }: Furniture, sway: number, t: number): void {
  mesh.at.reset().move(at.x, at.y, 0).turn('z', heading);
  const { lengthM: l, heightM: h } = size;
  mesh.pen(STEEL, PANEL);
  for (const x of [-l / 2, l / 2]) mesh.bar(x, 0, 0, x, 0, h + 0.1, 0.06, 6);
  mesh.bar(-l / 2, 0, h + 0.05, l / 2, 0, h + 0.05, 0.05, 6);
  mesh.pen(rgb(52, 108, 158));
  const [columns, rows] = [14, 7];
  const first = mesh.vertices;
  const firstTriangle = mesh.triangles;
  for (let j = 0; j <= rows; j++) {
    for (let i = 0; i <= columns; i++) {
      const x = -l / 2 + (i * l) / columns;
      const down = j / rows;
      const still = 0.05 * Math.sin(i * 1.3) * (0.3 + down);
      const blow = sway * 0.11 * down * Math.sin(t * 3.1 - i * 0.55 - j * 0.4) * (0.6 + 0.4 * Math.sin(t * 0.9));
      mesh.vertex(x, still + blow, h - down * (h - 0.12));
    }
  }
  const wide = columns + 1;
  for (let j = 0; j < rows; j++) {
    for (let i = 0; i < columns; i++) {
      const a = first + j * wide + i;
      mesh.triangle(a, a + wide, a + wide + 1);
      mesh.triangle(a, a + wide + 1, a + 1);
    }
  }
  mesh.smooth(first, firstTriangle);
  // The back: its own vertices, looking the other way.
  mesh.mirror(first, firstTriangle);
}

/** A colour, lighter or darker. */
export function shade(colour: number, factor: number): number {
  const byte = (value: number): number => Math.max(0, Math.min(255, Math.round(value * factor)));
  return rgb(byte(colour >> 16), byte((colour >> 8) & 255), byte(colour & 255));
}
