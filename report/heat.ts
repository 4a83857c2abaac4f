/** Where in the picture people stood: their feet, in cells. Pure. */
import type { Box } from '../runtime/messages/types.ts';

export const COLUMNS = 96;
export const ROWS = 54;
/** How far one incident glows, in cells: 2.5 % of the picture's width. */
const SIGMA = 2.4;
const REACH = Math.ceil(3 * SIGMA);

export interface HeatMap {
  camera: string;
  /** That have a place in the picture. */
  incidents: number;
  /** Cells with incidents: their middle, 0-1 in the picture. */
  cells: { x: number; y: number; incidents: number }[];
}

/** Counts of one camera: bounded by its cells, whatever comes. */
export class HeatGrid {
  readonly #cells = new Map<number, number>();
  #incidents = 0;

  /** By the middle of the lower edge: where somebody stands. */
  add([x1, , x2, y2]: Box): void {
    const column = cell((x1 + x2) / 2, COLUMNS);
    const row = cell(y2, ROWS);
    const index = row * COLUMNS + column;
    this.#cells.set(index, (this.#cells.get(index) ?? 0) + 1);
    this.#incidents += 1;
  }

  end(camera: string): HeatMap {
    const cells = [...this.#cells]
      .sort(([a], [b]) => a - b)
      .map(([index, incidents]) => ({
        x: ((index % COLUMNS) + 0.5) / COLUMNS,
        y: (Math.floor(index / COLUMNS) + 0.5) / ROWS,
        incidents,
      }));
    return { camera, incidents: this.#incidents, cells };
  }
}

function cell(at: number, cells: number): number {
  return Math.min(cells - 1, Math.max(0, Math.floor(at * cells)));
}

/** Incidents at and about each cell, row by row: one alone has 1 in its own cell, less around it. */
export function density({ cells }: HeatMap): Float32Array {
  const values = new Float32Array(COLUMNS * ROWS);
  for (const { x, y, incidents } of cells) {
    const [column, row] = [cell(x, COLUMNS), cell(y, ROWS)];
    for (let r = Math.max(0, row - REACH); r <= Math.min(ROWS - 1, row + REACH); r++) {
      for (let c = Math.max(0, column - REACH); c <= Math.min(COLUMNS - 1, column + REACH); c++) {
        const squared = (r - row) ** 2 + (c - column) ** 2;
        const index = r * COLUMNS + c;
        values[index] = (values[index] ?? 0) + incidents * Math.exp(-squared / (2 * SIGMA ** 2));
      }
    }
  }
  return values;
}

const ACROSS = ['left', 'middle', 'right'];
const DOWN = ['upper', 'middle', 'lower'];

/** `lower left`: the ninth of the picture with most incidents, for those who cannot see the map. */
export function busiestPart({ cells }: HeatMap): { part: string; incidents: number } | null {
  const ninths = new Array<number>(9).fill(0);
  for (const { x, y, incidents } of cells) {
    const index = cell(y, 3) * 3 + cell(x, 3);
    ninths[index] = (ninths[index] ?? 0) + incidents;
  }
  const incidents = Math.max(...ninths);
  if (incidents === 0) return null;
  const index = ninths.indexOf(incidents);
  const part = `${DOWN[Math.floor(index / 3)]} ${ACROSS[index % 3]}`;
  return { part: part === 'middle middle' ? 'middle' : part, incidents };
}
