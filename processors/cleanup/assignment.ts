/**
 * Optimal assignment of rows to columns, by the shortest augmenting path form of the Hungarian
 * algorithm (Jonker and Volgenant 1987), O(rows² × columns).
 *
 * @param costs rows × columns, any shape; Infinity where a pair cannot be.
 * @param limit what leaving a pair apart costs: pairs at or above it are never made, and a pair is made
 *   only where the sum of (limit − cost) over all pairs gains by it.
 * @returns for each row its column, or -1.
 */
export function assign(costs: readonly (readonly number[])[], limit: number): number[] {
  const rows = costs.length;
  const columns = costs[0]?.length ?? 0;
  if (rows === 0 || columns === 0) return new Array<number>(rows).fill(-1);
  if (rows > columns) return invert(assign(transpose(costs), limit), rows);

  // One private column a row costs 0: to stay alone is always possible.
  const width = columns + rows;
  const cost = (row: number, column: number): number => {
    if (column >= columns) return 0;
    return Math.min(0, (costs[row]?.[column] ?? Number.POSITIVE_INFINITY) - limit);
  };
  const rowPotential = new Float64Array(rows + 1);
  const columnPotential = new Float64Array(width + 1);
  /** Row (1-based) that holds a column (1-based), 0 none; column 0 holds the row being placed. */
  const holder = new Int32Array(width + 1);
  const previous = new Int32Array(width + 1);
  for (let row = 1; row <= rows; row++) {
    const distance = new Float64Array(width + 1).fill(Number.POSITIVE_INFINITY);
    const done = new Uint8Array(width + 1);
    holder[0] = row;
    let column = 0;
    do {
      done[column] = 1;
      const at = holder[column] ?? 0;
      let nearest = Number.POSITIVE_INFINITY;
      let next = 0;
      for (let other = 1; other <= width; other++) {
        if (done[other]) continue;
        const reduced = cost(at - 1, other - 1) - (rowPotential[at] ?? 0) - (columnPotential[other] ?? 0);
        if (reduced < (distance[other] ?? 0)) {
          distance[other] = reduced;
          previous[other] = column;
        }
        if ((distance[other] ?? 0) < nearest) {
          nearest = distance[other] ?? 0;
          next = other;
        }
      }
      for (let other = 0; other <= width; other++) {
        if (done[other]) {
          const held = holder[other] ?? 0;
          rowPotential[held] = (rowPotential[held] ?? 0) + nearest;
          columnPotential[other] = (columnPotential[other] ?? 0) - nearest;
        } else distance[other] = (distance[other] ?? 0) - nearest;
      }
      column = next;
    } while (holder[column] !== 0);
    while (column !== 0) {
      const from = previous[column] ?? 0;
      holder[column] = holder[from] ?? 0;
      column = from;
    }
  }

  const result = new Array<number>(rows).fill(-1);
  for (let column = 1; column <= columns; column++) {
    const row = (holder[column] ?? 0) - 1;
    if (row >= 0 && cost(row, column - 1) < 0) result[row] = column - 1;
  }
  return result;
}

function transpose(matrix: readonly (readonly number[])[]): number[][] {
  const columns = matrix[0]?.length ?? 0;
  return Array.from({ length: columns }, (_, column) => matrix.map((row) => row[column] ?? Number.POSITIVE_INFINITY));
}

function invert(columnToRow: readonly number[], rows: number): number[] {
  const result = new Array<number>(rows).fill(-1);
  columnToRow.forEach((row, column) => {
    if (row >= 0) result[row] = column;
  });
  return result;
}
