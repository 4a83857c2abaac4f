/** Stores of a site that has been watched for weeks, for tests. */
import { join } from 'node:path';
import sharp from 'sharp';
import type { Coverage, EvidenceKind, Incident, Severity } from '../runtime/messages/types.ts';
import { LocalObjectStore } from '../runtime/stores/objects/local.ts';
import { sha256Hex } from '../runtime/stores/sha256.ts';
import { EmbeddedStateStore } from '../runtime/stores/state/embedded.ts';
import { sampleEvidence, sampleFeedback, sampleIncident } from '../runtime/stores/state/samples.ts';
import type { StateChange } from '../runtime/stores/state/types.ts';
import { toTimestamp } from '../runtime/time.ts';
import { evidenceKey } from '../sinks/evidence/keys.ts';
import { encodeRecord, nextRecord, type RecordFile } from '../sinks/evidence/record.ts';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

const JPEG = { quality: 60 };

/** A picture of one colour. */
export function picture(red: number): Promise<Buffer> {
  const background = { r: red, g: 90, b: 70 };
  return sharp({ create: { width: 320, height: 180, channels: 3, background } })
    .jpeg(JPEG)
    .toBuffer();
}

export interface IncidentSpec extends Partial<Incident> {
  id: string;
  openedAt: string;
  /** Seconds after the opening. */
  acknowledgedAfter?: number;
  rejectedAfter?: number;
}

/** Writes as the sinks do, into the folder of an embedded site. */
export class FilledSite {
  readonly state: EmbeddedStateStore;
  readonly objects: LocalObjectStore;

  constructor(dataDir: string) {
    this.state = new EmbeddedStateStore(dataDir);
    this.objects = new LocalObjectStore(join(dataDir, 'evidence'));
  }

  async close(): Promise<void> {
    await this.state.close();
    await this.objects.close();
  }

  async incidents(specs: readonly IncidentSpec[]): Promise<void> {
    await this.state.apply(specs.flatMap(changesOf));
  }

  async coverage(
    camera: string,
    intervals: readonly [from: number, to: number, reason: string | null][],
  ): Promise<void> {
    await this.state.apply(
      intervals.map(([from, to, reason]) => {
        const times = { from: toTimestamp(from), to: toTimestamp(to) };
        const coverage: Coverage = { site: 'yard', camera, ...times, watched: reason === null, reason };
        return { kind: 'coverage', coverage };
      }),
    );
  }

  /** Pictures and record, as stored for an incident that opened and closed. */
  async evidence(spec: IncidentSpec, pictures: Partial<Record<'snapshot' | 'annotated', Buffer>>): Promise<void> {
    const incident = incidentOf(spec);
    const { openedAt: at, peak } = incident;
    const files: RecordFile[] = [];
    for (const kind of ['snapshot', 'annotated'] as const) {
      const bytes = pictures[kind];
      if (!bytes) continue;
      const { key, sha256 } = await this.#put(incident, kind, bytes);
      const frame = { topic: 'frames.v1', partition: 0, offset: '1' };
      const common = { revision: 1, codec: 'jpeg' as const, width: 320, height: 180, from: at, to: at, frame };
      files.push({ kind, key, sha256, bytes: bytes.length, ...common });
    }
    const frame = peak.frame ?? { topic: 'frames.v1', partition: 0, offset: '1' };
    const shared = { version: '0.1.0', config: { rule: null, camera: null }, missing: [] };
    const opened = nextRecord(undefined, {
      incident,
      storedAt: toTimestamp(Date.parse(at) + 400),
      pictures: {
        files,
        picture: { frame, captureTime: at, captureTimeEstimated: false, receiveTime: at, detections: null },
      },
      ...shared,
    });
    const ended: Incident = {
      ...incident,
      revision: 2,
      transition: 'closed',
      state: 'closed',
      updatedAt: toTimestamp(Date.parse(at) + 30_000),
      closeReason: 'left',
    };
    const record = nextRecord(opened, { incident: ended, storedAt: toTimestamp(Date.parse(at) + 30_500), ...shared });
    await this.#put(incident, 'record', encodeRecord(record));
  }

  async #put(incident: Incident, kind: EvidenceKind, bytes: Buffer): Promise<{ key: string; sha256: string }> {
    const { id, camera } = incident;
    const key = evidenceKey(incident, kind);
    const sha256 = sha256Hex(bytes);
    await this.objects.put(key, bytes, { contentType: 'image/jpeg', sha256 });
    const evidence = sampleEvidence({ incident: id, camera, kind, key, sha256, bytes: bytes.length });
    await this.state.apply([{ kind: 'evidence', evidence }]);
    return { key, sha256 };
  }
}

function incidentOf({ acknowledgedAfter: _a, rejectedAfter: _r, ...over }: IncidentSpec): Incident {
  return sampleIncident({
    ...over,
    peak: over.peak ?? { captureTime: over.openedAt, box: [0.4, 0.5, 0.5, 0.9], frame: null },
  });
}

function changesOf(spec: IncidentSpec): StateChange[] {
  const { id, camera = 'gate', openedAt, acknowledgedAfter, rejectedAfter } = spec;
  const judge = (action: 'acknowledge' | 'reject', after: number | undefined): StateChange[] => {
    if (after === undefined) return [];
    const at = toTimestamp(Date.parse(openedAt) + after * 1000);
    const feedback = sampleFeedback({ id: `${id}-${action}`, incident: id, camera, action, at, by: 'shift lead' });
    return [{ kind: 'feedback', feedback }];
  };
  return [
    { kind: 'incident', incident: incidentOf(spec) },
    ...judge('acknowledge', acknowledgedAfter),
    ...judge('reject', rejectedAfter),
  ];
}

/** The same numbers for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const SEVERITIES: readonly Severity[] = ['low', 'low', 'low', 'medium', 'medium', 'high', 'critical'];

/** Two months of a busy site: incidents by day more than by night, cameras that fail now and then. */
export async function fillMonths(
  site: FilledSite,
  cameras: readonly string[],
  until: number,
  incidents: number,
): Promise<IncidentSpec[]> {
  const random = randomOf(7);
  const begin = until - 60 * DAY;
  const specs = Array.from({ length: incidents }, (_, i): IncidentSpec => {
    const hour = (6 + 12 * ((random() + random()) / 2)) % 24;
    const openedAt = toTimestamp(begin + Math.floor(random() * 60) * DAY + hour * HOUR);
    const severity = SEVERITIES[Math.floor(random() * SEVERITIES.length)] ?? 'low';
    const camera = cameras[Math.floor(random() ** 2 * cameras.length)] ?? 'gate';
    const [x, y] = [0.2 + 0.3 * (random() + random()), 0.4 + 0.25 * (random() + random())];
    const answered = random();
    const closedAt = toTimestamp(Date.parse(openedAt) + 5_000 + random() * 90_000);
    return {
      id: `${i.toString(16).padStart(8, '0')}-incident`,
      camera,
      openedAt,
      severity,
      rule: `${severity}-rule-of-the-site`,
      zone: random() < 0.7 ? 'road' : 'pit',
      peopleMax: 1 + Math.floor(random() * 3),
      state: 'closed',
      transition: 'closed',
      closeReason: 'left',
      closedAt,
      updatedAt: closedAt,
      peak: { captureTime: openedAt, box: [x - 0.02, y - 0.2, x + 0.02, y], frame: null },
      ...(answered < 0.5 ? { acknowledgedAfter: 10 + random() * 600 } : answered < 0.6 ? { rejectedAfter: 60 } : {}),
    };
  });
  for (let i = 0; i < specs.length; i += 500) await site.incidents(specs.slice(i, i + 500));
  for (const camera of cameras) {
    const intervals: [number, number, string | null][] = [];
    for (let at = begin; at < until; ) {
      const watched = Math.min(until, at + (4 + 40 * random()) * HOUR);
      const blind = Math.min(until, watched + random() * 0.4 * HOUR);
      intervals.push([at, watched, null]);
      if (blind > watched)
        intervals.push([watched, blind, random() < 0.5 ? 'blind:RTSP_STALLED' : 'starved:superseded']);
      at = blind;
    }
    await site.coverage(camera, intervals);
  }
  return specs;
}
