/** What to do about one transition at one channel. Pure: everything that it depends on is given. */
import type { ChannelPolicy } from '../../config/site_alerts.ts';
import type { Incident, Schedule, Severity } from '../../runtime/messages/types.ts';
import { isActive } from '../../runtime/schedule.ts';
import { fromTimestamp } from '../../runtime/time.ts';

/** Why people were not told. */
export type Silence = 'muted' | 'cool_down' | 'off_schedule';

/** Undefined where it is none. */
export function silenceOf(text: unknown): Silence | undefined {
  return text === 'muted' || text === 'cool_down' || text === 'off_schedule' ? text : undefined;
}

/** What a channel has heard of an incident. */
export interface Known {
  /** Highest revision that was decided on. */
  revision: number;
  /** Null once somebody was told of it, or would have been had they wanted that transition. */
  silenced: Silence | null;
}

export interface Circumstances {
  known: Known | undefined;
  /** A mute covers it at the time of the transition. */
  muted: boolean;
  /** Another incident of the same rule and place was announced less than the rule's cool-down ago. */
  coolingDown: boolean;
}

export interface Verdict {
  /** `nothing`: the channel does not want this transition. */
  action: 'send' | 'nothing' | Silence;
  known: Known;
  /** Whether people hear of the incident from now on: the cool-down of its place begins. */
  announces: boolean;
}

export const GRAVITY: Readonly<Record<Severity, number>> = { low: 0, medium: 1, high: 2, critical: 3 };

type Filters = Pick<ChannelPolicy, 'min_severity' | 'rules'> & Partial<Pick<ChannelPolicy, 'cameras' | 'zones'>>;

/** Whether the channel has to do with the incident at all, whatever its transition. */
export function concerns(filters: Filters, incident: Incident): boolean {
  const { min_severity, rules, cameras = null, zones = null } = filters;
  if (GRAVITY[incident.severity] < GRAVITY[min_severity]) return false;
  const place = incident.zone ?? incident.line;
  return (
    (rules === null || rules.includes(incident.rule)) &&
    (cameras === null || cameras.includes(incident.camera)) &&
    (zones === null || (place !== null && zones.includes(place)))
  );
}

/** Why a channel that was not told yet would not be told now; null: it would. */
export function silenceAt(
  schedule: Schedule | null,
  ms: number,
  { muted, coolingDown }: Pick<Circumstances, 'muted' | 'coolingDown'>,
): Silence | null {
  if (muted) return 'muted';
  if (schedule && !isActive(schedule, ms)) return 'off_schedule';
  return coolingDown ? 'cool_down' : null;
}

/**
 * Openings decide, wanted or not, so that a channel of closings alone obeys mutes and cool-downs too. Whoever was told
 * of an incident is told of its end, also under a mute; whoever was not is not. An incident that was
 * silenced and goes on is judged anew at each wanted transition but its last; one that is not wanted tells nobody, so
 * it ends no silence: that is done when the silence is over, whatever comes (`outbox_silence.ts`).
 * @returns undefined for a transition that was decided before.
 */
export function judge(
  { transitions, schedule = null }: Pick<ChannelPolicy, 'transitions'> & Partial<Pick<ChannelPolicy, 'schedule'>>,
  incident: Incident,
  circumstances: Circumstances,
): Verdict | undefined {
  const { known, muted } = circumstances;
  const { revision, transition } = incident;
  if (known && revision <= known.revision) return undefined;
  const told = known?.silenced === null;
  const wanted = transitions.includes(transition);
  let silenced: Silence | null;
  if (known && transition === 'closed') silenced = known.silenced;
  else if (told) silenced = muted ? 'muted' : null;
  else silenced = silenceAt(schedule, fromTimestamp(incident.updatedAt), circumstances);
  if (known && !told && !wanted) silenced ??= known.silenced;
  return {
    action: wanted ? (silenced ?? 'send') : 'nothing',
    known: { revision, silenced: told ? null : silenced },
    announces: !told && silenced === null,
  };
}
