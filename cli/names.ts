import { nearest } from '../config/suggest.ts';
import { BanksmanError } from '../runtime/errors.ts';

/** `Did you mean gate? ` or nothing. */
export function didYouMean(given: string, known: readonly string[]): string {
  const likely = nearest(given, known);
  return likely === undefined ? '' : `Did you mean ${likely}? `;
}

/** A name given to an option that names nothing: says what there is. */
export function unknownName(option: string, what: string, given: string, known: readonly string[]): BanksmanError {
  return new BanksmanError('USAGE', {
    where: option,
    message: `there is no ${what} ${given}`,
    mend: known.length === 0 ? 'There are none yet.' : `${didYouMean(given, known)}There are ${known.join(', ')}.`,
  });
}
