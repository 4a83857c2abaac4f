import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { BanksmanError } from '../../runtime/errors.ts';
import { AWAY } from '../../runtime/stores/objects/types.ts';

export interface Job {
  /** Jobs of one lane run one after another, in order. */
  readonly lane: string;
  /** Of the input; what `drop` goes by. */
  readonly partition?: number;
  /** Tried until it resolves. Must bear being run again after it failed half-way. */
  run(): Promise<void>;
  /** Called when it alone fails, time and again; resolves when it is put aside. */
  refused?(error: unknown): Promise<void>;
}

export interface WorkQueueOptions {
  clock: Clock;
  concurrency: number;
  /** First and longest delay before another attempt. Default 500 and 10 000. */
  retryMs?: readonly [number, number];
  onFailed(code: string, error: unknown, job: Job): void;
  /** The first job that went through after a failure. */
  onWorking(): void;
}

interface Entry {
  readonly job: Job;
  readonly backoff: Backoff;
  state: 'ready' | 'running' | 'waiting';
  /** Successes of others before its first failure; undefined while it never failed. */
  successesBefore: number | undefined;
}

const MAX_REFUSALS = 5;
/** What says nothing about the job: nobody has room, or nobody answers. */
const NOT_ITS_FAULT: ReadonlySet<string> = new Set([...AWAY, 'BUS_STORE_FULL', 'BUS_LOST', 'BUS_UNREACHABLE']);

/**
 * Jobs in order of arrival, several lanes at once. What fails is kept and tried again: where nothing
 * goes through only the oldest is tried, ever more slowly; a job that alone fails holds up its own lane.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #stopping = new AbortController();
  readonly #pause: Backoff;
  /** Lanes with a job, or an exclusive one, under way. */
  readonly #busy = new Map<string, Promise<unknown>>();
  readonly #entries: Entry[] = [];
  #successes = 0;
  /** At the last failure. */
  #successesThen = -1;
  #troubled = false;
  #paused = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#pause = this.#newBackoff();
  }

  get size(): number {
    return this.#entries.length;
  }

  add(job: Job): void {
    this.#entries.push({ job, backoff: this.#newBackoff(), state: 'ready', successesBefore: undefined });
    this.#fill();
  }

  /** Runs `work` while no job of the lane is under way or waits. @returns false, without running it, where one does. */
  async exclusive(lane: string, work: () => Promise<void>): Promise<boolean> {
    if (this.#busy.has(lane) || this.#entries.some((entry) => entry.job.lane === lane)) return false;
    const running = Promise.resolve().then(work);
    this.#busy.set(
      lane,
      running.catch(() => undefined),
    );
    try {
      await running;
    } finally {
      this.#busy.delete(lane);
      this.#fill();
    }
    return true;
  }

  /** Forgets the jobs of these partitions; resolves when none of them runs any more. */
  async drop(partitions: ReadonlySet<number>): Promise<void> {
    const theirs = ({ job }: Entry): boolean => job.partition !== undefined && partitions.has(job.partition);
    const running = this.#entries.filter((entry) => theirs(entry) && entry.state === 'running');
    for (const entry of this.#entries.filter((one) => theirs(one) && one.state !== 'running')) this.#remove(entry);
    await Promise.all(running.map((entry) => this.#busy.get(entry.job.lane)));
    // Those that failed at it came back.
    for (const entry of this.#entries.filter(theirs)) this.#remove(entry);
  }

  /** Lets what is under way end, and begins nothing more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#busy.values());
  }

  #fill(): void {
    while (!this.#stopping.signal.aborted && !this.#paused) {
      if (this.#busy.size >= (this.#troubled ? 1 : this.#options.concurrency)) return;
      const entry = this.#next();
      if (!entry) return;
      entry.state = 'running';
      this.#busy.set(
        entry.job.lane,
        this.#run(entry).finally(() => {
          this.#busy.delete(entry.job.lane);
          this.#fill();
        }),
      );
    }
  }

  #next(): Entry | undefined {
    const taken = new Set(this.#busy.keys());
    for (const entry of this.#entries) {
      if (entry.state === 'ready' && !taken.has(entry.job.lane)) return entry;
      taken.add(entry.job.lane);
    }
    return undefined;
  }

  async #run(entry: Entry): Promise<void> {
    try {
      await entry.job.run();
    } catch (error) {
      await this.#failed(entry, error);
      return;
    }
    this.#remove(entry);
    this.#successes += 1;
    if (!this.#troubled) return;
    this.#troubled = false;
    this.#pause.reset();
    this.#options.onWorking();
  }

  async #failed(entry: Entry, error: unknown): Promise<void> {
    const code = error instanceof BanksmanError ? error.code : 'INTERNAL';
    this.#options.onFailed(code, error, entry.job);
    const blameless = NOT_ITS_FAULT.has(code);
    const nothingGoes = this.#successes === this.#successesThen;
    this.#successesThen = this.#successes;
    entry.state = 'ready';
    if (!blameless) {
      entry.successesBefore ??= this.#successes;
      if (await this.#putAside(entry, error)) return;
      entry.state = 'waiting';
      this.#after(entry.backoff.next(), () => {
        entry.state = 'ready';
      });
    }
    if (!blameless && !nothingGoes) return;
    this.#troubled = true;
    if (this.#paused) return;
    this.#paused = true;
    this.#after(this.#pause.next(), () => {
      this.#paused = false;
    });
  }

  /** Only others that go through show that it is the job and not the store. */
  async #putAside(entry: Entry, error: unknown): Promise<boolean> {
    const othersGo = this.#successes > (entry.successesBefore ?? this.#successes);
    if (!entry.job.refused || !othersGo || entry.backoff.attempt < MAX_REFUSALS - 1) return false;
    try {
      await entry.job.refused(error);
    } catch (refusal) {
      this.#options.onFailed(refusal instanceof BanksmanError ? refusal.code : 'INTERNAL', refusal, entry.job);
      return false;
    }
    this.#remove(entry);
    return true;
  }

  #after(ms: number, then: () => void): void {
    const { signal } = this.#stopping;
    void this.#options.clock.sleep(ms, signal).then(() => {
      then();
      this.#fill();
    });
  }

  #remove(entry: Entry): void {
    const index = this.#entries.indexOf(entry);
    if (index >= 0) this.#entries.splice(index, 1);
  }

  #newBackoff(): Backoff {
    const [minMs, maxMs] = this.#options.retryMs ?? [500, 10_000];
    return new Backoff({ minMs, maxMs });
  }
}
