import type { Bus, Producer } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { BanksmanError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import type { Evidence, Incident } from '../../runtime/messages/types.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { ObjectStore } from '../../runtime/stores/objects/types.ts';
import { sha256Hex } from '../../runtime/stores/sha256.ts';
import { fromTimestamp, toTimestamp } from '../../runtime/time.ts';
import { type AnnotatedPicture, annotate } from './annotate.ts';
import { annotationOf } from './annotation.ts';
import type { ConfigArchive } from './configs.ts';
import { type Picture, readPicture, readTracks, sameCoordinates } from './frames.ts';
import { evidenceKey } from './keys.ts';
import type { Put } from './put.ts';
import {
  detectionsOf,
  type EvidenceRecord,
  encodeRecord,
  nextRecord,
  parseRecord,
  type RecordChange,
  type RecordFile,
  type RecordMissing,
  whatLacks,
} from './record.ts';
import { orUnknown } from './unknown.ts';

export interface IncidentWriterDeps {
  bus: Bus;
  producer: Producer;
  store: ObjectStore;
  put: Put;
  configs: ConfigArchive;
  clock: Clock;
  metrics: Metrics;
  log: Logger;
  version: string;
}

export interface Transitioned {
  incident: Incident;
  /** The peak's frame, where it was read in time and there was room to hold it. */
  held: Picture | undefined;
  /** A better picture of the same incident waits already: this one would be replaced at once. */
  superseded: boolean;
}

/**
 * Brings one transition to the store: pictures, then the record that names them, then the news of it.
 * Can be run again after an end at any point: what a record covers is done, and what lies there beside
 * a record that does not name it is of the transition after that.
 */
export class IncidentWriter {
  readonly #deps: IncidentWriterDeps;

  constructor(deps: IncidentWriterDeps) {
    this.#deps = deps;
  }

  /** @throws what the store and the bus throw; run it again then, with the same transition. */
  async write(transitioned: Transitioned): Promise<void> {
    const { store, put, clock, metrics, version } = this.#deps;
    const { incident } = transitioned;
    const key = evidenceKey(incident, 'record');
    const stored = await orUnknown(store.get(key));
    const before = parseRecord(stored);
    if (stored && before && before.incident.revision >= incident.revision) {
      metrics.inc('records_stale_total', { reason: 'evidence' });
      // Whether it was announced is not known.
      if (before.incident.revision === incident.revision) await this.#announce(before, stored);
      return;
    }
    const missing: RecordMissing[] = [];
    const config = await this.#configs(before, incident, missing);
    const pictures = await this.#pictures(before, transitioned, missing);
    const change: RecordChange = { incident, storedAt: toTimestamp(clock.now()), version, config, missing };
    const record = nextRecord(before, pictures ? { ...change, pictures } : change);
    const bytes = encodeRecord(record);
    const condition = stored ? { replaces: sha256Hex(stored) } : { ifAbsent: true };
    const what = { kind: 'record', camera: incident.camera, replaced: stored?.length ?? 0 } as const;
    const { result } = await put(key, bytes, what, condition);
    if (result === 'conflict') {
      throw new BanksmanError('STORE_FAILED', { where: key, message: 'somebody else has just written this record' });
    }
    for (const { kind, reason } of missing) metrics.inc('evidence_missing_total', { kind, reason });
    await this.#announce(record, bytes);
    const seconds = (clock.now() - fromTimestamp(incident.updatedAt)) / 1000;
    metrics.observe('stage_seconds', Math.max(0, seconds), { stage: 'evidence' });
  }

  /** The record in the store is another one than was announced: it was merged with somebody else's. */
  async announceMerged(bytes: Buffer): Promise<void> {
    const record = parseRecord(bytes);
    // All of it: what one of the writers could not find was announced as missing.
    if (record) await this.#announce(record, bytes, () => true);
  }

  async #configs(
    before: EvidenceRecord | undefined,
    incident: Incident,
    missing: RecordMissing[],
  ): Promise<EvidenceRecord['config']> {
    const { configs } = this.#deps;
    const rule = await configs.ensure(incident.configHash);
    const known = missingHashes(before);
    if (rule === null && !known.has(incident.configHash)) {
      missing.push(gone(incident, 'config', 'config_gone', { hash: incident.configHash }));
    }
    const camera = configs.camera(incident.site, incident.camera);
    return { rule, camera: camera ? await configs.ensure(camera.configHash) : null };
  }

  /** @returns undefined where those before stay. */
  async #pictures(
    before: EvidenceRecord | undefined,
    { incident, held, superseded }: Transitioned,
    missing: RecordMissing[],
  ): Promise<RecordChange['pictures']> {
    const { bus, put, log } = this.#deps;
    const { frame } = incident.peak;
    if (!frame || superseded) return undefined;
    if (sameCoordinates(before?.picture?.frame, frame)) return undefined;
    if (before?.missing.some((one) => one.kind === 'snapshot' && sameCoordinates(one.frame, frame))) return undefined;

    const picture = held ?? (await readPicture(bus, frame, incident)) ?? (await this.#leftBehind(before, incident));
    if (!picture) {
      log.warn({ code: 'EVIDENCE_FRAME_GONE', incident: incident.id, camera: incident.camera, frame }, 'no picture');
      for (const kind of ['snapshot', 'annotated'] as const) {
        missing.push(gone(incident, kind, 'EVIDENCE_FRAME_GONE', { frame }));
      }
      return undefined;
    }
    const { captureTime, captureTimeEstimated, receiveTime } = picture;
    const tracks = await readTracks(bus, picture, incident);
    const detections = tracks && detectionsOf(incident, tracks);
    const drawn = await this.#draw(picture, incident, detections, missing);
    const file = async (kind: 'snapshot' | 'annotated', bytes: Buffer): Promise<RecordFile> => {
      const { camera, revision } = incident;
      const key = evidenceKey(incident, kind);
      const replaced = before?.files.find((one) => one.kind === kind)?.bytes ?? 0;
      const { sha256 } = await put(key, bytes, { kind, camera, replaced }, { revision });
      return {
        kind,
        key,
        sha256,
        bytes: bytes.length,
        revision,
        codec: 'jpeg',
        width: drawn?.width ?? null,
        height: drawn?.height ?? null,
        from: captureTime,
        to: captureTime,
        frame,
      };
    };
    // The snapshot first: what is left behind without a record can be drawn on again.
    const files = [await file('snapshot', picture.jpeg)];
    if (drawn) files.push(await file('annotated', drawn.jpeg));
    return { files, picture: { frame, captureTime, captureTimeEstimated, receiveTime, detections } };
  }

  /** A snapshot that no record names was written for this transition by somebody who was ended before the record. */
  async #leftBehind(before: EvidenceRecord | undefined, incident: Incident): Promise<Picture | undefined> {
    const { captureTime, frame } = incident.peak;
    const jpeg = frame && (await orUnknown(this.#deps.store.get(evidenceKey(incident, 'snapshot'))));
    const named = before?.files.find(({ kind }) => kind === 'snapshot')?.sha256;
    if (!jpeg || sha256Hex(jpeg) === named) return undefined;
    const takenAt = fromTimestamp(captureTime);
    return { frame, jpeg, captureTime, captureTimeEstimated: false, receiveTime: null, takenAt };
  }

  async #draw(
    picture: Picture,
    incident: Incident,
    detections: ReturnType<typeof detectionsOf> | null,
    missing: RecordMissing[],
  ): Promise<AnnotatedPicture | undefined> {
    const { configs, log } = this.#deps;
    const { site, camera, id } = incident;
    try {
      return await annotate(
        picture.jpeg,
        annotationOf(incident, picture.captureTime, configs.camera(site, camera), detections),
      );
    } catch (error) {
      if (!(error instanceof BanksmanError) || error.code !== 'FRAME_UNREADABLE') throw error;
      log.warn({ code: error.code, incident: id, camera, err: error }, 'a picture cannot be drawn on');
      missing.push(gone(incident, 'annotated', error.code, { frame: picture.frame }));
      return undefined;
    }
  }

  /** Says what this transition brought. The same record says the same again. */
  async #announce(
    record: EvidenceRecord,
    bytes: Buffer,
    isNews = (file: RecordFile): boolean => file.revision === record.incident.revision,
  ): Promise<void> {
    const { incident, files, missing } = record;
    const { id, site, camera, revision, openedAt, updatedAt } = incident;
    const common = { incident: id, site, camera, revision };
    const news: Evidence[] = files.filter(isNews).map(({ kind, key, sha256, bytes: size, from, to }) => {
      return { ...common, kind, key, sha256, bytes: size, from, to, complete: true, reason: null };
    });
    for (const { kind, reason } of missing.filter((one) => one.revision === revision)) {
      // A picture that was there before stays; nothing is announced in its place.
      if (kind === 'config' || files.some((file) => file.kind === kind)) continue;
      const at = incident.peak.captureTime;
      const key = evidenceKey(incident, kind);
      news.push({ ...common, kind, key, sha256: '', bytes: 0, from: at, to: at, complete: false, reason });
    }
    const lacking = whatLacks(record);
    news.push({
      ...common,
      kind: 'record',
      key: evidenceKey(incident, 'record'),
      sha256: sha256Hex(bytes),
      bytes: bytes.length,
      from: openedAt,
      to: updatedAt,
      complete: lacking === null,
      reason: lacking,
    });
    const key = cameraKey(site, camera);
    await Promise.all(news.map((value) => this.#deps.producer.send('evidence.v1', { key, value: encodeJson(value) })));
  }
}

function gone(
  { revision }: Incident,
  kind: RecordMissing['kind'],
  reason: string,
  what: Partial<Pick<RecordMissing, 'frame' | 'hash'>>,
): RecordMissing {
  return { kind, reason, revision, frame: null, hash: null, ...what };
}

function missingHashes(record: EvidenceRecord | undefined): Set<string | null> {
  return new Set(record?.missing.map(({ hash }) => hash));
}
