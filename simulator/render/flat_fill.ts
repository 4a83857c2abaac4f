/** Where triangles are to be found: samples of a raster, and what is nearer for larger `z`. */
export interface FlatVertices {
  sx: Float64Array;
  sy: Float64Array;
  z: Float64Array;
}

/** Nearest triangle by sample, and its `z`, which runs linearly; untouched samples keep 0. */
export interface Nearest {
  width: number;
  height: number;
  z: Float32Array;
  /** Null: not wanted. */
  triangle: Int32Array | null;
  /** Samples that a triangle got, marked as `owner`'s; null: not wanted. */
  ids?: Uint16Array | null;
  owner?: number;
}

/** Fills a triangle; `coarse` fills one sample of four, as wire mesh lets light through. Either way round. */
export function fillNearest(
  { sx, sy, z }: FlatVertices,
  a: number,
  b: number,
  c: number,
  into: Nearest,
  mark: number,
  coarse: boolean,
): void {
  let p = a;
  let q = b;
  let r = c;
  if ((sy[q] as number) < (sy[p] as number)) [p, q] = [q, p];
  if ((sy[r] as number) < (sy[q] as number)) {
    [q, r] = [r, q];
    if ((sy[q] as number) < (sy[p] as number)) [p, q] = [q, p];
  }
  const px = sx[p] as number;
  const py = sy[p] as number;
  const qx = sx[q] as number;
  const qy = sy[q] as number;
  const rx = sx[r] as number;
  const ry = sy[r] as number;
  const { width, height } = into;
  const top = Math.max(0, Math.ceil(py - 0.5));
  const bottom = Math.min(height, Math.ceil(ry - 0.5));
  if (top >= bottom) return;
  const ux = qx - px;
  const uy = qy - py;
  const vx = rx - px;
  const vy = ry - py;
  const area = ux * vy - vx * uy;
  if (Math.abs(area) < 1e-9) return;
  const zp = z[p] as number;
  const zu = (z[q] as number) - zp;
  const zv = (z[r] as number) - zp;
  const zx = (zu * vy - zv * uy) / area;
  const zy = (zv * ux - zu * vx) / area;
  const long = vx / vy;
  const upper = ux / uy;
  const lower = (rx - qx) / (ry - qy);
  const middleLeft = !(area > 0);
  const { z: nearest, triangle, ids = null, owner = 0 } = into;
  for (let row = top; row < bottom; row++) {
    if (coarse && row % 2 === 1) continue;
    const y = row + 0.5;
    const onLong = px + long * (y - py);
    const onShort = y < qy ? px + upper * (y - py) : qx + lower * (y - qy);
    const from = Math.max(0, Math.ceil((middleLeft ? onShort : onLong) - 0.5));
    const to = Math.min(width, Math.ceil((middleLeft ? onLong : onShort) - 0.5));
    let value = zp + zx * (from + 0.5 - px) + zy * (y - py);
    for (let x = from, i = row * width + from; x < to; x++, i++, value += zx) {
      if (coarse && x % 2 === 1) continue;
      if (value <= (nearest[i] as number)) continue;
      nearest[i] = value;
      if (triangle !== null) triangle[i] = mark;
      if (ids !== null) ids[i] = owner;
    }
  }
}
