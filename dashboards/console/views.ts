/** What the API answers, shared with the page as types. Times are ISO 8601 UTC. */

import type { CameraStatus, Incident, Mute, RefusedEdit } from '../../runtime/messages/types.ts';
import type { EvidenceWaiting } from '../../runtime/stores/objects/waiting.ts';
import type { Categories } from '../../runtime/stores/state/categories.ts';

export interface CameraView extends Omit<CameraStatus, 'site' | 'camera'> {
  id: string;
  /** Whether somebody looks now, judged by what went through the rules, not by what the camera says. */
  watched: boolean;
  /** What a person can do about the reason; null where there is none. */
  mend: string | null;
  /** Where its last picture is, null when there is none yet. */
  snapshot: { url: string; captureTime: string } | null;
  openIncidents: number;
}

/** Why what is shown cannot be relied on. */
export interface StateStoreTrouble {
  /** `rebuilding`: it answers, and what is missing is being read from the topics. */
  state: 'away' | 'rebuilding';
  /** Error code while it is away. */
  code: string | null;
  message: string;
  since: string;
}

export interface SiteView {
  site: string;
  version: string;
  now: string;
  /** Why the edited site file was refused; null where what it says is active. */
  refusedEdit: RefusedEdit | null;
  /** Why evidence waits for its store; null where it does not. */
  evidence: EvidenceWaiting | null;
  /** What is wrong with the store that all of this is read from; null where nothing is. */
  stateStore: StateStoreTrouble | null;
  cameras: CameraView[];
}

/** Who asks. */
export interface Me {
  /** Null where the console has no accounts. */
  name: string | null;
  role: 'viewer' | 'operator' | 'admin';
}

export interface IncidentPage {
  incidents: Incident[];
  /** Give it as `cursor` for older ones; null at the end. */
  next: string | null;
}

/** `/api/v1/incidents/categories`. */
export type IncidentCategories = Categories;

export interface MuteList {
  mutes: Mute[];
}

/** Events of `/api/v1/events`. */
export type LiveEvent = { type: 'camera'; camera: CameraView } | { type: 'incident'; incident: Incident };
