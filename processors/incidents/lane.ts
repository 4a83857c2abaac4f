import type { Delivery, Message, Producer, Tenure } from '../../runtime/bus/types.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import type { Coverage, Incident, ProcessorState, RuleRecord } from '../../runtime/messages/types.ts';
import type { Headers } from '../../runtime/tracing.ts';
import { rankHeaders } from '../snapshots.ts';
import type { IncidentCounts } from './counts.ts';
import { type CameraState, STATE_VERSION } from './state.ts';
import type { TransitionTraces } from './traced.ts';

export const PROCESSOR = 'incidents';

export function stateKey(site: string, camera: string): string {
  return `${PROCESSOR}/${cameraKey(site, camera)}`;
}

/** @returns undefined for a state that this version does not understand. */
export function readState(message: Message): { state: CameraState; covered: number } | undefined {
  let snapshot: ProcessorState;
  try {
    snapshot = parseMessage('processor-state.v1', message);
  } catch {
    return undefined;
  }
  const state = snapshot.state as CameraState | null;
  const covered = Number(snapshot.covered['tracks.v1']);
  return state?.v === STATE_VERSION && Number.isSafeInteger(covered) ? { state, covered } : undefined;
}

export interface LaneDeps {
  readonly producer: Producer;
  readonly partition: number;
  /** Of the partition: the lane writes nothing that may be another's to write. */
  readonly tenure: Tenure;
  /** How many owners the camera's state had, with this one. */
  readonly term: number;
  readonly counts: Pick<IncidentCounts, 'nearMisses'>;
}

/**
 * One camera's state and what of it is not durable yet. What goes out is in a durable snapshot before:
 * first coverage, then the snapshot with the transitions decided, then the transitions, then the
 * acknowledgements. After a crash anywhere between, the next owner publishes the same again.
 */
export class Lane {
  readonly partition: number;
  readonly state: CameraState;
  readonly #deps: LaneDeps;
  #covered: number;
  #configHash = '';
  #deliveries: Delivery[] = [];
  #coverage: Promise<unknown>[] = [];
  #nearMisses: RuleRecord[] = [];
  #dirty = false;
  #committing: Promise<void> = Promise.resolve();
  #removed = false;
  /** Of transitions in the outbox; not in the snapshot: after a crash they go out without. */
  #links: Map<Incident, Headers> | undefined;

  constructor(deps: LaneDeps, state: CameraState, covered: number) {
    this.#deps = deps;
    this.partition = deps.partition;
    this.state = state;
    this.#covered = covered;
  }

  /** Offset of the last `tracks.v1` record applied. */
  get covered(): number {
    return this.#covered;
  }

  get unacknowledged(): number {
    return this.#deliveries.length;
  }

  /** The record was applied: it is acknowledged once a snapshot covers it. */
  applied(delivery: Delivery, configHash: string): void {
    this.#covered = delivery.offset;
    this.#configHash = configHash;
    this.#deliveries.push(delivery);
    this.#dirty = true;
  }

  /** Transitions that `commit` will publish. */
  decided(incidents: readonly Incident[], traces?: TransitionTraces): void {
    if (incidents.length === 0) return;
    for (const [incident, { link }] of traces ?? []) {
      this.#links ??= new Map();
      this.#links.set(incident, link);
    }
    this.state.outbox.push(...incidents);
    this.#dirty = true;
  }

  /** Near misses of the record applied last, by their rules: they count once a snapshot covers it. */
  missed(nearMisses: readonly RuleRecord[]): void {
    this.#nearMisses.push(...nearMisses);
  }

  /** The snapshot that it was restored from is to be written anew. */
  rewrite(): void {
    this.#dirty = true;
  }

  /** Goes out at once; its failure shows at the next commit. */
  publishCoverage(coverage: readonly Coverage[]): void {
    const key = cameraKey(this.state.site, this.state.camera);
    for (const value of coverage) {
      const sent = this.#deps.producer.send('coverage.v1', { key, value: encodeJson(value) });
      sent.catch(() => undefined);
      this.#coverage.push(sent);
    }
  }

  /**
   * Makes everything so far durable, published and acknowledged. One after the other. Nothing of it while the
   * partition may be another's, who begins at the snapshot before.
   */
  commit(): Promise<void> {
    const { tenure } = this.#deps;
    const turn = this.#committing
      .then(() => this.#commit())
      .catch((error: unknown) => {
        if (!tenure.over.aborted) throw error;
      });
    this.#committing = turn.catch(() => undefined);
    return turn;
  }

  /** Commits and removes the state: the camera is gone. */
  async remove(): Promise<void> {
    await this.commit();
    this.#removed = true;
    const { producer, tenure } = this.#deps;
    // Else whoever has it then finds it in the topic, and removes it.
    if (tenure.isSure) await producer.send('processor-state.v1', { key: this.#key, value: null });
  }

  async #commit(): Promise<void> {
    const { producer, tenure, term, counts } = this.#deps;
    if (!tenure.isSure) return;
    // The snapshot says up to where coverage went out, so that must be true when it is read again.
    while (this.#coverage.length > 0) await Promise.all(this.#coverage.splice(0));
    if ((!this.#dirty && this.state.outbox.length === 0) || this.#removed || !tenure.isSure) return;
    const deliveries = this.#deliveries;
    const count = this.state.outbox.length;
    this.#deliveries = [];
    const nearMisses = this.#nearMisses.splice(0);
    this.#dirty = false;
    const { site, camera } = this.state;
    const covered = { 'tracks.v1': String(this.#covered) };
    const snapshot: ProcessorState = {
      ...{ processor: PROCESSOR, site, camera, configHash: this.#configHash, covered, state: this.state },
    };
    const outbox = this.state.outbox.slice(0, count);
    const message = { key: this.#key, headers: rankHeaders(covered, term), value: encodeJson(snapshot) };
    await producer.send('processor-state.v1', message, tenure.over);
    // Not before: an heir would come upon them again.
    counts.nearMisses(camera, nearMisses);
    const key = cameraKey(site, camera);
    await Promise.all(
      outbox.map((incident) => {
        const headers = this.#links?.get(incident);
        return producer.send('incidents.v1', { key, headers, value: encodeJson(incident) }, tenure.over);
      }),
    );
    for (const incident of outbox) this.#links?.delete(incident);
    this.state.outbox.splice(0, count);
    // So that the next snapshot lets go of them.
    if (count > 0) this.#dirty = true;
    for (const delivery of deliveries) delivery.ack();
  }

  get #key(): string {
    return stateKey(this.state.site, this.state.camera);
  }
}
