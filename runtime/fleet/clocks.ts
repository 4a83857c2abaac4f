import type { Bus } from '../bus/types.ts';
import type { Clock } from '../clock.ts';
import type { Component } from '../lifecycle.ts';
import type { Logger } from '../log.ts';
import { followAgents } from './follow.ts';
import { type KnownAgent, Roster } from './roster.ts';

/** How far the clocks that stamp cameras' times are from this machine's: for whoever compares the two. */
export class AgentClocks implements Component {
  readonly name = 'agent-clocks';
  readonly #deps: { bus: Bus; site: string; clock: Clock; log: Logger };
  readonly #roster: Roster;
  readonly #agentOf = new Map<string, string>();
  readonly #stopped = new AbortController();
  #following: Promise<void> = Promise.resolve();

  constructor(deps: { bus: Bus; site: string; clock: Clock; log: Logger }) {
    this.#deps = deps;
    this.#roster = new Roster(deps.site);
  }

  async start(): Promise<void> {
    this.#following = followAgents(this.#deps, this.#roster, this.#stopped.signal, ({ site, agent, cameras }) => {
      if (site !== this.#deps.site) return;
      for (const [camera, of] of this.#agentOf) if (of === agent && !(camera in cameras)) this.#agentOf.delete(camera);
      for (const camera of Object.keys(cameras)) this.#agentOf.set(camera, agent);
    });
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#following;
  }

  /** Agents heard of lately, sorted by id. */
  living(): KnownAgent[] {
    return this.#roster.living(this.#deps.clock.monotonic());
  }

  /** Clock of the camera's agent minus this machine's, ms; 0 while nothing is known of it. */
  offsetMs(camera: string): number {
    const agent = this.#agentOf.get(camera);
    return agent === undefined ? 0 : (this.#roster.get(agent)?.clockOffsetMs ?? 0);
  }
}
