import { isAway } from '../../runtime/stores/objects/types.ts';

/**
 * What lies in the store as far as anybody can tell. Of a store that is away nobody can: what is written
 * then is written under a condition and merged with what turns out to lie there, once it is back.
 */
export async function orUnknown<T>(work: Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (!isAway(error)) throw error;
    return undefined;
  }
}
