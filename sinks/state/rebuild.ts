import type { Bus, Message } from '../../runtime/bus/types.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Healing, Rebuild, StateChange } from '../../runtime/stores/state/types.ts';
import { changeOf, STATE_TOPICS } from './changes.ts';
import type { Ledger, Missing } from './ledger.ts';

export interface RebuilderOptions {
  bus: Bus;
  site: string;
  log: Logger;
  metrics: Metrics;
  healing: Healing;
  ledger: Ledger;
}

/** Changes in one write, and records after which there is a write in any case. */
const BATCH = { changes: 500, records: 5_000 };
/** Reading begins this much before what is missing: clocks of brokers differ. */
const MARGIN_MS = 60_000;

/**
 * Makes good what the store's server lost. The topics have everything, as far as they are retained; what this sink's
 * partitions say since the store's own last word is applied again, while new records go in beside.
 */
export class Rebuilder {
  readonly #options: RebuilderOptions;

  constructor(options: RebuilderOptions) {
    this.#options = options;
  }

  /** Compares, and reads again what is missing. @returns whether anything was. @throws as the store does */
  async check(signal: AbortSignal): Promise<boolean> {
    const { healing, ledger, log, metrics } = this.#options;
    const missing = await ledger.alone(async () => ledger.missing(await healing.taken()));
    if (missing.length === 0) {
      await healing.confirm();
      return false;
    }
    const topics = STATE_TOPICS.filter((topic) => missing.some((one) => one.topic === topic));
    const all = missing.every(({ stored }) => stored === undefined);
    metrics.inc('state_rebuilds_total');
    log.warn({ topics, all }, 'the state store has lost records; they are read from the topics again');
    const rebuild = await healing.rebuild();
    const stamps = new Map<Missing, number>();
    for (const topic of topics) {
      const lost = missing.filter((one) => one.topic === topic);
      // Stopped, or lost again: what is missing shows at the next look.
      if (!(await this.#read(rebuild, topic, lost, stamps, signal))) return true;
    }
    const ended = await ledger.alone(async () => {
      // New records that went in meanwhile count as well: had they been lost, so would the rebuild.
      const taken = missing.flatMap((one) => {
        const own = ledger.get(one);
        return own ? [{ ...own, timestamp: own.timestamp || (stamps.get(one) ?? 0) }] : [];
      });
      return rebuild.end(taken);
    });
    if (ended) log.info({ topics }, 'the state store has them again');
    return true;
  }

  /** @returns whether it came to the end; `stamps` has the time of each partition's last record then. */
  async #read(
    rebuild: Rebuild,
    topic: string,
    lost: readonly Missing[],
    stamps: Map<Missing, number>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const since = Math.min(...lost.map(({ stored }) => stored?.timestamp ?? 0));
    const from = since > MARGIN_MS ? { time: since - MARGIN_MS } : 'earliest';
    const byPartition = new Map(lost.map((one) => [one.partition, one]));
    let batch = new Batch();
    for await (const message of this.#options.bus.tail(topic, from, { stopAtEnd: true, signal })) {
      const own = byPartition.get(message.partition);
      if (!own) continue;
      stamps.set(own, message.timestamp);
      batch.add(this.#changeOf(message));
      if (!batch.full) continue;
      if (!(await rebuild.apply(batch.changes))) return false;
      batch = new Batch();
    }
    return !signal.aborted && (await rebuild.apply(batch.changes));
  }

  #changeOf(message: Message): StateChange | undefined {
    try {
      return changeOf(this.#options.site, message);
    } catch {
      // It was put aside when it came.
      return undefined;
    }
  }
}

/** Intervals of one camera that go on from each other become one: there are two a second. */
class Batch {
  readonly changes: StateChange[] = [];
  readonly #lastOf = new Map<string, number>();
  #records = 0;

  get full(): boolean {
    return this.changes.length >= BATCH.changes || this.#records >= BATCH.records;
  }

  add(change: StateChange | undefined): void {
    this.#records += 1;
    if (!change) return;
    if (change.kind === 'coverage') {
      const { coverage } = change;
      const name = `${coverage.site}/${coverage.camera}`;
      const at = this.#lastOf.get(name) ?? -1;
      const last = this.changes[at];
      const before = last?.kind === 'coverage' ? last.coverage : undefined;
      if (before?.to === coverage.from && before.watched === coverage.watched && before.reason === coverage.reason) {
        this.changes[at] = { kind: 'coverage', coverage: { ...before, to: coverage.to } };
        return;
      }
      this.#lastOf.set(name, this.changes.length);
    }
    this.changes.push(change);
  }
}
