/** For tests of everything that reads or writes incidents: whole records, with what matters overridden. */
import type { CameraStatus, Coverage, Evidence, Feedback, Incident, Mute } from '../../messages/types.ts';
import { fromTimestamp, toTimestamp } from '../../time.ts';

const START = '2026-11-21T20:00:00.000Z';

/** ISO time so many seconds after the samples' beginning. */
export function at(seconds: number): string {
  return toTimestamp(fromTimestamp(START) + seconds * 1000);
}

export function sampleIncident(over: Partial<Incident> = {}): Incident {
  return {
    id: 'incident-1',
    revision: 1,
    transition: 'opened',
    state: 'open',
    site: 'yard',
    camera: 'gate',
    rule: 'person-on-road',
    type: 'zone_entry',
    severity: 'high',
    zone: 'road',
    line: null,
    direction: null,
    openedAt: at(0),
    updatedAt: over.openedAt ?? at(0),
    closedAt: null,
    closeReason: null,
    unobservedReason: null,
    peopleMax: 1,
    tracks: [{ id: 'track-1', class: 'person', score: 0.9, firstSeen: at(-1), lastSeen: at(0) }],
    peak: { captureTime: at(0), box: [0.4, 0.5, 0.5, 0.9], frame: null },
    model: { id: 'yolox-nano', sha256: 'a'.repeat(64) },
    configHash: 'config-1',
    muted: false,
    acknowledged: null,
    rejected: null,
    evidence: [],
    ...over,
  };
}

export function sampleStatus(over: Partial<CameraStatus> = {}): CameraStatus {
  return {
    site: 'yard',
    camera: 'gate',
    epoch: 1,
    agent: 'agent-1',
    state: 'active',
    reason: null,
    detail: null,
    since: at(0),
    updatedAt: at(0),
    runId: 'run-1',
    watched: true,
    fps: { received: 10, decoded: 10, published: 5 },
    stream: { codec: 'h264', profile: 'main', width: 1280, height: 720 },
    limitedFps: null,
    media: null,
    ...over,
  };
}

export function sampleCoverage(from: number, to: number, over: Partial<Coverage> = {}): Coverage {
  return { site: 'yard', camera: 'gate', from: at(from), to: at(to), watched: true, reason: null, ...over };
}

export function sampleEvidence(over: Partial<Evidence> = {}): Evidence {
  return {
    incident: 'incident-1',
    site: 'yard',
    camera: 'gate',
    revision: 1,
    kind: 'snapshot',
    key: 'yard/gate/2026-11-21/incident-1/snapshot.jpg',
    sha256: 'b'.repeat(64),
    bytes: 1000,
    from: at(0),
    to: at(0),
    complete: true,
    reason: null,
    ...over,
  };
}

export function sampleMute(over: Partial<Mute> = {}): Mute {
  return {
    id: 'mute-1',
    camera: 'gate',
    zone: null,
    rule: null,
    until: at(3600),
    reason: 'road works',
    by: 'ada',
    at: at(0),
    ...over,
  };
}

export function sampleFeedback(over: Partial<Feedback> = {}): Feedback {
  return {
    id: 'feedback-1',
    incident: 'incident-1',
    site: 'yard',
    camera: 'gate',
    action: 'acknowledge',
    by: 'ada',
    note: null,
    at: at(60),
    mute: null,
    ...over,
  };
}
