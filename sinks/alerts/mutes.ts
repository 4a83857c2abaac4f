import type { Bus } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import type { Feedback, Incident, Mute } from '../../runtime/messages/types.ts';
import type { Labels, Metrics } from '../../runtime/metrics.ts';
import { muteApplies } from '../../runtime/stores/state/types.ts';
import { fromTimestamp } from '../../runtime/time.ts';

/** No mute is made for longer than 31 days, so what was said before that has ended. */
const LONGEST_MS = 32 * 86_400_000;
const MAX_MUTES = 10_000;
/** Of mutes that Prometheus is told of: those that end last. */
const MAX_SERIES = 100;

interface Entry {
  site: string;
  mute: Mute;
  /** Taken back at, epoch ms; the mute ends at the earlier of the two. */
  removedMs: number | undefined;
}

export interface MutesOptions {
  bus: Bus;
  clock: Clock;
  metrics: Metrics;
  onError: (error: Error) => void;
  /** Everything that is read, each at least once: who else wants it need not read it too. */
  onFeedback?: (feedback: Feedback) => void;
}

/**
 * The mutes of `feedback.v1`, read without a group because every sink needs them all. Capture time
 * decides, so that a backlog is judged by the mutes of its own time.
 */
export class Mutes {
  readonly #options: MutesOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #stopping = new AbortController();
  #series = new Map<string, Labels>();
  #following: Promise<void> | undefined;

  constructor(options: MutesOptions) {
    this.#options = options;
  }

  /** Resolves when every mute that was on the bus at the call is known. */
  async start(): Promise<void> {
    const since = { time: this.#options.clock.now() - LONGEST_MS };
    await this.#read(since, true);
    this.#measure();
    this.#following = this.#read(since, false).catch((error: unknown) => {
      if (!this.#stopping.signal.aborted) this.#options.onError(asError(error));
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#following;
  }

  /** Whether messages about this transition are silenced, at its own time. */
  silence(incident: Incident): boolean {
    for (const { site, mute, removedMs } of this.#entries.values()) {
      if (site !== incident.site || !muteApplies(mute, incident, incident.updatedAt)) continue;
      if (removedMs === undefined || fromTimestamp(incident.updatedAt) < removedMs) return true;
    }
    return false;
  }

  async #read(from: { time: number }, stopAtEnd: boolean): Promise<void> {
    const { signal } = this.#stopping;
    for await (const message of this.#options.bus.tail('feedback.v1', from, { stopAtEnd, signal })) {
      try {
        const feedback = parseMessage('feedback.v1', message);
        this.#options.onFeedback?.(feedback);
        this.#take(feedback);
        if (!stopAtEnd) this.#measure();
      } catch {
        // The state sink consumes feedback for good: it puts this aside and counts it.
      }
    }
  }

  #take({ action, site, mute, at }: Feedback): void {
    if (mute === null || (action !== 'mute' && action !== 'unmute')) return;
    const known = this.#entries.get(mute.id);
    const ends = [known?.removedMs, action === 'unmute' ? fromTimestamp(at) : undefined];
    const removed = ends.filter((end) => end !== undefined);
    // Taking back may be read before the mute itself, and holds then as well.
    this.#entries.set(mute.id, { site, mute, removedMs: removed.length > 0 ? Math.min(...removed) : undefined });
    if (this.#entries.size > MAX_MUTES) this.#forgetOne();
  }

  /** Those that hold now, one series for what is muted however often it was. */
  #measure(): void {
    const { clock, metrics } = this.#options;
    const now = clock.now();
    const active = [...this.#entries.values()]
      .map((entry) => ({ mute: entry.mute, end: endOf(entry) }))
      .filter(({ end }) => end > now)
      .sort((a, b) => a.end - b.end)
      .slice(-MAX_SERIES);
    const series = new Map<string, Labels>();
    for (const { mute, end } of active) {
      const labels = { camera: mute.camera ?? '', rule: mute.rule ?? '', zone: mute.zone ?? '' };
      series.set(JSON.stringify(labels), labels);
      metrics.set('mute_until_timestamp_seconds', end / 1_000, labels);
    }
    for (const [key, labels] of this.#series) {
      if (!series.has(key)) metrics.remove('mute_until_timestamp_seconds', labels);
    }
    this.#series = series;
  }

  /** The one that ended first. */
  #forgetOne(): void {
    let first: { id: string; end: number } | undefined;
    for (const [id, entry] of this.#entries) {
      const end = endOf(entry);
      if (first === undefined || end < first.end) first = { id, end };
    }
    if (first) this.#entries.delete(first.id);
  }
}

/** Epoch ms. */
function endOf({ mute, removedMs }: Entry): number {
  return Math.min(fromTimestamp(mute.until), removedMs ?? Number.POSITIVE_INFINITY);
}
