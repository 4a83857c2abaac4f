/**
 * Placing a part in its parent: twelve numbers, row-major 3×4, changed in place so that posing somebody in
 * every frame leaves nothing behind. Each call works in the frame that the calls before it made.
 */
export class Affine {
  readonly m = new Float64Array(12);

  constructor() {
    this.reset();
  }

  reset(): this {
    this.m.fill(0);
    this.m[0] = 1;
    this.m[5] = 1;
    this.m[10] = 1;
    return this;
  }

  copy(from: Affine): this {
    this.m.set(from.m);
    return this;
  }

  move(x: number, y: number, z: number): this {
    const m = this.m;
    for (let row = 0; row < 12; row += 4) {
      m[row + 3] =
        (m[row] as number) * x + (m[row + 1] as number) * y + (m[row + 2] as number) * z + (m[row + 3] as number);
    }
    return this;
  }

  /** Radians, counter-clockwise looking against the axis: x (roll), y (positive pitches forward and down), z (yaw). */
  turn(axis: 'x' | 'y' | 'z', angle: number): this {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    const [from, to] = axis === 'x' ? [1, 2] : axis === 'y' ? [2, 0] : [0, 1];
    const m = this.m;
    for (let row = 0; row < 12; row += 4) {
      const a = m[row + from] as number;
      const b = m[row + to] as number;
      m[row + from] = a * c + b * s;
      m[row + to] = b * c - a * s;
    }
    return this;
  }
}
