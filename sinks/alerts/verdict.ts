/** What to do about one transition at one webhook. Pure: everything that it depends on is given. */
import type { WebhookConfig } from '../../config/site.ts';
import type { Incident, Severity } from '../../runtime/messages/types.ts';

/** Why people were not told. */
export type Silence = 'muted' | 'cool_down';

/** What a webhook has heard of an incident. */
export interface Known {
  /** Highest revision that was decided on. */
  revision: number;
  /** Null once somebody was told of it. */
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
  /** `nothing`: the webhook does not want this transition. */
  action: 'send' | 'nothing' | Silence;
  known: Known;
  /** Whether people hear of the incident from now on: the cool-down of its place begins. */
  announces: boolean;
}

const GRAVITY: Readonly<Record<Severity, number>> = { low: 0, medium: 1, high: 2, critical: 3 };

/** Whether the webhook has to do with the incident at all, whatever its transition. */
export function concerns(webhook: WebhookConfig, incident: Incident): boolean {
  if (GRAVITY[incident.severity] < GRAVITY[webhook.min_severity]) return false;
  return webhook.rules === null || webhook.rules.includes(incident.rule);
}

/**
 * Openings decide, wanted or not, so that a webhook of closings alone obeys mutes and cool-downs too. Whoever was told
 * of an incident is told of its end, also under a mute; whoever was not is not. An incident that was
 * silenced and goes on is judged anew at each transition but its last.
 * @returns undefined for a transition that was decided before.
 */
export function judge(webhook: WebhookConfig, incident: Incident, circumstances: Circumstances): Verdict | undefined {
  const { known, muted, coolingDown } = circumstances;
  const { revision, transition } = incident;
  if (known && revision <= known.revision) return undefined;
  const told = known?.silenced === null;
  let silenced: Silence | null;
  if (known && transition === 'closed') silenced = known.silenced;
  else if (muted) silenced = 'muted';
  else silenced = coolingDown && !told ? 'cool_down' : null;
  const wanted = webhook.transitions.includes(transition);
  return {
    action: wanted ? (silenced ?? 'send') : 'nothing',
    known: { revision, silenced: told ? null : silenced },
    announces: !told && silenced === null,
  };
}
