/** For how long nobody has been found, on a rule's observed clock. Pure. */

export interface Absence {
  /** First of the looks in a row that found nobody; null while somebody is there, and while nobody knows. */
  absentObs: number | null;
  lastLookObs: number;
}

/**
 * One look more (changes `absence`).
 * @param doubtful somebody may be there: neither presence nor absence.
 */
export function noteLook(absence: Absence, obs: number, found: boolean, doubtful: boolean): void {
  const sinceLook = obs - absence.lastLookObs;
  absence.lastLookObs = obs;
  if (found) absence.absentObs = null;
  else if (absence.absentObs === null) absence.absentObs = doubtful ? null : obs;
  else if (doubtful) absence.absentObs = Math.min(obs, absence.absentObs + sinceLook);
}

/** Blind time may be taken for presence that goes on, never for absence. */
export function noteBlindness(absence: Absence, blindMs: number): void {
  if (absence.absentObs !== null) absence.absentObs += blindMs;
}

/** Whether, at a look that found nobody for sure, nobody has been there for so long. */
export function isGone(absence: Absence, obs: number, holdMs: number): boolean {
  return absence.absentObs !== null && obs - absence.absentObs >= holdMs;
}
