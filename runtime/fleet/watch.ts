import type { Bus, Message, Producer, Table } from '../bus/types.ts';
import type { Clock } from '../clock.ts';
import { ERRORS } from '../errors.ts';
import type { Component } from '../lifecycle.ts';
import type { Logger } from '../log.ts';
import { encodeJson } from '../messages/codec.ts';
import { parseMessage } from '../messages/schemas.ts';
import { cameraKey, TOPICS } from '../messages/topics.ts';
import type { AgentState, CameraStatus } from '../messages/types.ts';
import type { Metrics } from '../metrics.ts';
import { toTimestamp } from '../time.ts';
import { followAgents } from './follow.ts';
import { AGENT_SILENT_MS, CLOCK_OFFSET_LIMIT_MS, type KnownAgent, Lasting, ownedTwice, Roster } from './roster.ts';

export interface FleetWatchDeps {
  bus: Bus;
  site: string;
  clock: Clock;
  metrics: Metrics;
  log: Logger;
  /** Agents are started after this: for so long at most nobody is missed before the first was heard. Default 0. */
  graceMs?: number;
}

const TICK_MS = 1_000;
/** After an agent's death was seen: the coordinator gives its cameras away meanwhile. */
const UNOWNED_MS = 2_500;
/** Several agents that fall silent at once: a cluster takes nine seconds to miss a broker, and nothing is heard meanwhile. */
const ALL_SILENT_MS = 15_000;
/** Handing a camera over, two run it for as long as the first needs to stop. */
const TWICE_MS = 5_000;
/** One record that came late is no clock that is off. */
const CLOCK_OFF_MS = 3_000;
/** Names in a log line. */
const NAMES = 10;
/** Statuses on their way to the bus. */
const SENDS = 200;
const STATES: readonly AgentState[] = ['running', 'draining', 'leaving'];

/**
 * Looks from outside at who owns what: cameras that no living agent has, or that two run, and agents
 * whose clocks are off. Says so as metrics, in the log, and, of cameras that nobody has, as their status,
 * since nobody else speaks of them. What it says does not depend on there being a coordinator.
 */
export class FleetWatch implements Component {
  readonly name = 'fleet-watch';
  readonly #deps: FleetWatchDeps;
  readonly #roster: Roster;
  readonly #cameras: Table;
  readonly #owners: Table;
  readonly #ownerOf = new Map<string, { agent: string; epoch: number }>();
  readonly #unowned = new Lasting();
  readonly #twice = new Lasting();
  readonly #clocksOff = new Lasting();
  readonly #stopped = new AbortController();
  /** What was said last, so that a change is said once. */
  #saidUnowned = new Set<string>();
  #saidTwice = new Set<string>();
  #saidClock = new Set<string>();
  #shown = new Set<string>();
  #producer: Producer | undefined;
  #startedAt = 0;
  #heardAny = false;
  #loops: Promise<unknown> = Promise.resolve();

  constructor(deps: FleetWatchDeps) {
    this.#deps = deps;
    this.#roster = new Roster(deps.site);
    this.#cameras = deps.bus.table(TOPICS.cameras.name);
    this.#owners = deps.bus.table(TOPICS.owners.name);
  }

  async start(): Promise<void> {
    const { bus, clock } = this.#deps;
    const { signal } = this.#stopped;
    this.#producer = bus.producer();
    await Promise.all([this.#cameras.start(), this.#owners.start()]);
    this.#owners.onChange((message) => this.#own(message));
    for (const [, message] of this.#owners.entries()) this.#own(message);
    this.#startedAt = clock.monotonic();
    this.#loops = Promise.all([followAgents(this.#deps, this.#roster, signal), this.#tickUntilStopped(signal)]);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loops;
    await Promise.all([this.#cameras.stop(), this.#owners.stop()]);
    await this.#producer?.close();
  }

  #own(message: Message): void {
    this.#ownerOf.delete(message.key);
    if (message.value === null) return;
    try {
      const { agent } = parseMessage('camera.owners.v1', message);
      this.#ownerOf.set(message.key, { agent, epoch: message.offset });
    } catch {
      // Nobody can read who has it: nobody has.
    }
  }

  async #tickUntilStopped(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    let failed = false;
    while (!signal.aborted) {
      await clock.sleep(TICK_MS, signal);
      if (signal.aborted) return;
      try {
        await this.#look();
        failed = false;
      } catch (error) {
        if (!failed) log.error({ err: error }, 'cannot say which cameras have no agent');
        failed = true;
      }
    }
  }

  async #look(): Promise<void> {
    const { clock, metrics } = this.#deps;
    const now = clock.monotonic();
    const living = this.#roster.living(now);
    this.#showAgents(living, now);

    const twice = this.#twice.update(ownedTwice(living).keys(), now, TWICE_MS);
    metrics.set('cameras_owned_twice', twice.size);
    this.#saidTwice = this.#say(twice, this.#saidTwice, 'CAMERA_OWNED_TWICE');

    // Whoever has just begun to listen has heard nobody yet.
    this.#heardAny ||= living.length > 0;
    const { graceMs = 0 } = this.#deps;
    const patienceMs = this.#heardAny ? AGENT_SILENT_MS : Math.max(AGENT_SILENT_MS, graceMs);
    if (now - this.#startedAt < patienceMs) return;
    const last = this.#roster.last();
    if (living.length === 0 && last.agents > 1 && now - last.at < ALL_SILENT_MS) return;
    const agents = new Set(living.map(({ record }) => record.agent));
    const unowned = this.#unowned.update(this.#without(agents), now, UNOWNED_MS);
    metrics.set('cameras_unowned', unowned.size);
    const fresh = [...unowned].filter((camera) => !this.#saidUnowned.has(camera));
    this.#saidUnowned = this.#say(unowned, this.#saidUnowned, 'CAMERA_UNOWNED');
    for (let from = 0; from < fresh.length; from += SENDS) {
      await Promise.all(fresh.slice(from, from + SENDS).map((camera) => this.#publish(camera)));
    }
  }

  *#without(agents: ReadonlySet<string>): Iterable<string> {
    const prefix = cameraKey(this.#deps.site, '');
    for (const [key] of this.#cameras.entries()) {
      if (key.startsWith(prefix) && !agents.has(this.#ownerOf.get(key)?.agent ?? '')) yield key.slice(prefix.length);
    }
  }

  async #publish(camera: string): Promise<void> {
    const { site, clock } = this.#deps;
    const key = cameraKey(site, camera);
    const now = toTimestamp(clock.now());
    const owner = this.#ownerOf.get(key);
    const status: CameraStatus = {
      ...{ site, camera, epoch: owner?.epoch ?? 0, agent: owner?.agent ?? '' },
      state: 'stopped',
      reason: 'CAMERA_UNOWNED',
      detail: owner ? `nothing is heard of ${owner.agent}, which had it` : 'no ingest agent was given it',
      ...{ since: now, updatedAt: now, runId: null, watched: false },
      fps: { received: 0, decoded: 0, published: 0 },
      ...{ stream: null, limitedFps: null, media: null },
    };
    await this.#producer?.send(TOPICS.status.name, { key, value: encodeJson(status) });
  }

  #say(now: Set<string>, before: Set<string>, code: 'CAMERA_UNOWNED' | 'CAMERA_OWNED_TWICE'): Set<string> {
    const { log } = this.#deps;
    const names = [...now].filter((camera) => !before.has(camera));
    if (names.length > 0) {
      log.error({ code, cameras: now.size, names: names.slice(0, NAMES) }, ERRORS[code].message);
    } else if (now.size === 0 && before.size > 0) {
      log.info({ code }, 'no camera is without its one agent any more');
    }
    return now;
  }

  #showAgents(living: readonly KnownAgent[], now: number): void {
    const { metrics, log } = this.#deps;
    for (const state of STATES) {
      metrics.set('agents', living.filter(({ record }) => record.state === state).length, { state });
    }
    metrics.set('agents_leading', living.filter(({ record }) => record.leads).length);
    for (const { record, clockOffsetMs } of living) {
      const { agent, cameras } = record;
      metrics.set('agent_cameras', Object.keys(cameras).length, { agent });
      metrics.set('agent_clock_offset_seconds', clockOffsetMs / 1_000, { agent });
    }
    const agents = new Set(living.map(({ record }) => record.agent));
    for (const agent of this.#shown) {
      if (agents.has(agent)) continue;
      metrics.remove('agent_cameras', { agent });
      metrics.remove('agent_clock_offset_seconds', { agent });
    }
    this.#shown = agents;

    const off = living.filter(({ clockOffsetMs }) => Math.abs(clockOffsetMs) > CLOCK_OFFSET_LIMIT_MS);
    const names = off.map(({ record }) => record.agent);
    const lasting = this.#clocksOff.update(names, now, CLOCK_OFF_MS);
    for (const { record, clockOffsetMs } of off) {
      const { agent } = record;
      if (!lasting.has(agent) || this.#saidClock.has(agent)) continue;
      const offset_s = Math.round(clockOffsetMs / 100) / 10;
      log.warn({ code: 'AGENT_CLOCK_OFFSET', agent, offset_s }, ERRORS.AGENT_CLOCK_OFFSET.message);
    }
    this.#saidClock = lasting;
  }
}
