import type { Bus, Producer } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { followAgents } from '../../runtime/fleet/follow.ts';
import { AGENT_SILENT_MS, ANNOUNCE_MS, Roster } from '../../runtime/fleet/roster.ts';
import type { Logger } from '../../runtime/log.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { cameraKey, TOPICS } from '../../runtime/messages/topics.ts';
import type { AgentRecord, AgentState } from '../../runtime/messages/types.ts';
import { toTimestamp } from '../../runtime/time.ts';

export interface MembershipOptions {
  bus: Bus;
  site: string;
  agentId: string;
  capacity: number;
  /** No other agent can take its cameras: then nothing is gained by stopping them. */
  alone: boolean;
  clock: Clock;
  log: Logger;
  producer: Producer;
  /** What it says of itself beside its state. */
  describe: () => Pick<AgentRecord, 'leads' | 'cameras'>;
}

/** A bus that is away does not keep an agent that ends. */
const LAST_WORD_MS = 2_000;
/** Its own words come back within this, or it does not know what the others say now. */
const HEARS_MS = 3_000;
/** No broker that answers for so long: it is this agent that is cut off, or nothing that it sees reaches anybody. */
const SILENT_MS = 3_000;
/** So long at most a camera is run without a lease: six times what a cluster takes to miss a broker. */
const RUN_ON_MS = 60_000;
/** After a time in which it heard nobody all have so long to be heard again: some find a new leader later. */
const FIND_AGAIN_MS = 10_000;

/**
 * One agent among others: says once a second that it lives and what it runs, and hears the others.
 *
 * Its right to run cameras is a lease: it lasts AGENT_SILENT_MS from the moment at which it sent the
 * newest of its records that it has seen come back. Others take it for dead so long after they *heard*
 * its last, which is later; so it has stopped before they begin, and no clock is compared.
 *
 * It runs on without a lease while some broker answers it. A cluster takes nine seconds to miss a broker that died,
 * and until then nothing that has a copy there is acknowledged: all agents are silent at once, nobody can take
 * cameras over, and to stop them all would blind the site at each such death. Should the others hear one another after
 * all, they write new owners, and this one reads that where it still reaches a broker. At worst a camera has two
 * sessions for RUN_ON_MS, of which the older epoch is dropped downstream: less harm than nobody looking. Where no
 * broker answers nothing that a camera sees would reach anybody: then it stops as before.
 */
export class Membership {
  readonly roster: Roster;
  readonly #options: MembershipOptions;
  readonly #stopped = new AbortController();
  readonly #startedAt: number;
  /** When the records under way were sent, monotonic. */
  readonly #sentAt = new Map<number, number>();
  #state: AgentState = 'running';
  #seq = 0;
  /** When the newest one that came back was sent, monotonic. */
  #leaseFrom: number | null = null;
  /** Monotonic: before it nobody who was not heard is taken for dead. */
  #judgesFrom: number;
  #isCutOff = false;
  #runsOn = false;
  #sending: Promise<void> | null = null;
  #failed = false;
  #loops: Promise<unknown> = Promise.resolve();

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.roster = new Roster(options.site);
    this.#startedAt = options.clock.monotonic();
    this.#judgesFrom = this.#startedAt + (options.alone ? 0 : AGENT_SILENT_MS);
  }

  /** Who is not heard is dead: everything that was said on `agents.v1` until lately has been heard. */
  get judges(): boolean {
    if (this.#options.alone) return true;
    return this.#leaseAge() < HEARS_MS && this.#options.clock.monotonic() >= this.#judgesFrom;
  }

  /**
   * Looks at the lease, now and then.
   * @returns true: it must not run cameras. Once so, only its own words that come back end it: owners may have changed
   * unseen.
   */
  isCutOff(): boolean {
    const { alone, bus, log } = this.#options;
    const isLeased = alone || this.#leaseAge() <= AGENT_SILENT_MS;
    if (isLeased) this.#isCutOff = false;
    else this.#isCutOff ||= bus.silentMs > SILENT_MS || this.#leaseAge() > RUN_ON_MS;
    const runsOn = !isLeased && !this.#isCutOff;
    if (runsOn && !this.#runsOn) log.warn('its words do not come back, but brokers answer: its cameras run on');
    this.#runsOn = runsOn;
    return this.#isCutOff;
  }

  /** Resolves when the bus has its first record. */
  async start(onHeard: () => void): Promise<void> {
    const { clock, agentId, site } = this.#options;
    const { signal } = this.#stopped;
    const following = followAgents(this.#options, this.roster, signal, (record) => {
      if (record.site !== site || record.agent !== agentId) return;
      const sentAt = this.#sentAt.get(record.seq);
      if (sentAt !== undefined) {
        if (this.#leaseAge() > HEARS_MS) this.#judgesFrom = clock.monotonic() + FIND_AGAIN_MS;
        this.#leaseFrom = sentAt;
      }
      for (const seq of this.#sentAt.keys()) if (seq <= record.seq) this.#sentAt.delete(seq);
      onHeard();
    });
    await this.announce();
    const announcing = (async () => {
      while (!signal.aborted) {
        await clock.sleep(ANNOUNCE_MS, signal);
        // While one is under way no others queue behind it.
        if (!signal.aborted && !this.#sending) await this.announce();
      }
    })();
    this.#loops = Promise.all([following, announcing]);
  }

  /** Says at once that it leaves; others get its cameras. */
  async leave(): Promise<void> {
    this.#state = 'leaving';
    await this.announce();
  }

  /** Its last word. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#state = 'gone';
    await Promise.race([this.announce(), this.#options.clock.sleep(LAST_WORD_MS)]);
    await this.#loops;
  }

  /** Resolves when the bus has taken it or refused it; it does not reject. */
  async announce(): Promise<void> {
    await this.#sending;
    const sending = this.#send().finally(() => {
      if (this.#sending === sending) this.#sending = null;
    });
    this.#sending = sending;
    await sending;
  }

  async #send(): Promise<void> {
    const { site, agentId, capacity, clock, producer, log, describe } = this.#options;
    const seq = this.#seq++;
    const { leads, cameras } = describe();
    const at = toTimestamp(clock.now());
    const record: AgentRecord = { site, agent: agentId, at, seq, state: this.#state, leads, capacity, cameras };
    this.#sentAt.set(seq, clock.monotonic());
    try {
      await producer.send(TOPICS.agents.name, { key: cameraKey(site, agentId), value: encodeJson(record) });
      this.#failed = false;
      // The agent knows of itself without waiting for its words to come back.
      this.roster.hear(record, { monotonic: clock.monotonic(), wall: clock.now() });
    } catch (error) {
      this.#sentAt.delete(seq);
      if (!this.#failed && this.#state !== 'gone') log.error({ err: error }, 'cannot say that this agent lives');
      this.#failed = true;
    }
  }

  #leaseAge(): number {
    return this.#options.clock.monotonic() - (this.#leaseFrom ?? this.#startedAt);
  }
}
