import type { Point, Polygon } from '../../runtime/messages/types.ts';

/** Even-odd rule; normalized coordinates. */
export function isInside(polygon: Polygon, [x, y]: Point): boolean {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i, i += 1) {
    const [xi, yi] = polygon[i] ?? [0, 0];
    const [xj, yj] = polygon[j] ?? [0, 0];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

/** Indices of the cells of a `width` × `height` grid whose centres lie in none of the masks. */
export function cellsOutside(masks: readonly Polygon[], width: number, height: number): Uint32Array {
  const cells: number[] = [];
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const centre: Point = [(column + 0.5) / width, (row + 0.5) / height];
      if (!masks.some((mask) => isInside(mask, centre))) cells.push(row * width + column);
    }
  }
  return Uint32Array.from(cells);
}
