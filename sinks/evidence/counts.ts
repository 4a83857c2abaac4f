import type { EvidenceKind } from '../../runtime/messages/types.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { daysKept, type RetentionLimits } from './limits.ts';

/** What this sink writes of an incident. */
export const KINDS = ['snapshot', 'annotated', 'record'] as const satisfies readonly EvidenceKind[];
const DAY_S = 86_400;

export interface Written {
  kind: EvidenceKind | 'config';
  /** Null: of no camera alone. */
  camera: string | null;
  bytes: number;
  /** Bytes that lay under the same key before. */
  replaced: number;
}

/** What Prometheus is told of evidence: bytes by camera, and how long and how much of them is kept. */
export class EvidenceCounts {
  readonly #metrics: Metrics;
  /** Those that are configured: a name comes into no label without. */
  readonly #cameras = new Set<string>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  limits(limits: RetentionLimits): void {
    for (const kind of KINDS) {
      this.#metrics.set('evidence_retention_seconds', daysKept(kind, limits) * DAY_S, { kind });
    }
    this.#metrics.set('evidence_max_bytes', limits.max_bytes);
  }

  /** A camera's bytes count from 0: `rate()` does not see the first value of a series that begins with it. */
  begin(camera: string): void {
    if (this.#cameras.has(camera)) return;
    this.#cameras.add(camera);
    for (const kind of KINDS) this.#add({ camera, kind }, 0, 0);
  }

  /** Nobody has this camera any more: its series end. */
  end(camera: string): void {
    this.#cameras.delete(camera);
    for (const kind of KINDS) {
      this.#metrics.remove('evidence_bytes_total', { camera, kind });
      this.#metrics.remove('evidence_replaced_bytes_total', { camera, kind });
    }
  }

  written({ kind, camera, bytes, replaced }: Written): void {
    const known = camera !== null && this.#cameras.has(camera) ? camera : '';
    this.#add({ camera: known, kind }, bytes, replaced);
  }

  /** Both at once: who takes one from the other finds both. */
  #add(labels: { camera: string; kind: string }, bytes: number, replaced: number): void {
    this.#metrics.inc('evidence_bytes_total', labels, bytes);
    this.#metrics.inc('evidence_replaced_bytes_total', labels, replaced);
  }
}
