import type { Coverage, Timestamp } from '../../messages/types.ts';
import { fromTimestamp } from '../../time.ts';
import type { Database } from '../sqlite.ts';
import { fillGaps } from './intervals.ts';

/**
 * Adds what no stored interval covers yet, so that a replay adds nothing and, where a clock was set
 * back, what was recorded first stays. A piece that adjoins an equal one extends it.
 */
export function addCoverage(db: Database, coverage: Coverage): boolean {
  const { site, camera, watched, reason } = coverage;
  let at = fromTimestamp(coverage.from);
  const end = fromTimestamp(coverage.to);
  let added = false;
  const covered = db.all(
    'SELECT from_ms, to_ms FROM coverage WHERE site = ? AND camera = ? AND to_ms > ? AND from_ms < ? ORDER BY from_ms',
    ...[site, camera, at, end],
  );
  for (const { from_ms, to_ms } of [...covered, { from_ms: end, to_ms: end }]) {
    if (Number(from_ms) > at) {
      addPiece(db, site, camera, at, Math.min(Number(from_ms), end), watched, reason);
      added = true;
    }
    at = Math.max(at, Number(to_ms));
  }
  return added;
}

function addPiece(
  db: Database,
  site: string,
  camera: string,
  from: number,
  to: number,
  watched: boolean,
  reason: string | null,
): void {
  const extended = db.run(
    'UPDATE coverage SET to_ms = ? WHERE site = ? AND camera = ? AND to_ms = ? AND watched = ? AND reason IS ?',
    ...[to, site, camera, from, Number(watched), reason],
  );
  if (extended > 0) return;
  db.run('INSERT INTO coverage VALUES (?, ?, ?, ?, ?, ?)', site, camera, from, to, Number(watched), reason);
}

/** The whole of [from, to) as adjoining intervals; gaps are not watched, reason `no_record`. */
export function readCoverage(db: Database, site: string, camera: string, from: Timestamp, to: Timestamp): Coverage[] {
  const rows = db.all(
    'SELECT * FROM coverage WHERE site = ? AND camera = ? AND to_ms > ? AND from_ms < ? ORDER BY from_ms',
    ...[site, camera, fromTimestamp(from), fromTimestamp(to)],
  );
  return fillGaps(
    site,
    camera,
    fromTimestamp(from),
    fromTimestamp(to),
    rows.map((row) => ({
      from: Number(row['from_ms']),
      to: Number(row['to_ms']),
      watched: row['watched'] === 1,
      reason: row['reason'] === null ? null : String(row['reason']),
    })),
  );
}
