import type { Conditions } from '../world/types.ts';

/** A grade for a stretch of time: from the first second of the scenario to before the other. */
export interface GradeFor {
  grade: number;
  fromS: number;
  toS: number;
}

/** Instead of what a scenario says: for the whole clip, or for a stretch of it. */
export type ClipConditions = { readonly [Name in keyof Conditions]?: number | GradeFor };

/** What the light, the weather and the lens are like at a time of the scenario. */
export function conditionsAt(asked: ClipConditions, own: Conditions, t: number): Conditions {
  const now = { ...own };
  for (const name of Object.keys(asked) as (keyof Conditions)[]) {
    const one = asked[name];
    if (one === undefined) continue;
    if (typeof one === 'number') now[name] = one;
    else if (t >= one.fromS && t < one.toS) now[name] = one.grade;
  }
  return now;
}
