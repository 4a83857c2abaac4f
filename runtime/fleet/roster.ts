import type { AgentRecord } from '../messages/types.ts';
import { fromTimestamp } from '../time.ts';

/** An agent that was silent for so long is dead: others take its cameras, and by then it has let them go itself. */
export const AGENT_SILENT_MS = 5_000;
export const ANNOUNCE_MS = 1_000;
/** Clocks of two machines may differ by this much before anybody is told. */
export const CLOCK_OFFSET_LIMIT_MS = 2_000;
/** Of so many records the one that came quickest tells the clock's offset best. */
const CLOCK_SAMPLES = 10;
/** A change by more is of a clock that was set: what was measured before it means nothing. */
const CLOCK_STEP_MS = 1_000;

/** An agent as somebody who follows `agents.v1` knows it. */
export interface KnownAgent {
  readonly record: AgentRecord;
  /** Monotonic, of the listener: nobody's wall clock decides who lives. */
  readonly heardAt: number;
  /** Its wall clock minus the listener's, at least; ms. */
  readonly clockOffsetMs: number;
}

interface Entry extends KnownAgent {
  readonly offsets: number[];
}

/** The agents of one site by what they say and when it was heard. Pure: times come in. */
export class Roster {
  readonly #site: string;
  readonly #agents = new Map<string, Entry>();

  constructor(site: string) {
    this.#site = site;
  }

  /** @param at the listener's clocks at the receipt, ms. */
  hear(record: AgentRecord, at: { monotonic: number; wall: number }): void {
    if (record.site !== this.#site) return;
    if (record.state === 'gone') {
      this.#agents.delete(record.agent);
      return;
    }
    const before = this.#agents.get(record.agent);
    const offset = fromTimestamp(record.at) - at.wall;
    const wasSet = before !== undefined && Math.abs(offset - before.clockOffsetMs) > CLOCK_STEP_MS;
    const offsets = [...(before && !wasSet ? before.offsets : []), offset].slice(-CLOCK_SAMPLES);
    // A record on its way makes a clock look slow, never fast: the largest is nearest.
    const clockOffsetMs = Math.max(...offsets);
    this.#agents.set(record.agent, { record, heardAt: at.monotonic, clockOffsetMs, offsets });
  }

  get(agent: string): KnownAgent | undefined {
    return this.#agents.get(agent);
  }

  /** The newest word of anybody, monotonic ms, and how many spoke about then: silent at once since, if nobody lives. */
  last(): { at: number; agents: number } {
    const heard = [...this.#agents.values()].map(({ heardAt }) => heardAt);
    const at = Math.max(...heard);
    return { at, agents: heard.filter((each) => at - each <= 2 * ANNOUNCE_MS).length };
  }

  /** Those heard of lately, whatever they are about, sorted by id. Those long silent are forgotten. */
  living(monotonic: number): KnownAgent[] {
    for (const [agent, { heardAt }] of this.#agents) {
      if (monotonic - heardAt > 10 * AGENT_SILENT_MS) this.#agents.delete(agent);
    }
    return [...this.#agents.values()]
      .filter(({ heardAt }) => monotonic - heardAt <= AGENT_SILENT_MS)
      .sort((a, b) => (a.record.agent < b.record.agent ? -1 : 1));
  }
}

/** Cameras that more than one of these agents runs, with all who do. */
export function ownedTwice(agents: readonly KnownAgent[]): Map<string, string[]> {
  const runners = new Map<string, string[]>();
  for (const { record } of agents) {
    for (const camera of Object.keys(record.cameras)) {
      const others = runners.get(camera);
      if (others) others.push(record.agent);
      else runners.set(camera, [record.agent]);
    }
  }
  for (const [camera, agentsOf] of runners) if (agentsOf.length === 1) runners.delete(camera);
  return runners;
}

/** Remembers since when each name is listed, so that what passes quickly is not told. */
export class Lasting {
  readonly #since = new Map<string, number>();

  /** @returns those listed without a break for longer than `ms`. */
  update(listed: Iterable<string>, now: number, ms: number): Set<string> {
    const names = new Set(listed);
    for (const name of this.#since.keys()) if (!names.has(name)) this.#since.delete(name);
    for (const name of names) if (!this.#since.has(name)) this.#since.set(name, now);
    return new Set([...names].filter((name) => now - (this.#since.get(name) ?? now) > ms));
  }
}
