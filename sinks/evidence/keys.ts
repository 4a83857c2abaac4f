/** Where evidence lies: `site/camera/date/incident/file`, the date that of the opening, UTC. */

import type { EvidenceKind, Incident } from '../../runtime/messages/types.ts';
import { keySegment } from '../../runtime/stores/objects/keys.ts';

const FILES: Readonly<Record<EvidenceKind, string>> = {
  snapshot: 'snapshot.jpg',
  annotated: 'annotated.jpg',
  clip: 'clip.mp4',
  record: 'record.json',
};
const KINDS = new Map(Object.entries(FILES).map(([kind, file]) => [file, kind as EvidenceKind]));
const DATE = /^\d{4}-\d\d-\d\d$/;

/** Configurations, by hash. A site may be called so: its keys have more segments. */
export const CONFIGS = 'configs/';

export function evidenceKey(
  incident: Pick<Incident, 'site' | 'camera' | 'openedAt' | 'id'>,
  kind: EvidenceKind,
): string {
  const { site, camera, openedAt, id } = incident;
  return [keySegment(site), keySegment(camera), openedAt.slice(0, 10), keySegment(id), FILES[kind]].join('/');
}

export function configKey(hash: string): string {
  return `${CONFIGS}${keySegment(hash)}.json`;
}

export interface EvidencePlace {
  site: string;
  camera: string;
  /** `YYYY-MM-DD`. */
  date: string;
  incident: string;
  kind: EvidenceKind;
}

/** @returns undefined for a key that `evidenceKey` did not make: nothing of ours to judge. */
export function parseEvidenceKey(key: string): EvidencePlace | undefined {
  const [site, camera, date, incident, file, ...rest] = key.split('/');
  const kind = KINDS.get(file ?? '');
  if (site === undefined || camera === undefined || date === undefined || incident === undefined) return undefined;
  if (kind === undefined || rest.length > 0 || !DATE.test(date)) return undefined;
  try {
    return { site: fromSegment(site), camera: fromSegment(camera), date, incident: fromSegment(incident), kind };
  } catch {
    return undefined;
  }
}

/** Undoes `keySegment`. */
function fromSegment(segment: string): string {
  return decodeURIComponent(segment.replaceAll('=', '%'));
}
