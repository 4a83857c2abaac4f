/** Changes as the scripts of `redis_scripts.ts` take them. Numbers are passed as text. */
import type { Feedback } from '../../messages/types.ts';
import { fromTimestamp } from '../../time.ts';
import { evidenceValue, type Meta } from './redis_incidents.ts';
import { cameraField, type Keys, partOfCamera } from './redis_keys.ts';
import type { StateChange } from './types.ts';

type Input = Record<string, string | number>;

/** For one part of the store, in order. */
export interface PartChanges {
  changes: Input[];
  /** Keys that changes name, with their place among the script's keys. */
  keys: Map<string, number>;
}

type Kept = Exclude<StateChange, { kind: 'picture' }>;

const ms = (time: string): string => String(fromTimestamp(time));

export function cameraChange(
  change: Extract<Kept, { kind: 'status' | 'camera_removed' | 'coverage' }>,
  keys: Keys,
  keyAt: (key: string) => number,
): Input {
  switch (change.kind) {
    case 'status': {
      const { status } = change;
      const camera = cameraField(status.site, status.camera);
      const json = JSON.stringify(status);
      return { kind: 'status', camera, epoch: String(status.epoch), updated: status.updatedAt, json };
    }
    case 'camera_removed':
      return { kind: 'removed', camera: cameraField(change.site, change.camera) };
    case 'coverage': {
      const { site, camera: name, from, to, watched, reason } = change.coverage;
      const camera = cameraField(site, name);
      return {
        kind: 'coverage',
        camera,
        history: keyAt(keys.history(partOfCamera(camera), camera)),
        from: ms(from),
        to: ms(to),
        w: watched ? '1' : '0',
        reason: reason ?? '',
        iso: to,
        json: JSON.stringify(change.coverage),
      };
    }
  }
}

/** @returns undefined for what changes nothing. */
export function incidentChange(
  change: Extract<Kept, { kind: 'incident' | 'evidence' | 'feedback' }>,
  keys: Keys,
  keyAt: (key: string) => number,
): Input | undefined {
  switch (change.kind) {
    case 'incident': {
      const { id, revision, site, camera, rule, severity, state, zone, type, openedAt } = change.incident;
      const meta: Meta = [site, camera, rule, severity, state, zone, type];
      return {
        kind: 'incident',
        id,
        incident: keyAt(keys.incident(id)),
        index: keyAt(keys.openedAt(camera)),
        revision: String(revision),
        state,
        opened: ms(openedAt),
        meta: JSON.stringify(meta),
        json: JSON.stringify(change.incident),
      };
    }
    case 'evidence': {
      const { incident, key, bytes, revision, to } = change.evidence;
      return {
        // Announced without bytes: it could not be had, or retention has removed it.
        kind: bytes === 0 ? 'gone' : 'evidence',
        id: incident,
        incident: keyAt(keys.incident(incident)),
        field: `evidence:${key}`,
        at: String(revision),
        time: ms(to),
        value: evidenceValue(change.evidence),
      };
    }
    case 'feedback':
      return feedbackChange(change.feedback, keys, keyAt);
  }
}

function feedbackChange(feedback: Feedback, keys: Keys, keyAt: (key: string) => number): Input | undefined {
  const { incident, action, by, note, at, mute } = feedback;
  if (action === 'mute' || action === 'unmute') {
    if (mute === null) return undefined;
    return { kind: 'mute', id: mute.id, removed: action === 'unmute' ? ms(at) : '', json: JSON.stringify(mute) };
  }
  if (incident === null) return undefined;
  const common = { id: incident, incident: keyAt(keys.incident(incident)), at: ms(at), time: ms(at) };
  if (action !== 'label') {
    return { kind: 'judged', ...common, field: `judged:${action}`, value: JSON.stringify({ by, note, at }) };
  }
  if (note === null) return undefined;
  const label = note.trim();
  const held = label === 'hold' || label === 'unhold';
  return { kind: 'label', ...common, field: `label:${held ? 'hold' : label}`, value: label === 'unhold' ? '0' : '1' };
}
