/** One change each; called inside a transaction. Every function says whether the change was news. */
import type { CameraStatus, Coverage, Evidence, Feedback, Incident, Mute } from '../../messages/types.ts';
import { fromTimestamp } from '../../time.ts';
import type { Database } from '../sqlite.ts';
import { addCoverage } from './embedded_coverage.ts';
import type { StateChange } from './types.ts';

/** Whether a mute was active when the incident opened, in SQL over `incidents`. */
const MUTED = `EXISTS (SELECT 1 FROM mutes m
  WHERE (m.camera IS NULL OR m.camera = incidents.camera)
    AND (m.zone IS NULL OR m.zone = incidents.zone)
    AND (m.rule IS NULL OR m.rule = incidents.rule)
    AND m.at_ms <= incidents.opened_ms
    AND incidents.opened_ms < min(m.until_ms, coalesce(m.removed_ms, m.until_ms)))`;

/** Pictures are not among them: they lie in a file of their own. */
export function applyChange(db: Database, change: Exclude<StateChange, { kind: 'picture' }>): boolean {
  switch (change.kind) {
    case 'status':
      return setStatus(db, change.status);
    case 'camera_removed':
      return db.run('DELETE FROM cameras WHERE site = ? AND camera = ?', change.site, change.camera) > 0;
    case 'coverage':
      return setCoverage(db, change.coverage);
    case 'incident':
      return setIncident(db, change.incident);
    case 'evidence':
      return setEvidence(db, change.evidence);
    case 'feedback':
      return setFeedback(db, change.feedback);
  }
}

function setStatus(db: Database, status: CameraStatus): boolean {
  const changed = db.run(
    `INSERT INTO cameras (site, camera, epoch, status) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET epoch = excluded.epoch, status = excluded.status WHERE excluded.epoch >= cameras.epoch`,
    ...[status.site, status.camera, status.epoch, JSON.stringify(status)],
  );
  return changed > 0;
}

function setCoverage(db: Database, coverage: Coverage): boolean {
  db.run(
    `INSERT INTO cameras (site, camera, coverage, watched_to) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET coverage = excluded.coverage, watched_to = coalesce(excluded.watched_to, watched_to)`,
    ...[coverage.site, coverage.camera, JSON.stringify(coverage), coverage.watched ? coverage.to : null],
  );
  return addCoverage(db, coverage);
}

function setIncident(db: Database, incident: Incident): boolean {
  const { id, revision, site, camera, rule, zone, severity, state, openedAt } = incident;
  const changed = db.run(
    `INSERT INTO incidents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)
     ON CONFLICT DO UPDATE SET revision = excluded.revision, severity = excluded.severity, state = excluded.state,
       json = excluded.json
     WHERE excluded.revision > incidents.revision`,
    ...[id, revision, site, camera, rule, zone, severity, state, fromTimestamp(openedAt), JSON.stringify(incident)],
  );
  if (changed > 0) db.run(`UPDATE incidents SET muted = ${MUTED} WHERE id = ?`, id);
  return changed > 0;
}

function setEvidence(db: Database, evidence: Evidence): boolean {
  const { incident, key, kind, revision, sha256, bytes, to } = evidence;
  // Announced without bytes: it could not be had, or retention has removed it.
  if (bytes === 0) {
    return db.run('DELETE FROM evidence WHERE incident = ? AND key = ? AND revision <= ?', incident, key, revision) > 0;
  }
  const changed = db.run(
    `INSERT INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET revision = excluded.revision, sha256 = excluded.sha256, bytes = excluded.bytes,
       to_ms = excluded.to_ms
     WHERE excluded.revision >= evidence.revision`,
    ...[incident, key, kind, revision, sha256, bytes, fromTimestamp(to)],
  );
  return changed > 0;
}

function setFeedback(db: Database, feedback: Feedback): boolean {
  const { incident, action, by, note, at, mute } = feedback;
  if (action === 'mute') return mute !== null && setMute(db, mute, null);
  if (action === 'unmute') return mute !== null && setMute(db, mute, fromTimestamp(at));
  if (incident === null) return false;
  if (action === 'label') return note !== null && setLabel(db, incident, note.trim(), fromTimestamp(at));
  const changed = db.run(
    `INSERT INTO judgements VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET by_whom = excluded.by_whom, note = excluded.note, at = excluded.at, at_ms = excluded.at_ms
     WHERE excluded.at_ms >= judgements.at_ms`,
    ...[incident, action, by, note, at, fromTimestamp(at)],
  );
  return changed > 0;
}

function setLabel(db: Database, incident: string, note: string, at: number): boolean {
  const label = note === 'unhold' ? 'hold' : note;
  const changed = db.run(
    `INSERT INTO labels VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET active = excluded.active, at_ms = excluded.at_ms WHERE excluded.at_ms >= labels.at_ms`,
    ...[incident, label, Number(note !== 'unhold'), at],
  );
  return changed > 0;
}

function setMute(db: Database, mute: Mute, removedAt: number | null): boolean {
  const at = fromTimestamp(mute.at);
  const until = fromTimestamp(mute.until);
  // Taking back may be read before the mute itself, and holds then as well.
  db.run(
    `INSERT INTO mutes VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET removed_ms = coalesce(min(removed_ms, excluded.removed_ms), removed_ms, excluded.removed_ms)`,
    ...[mute.id, mute.camera, mute.zone, mute.rule, at, until, removedAt, JSON.stringify(mute)],
  );
  db.run(`UPDATE incidents SET muted = ${MUTED} WHERE opened_ms >= ? AND opened_ms < ?`, at, until);
  return true;
}
