/** Figures of repeats, and what the parts wait with. */
export interface Summary {
  median: number;
  least: number;
  most: number;
}

/** By name, with the unit in it. */
export type Found = Record<string, Summary>;

export const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6;
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(condition: () => boolean, limitMs = 60_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${limitMs / 1000} s`);
    await sleep(50);
  }
}

export function add(to: Record<string, number[]>, name: string, value: number): void {
  to[name] = [...(to[name] ?? []), value];
}

export function mapValues(of: Record<string, number[]>, name: (key: string) => string): Found {
  return Object.fromEntries(Object.entries(of).map(([key, values]) => [name(key), summary(values)]));
}

export function summary(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  return { median, least: sorted[0] ?? Number.NaN, most: sorted.at(-1) ?? Number.NaN };
}
