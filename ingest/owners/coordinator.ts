import type { Bus, Consumer, Message, Producer, Table } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { KnownAgent, Roster } from '../../runtime/fleet/roster.ts';
import type { Component } from '../../runtime/lifecycle.ts';
import type { Logger } from '../../runtime/log.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import { cameraKey, TOPICS } from '../../runtime/messages/topics.ts';
import type { CameraOwner } from '../../runtime/messages/types.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { toTimestamp } from '../../runtime/time.ts';
import { type AgentLoad, type CameraLoad, type Move, type MoveReason, plan } from './assign.ts';

export interface CoordinatorOptions {
  bus: Bus;
  site: string;
  log: Logger;
  metrics: Metrics;
  clock: Clock;
  producer: Producer;
  /** Of `cameras.v1`, `camera.owners.v1` and `agent.orders.v1`, started. */
  cameras: Table;
  owners: Table;
  orders: Table;
  /** Fed by the agent, whether it leads or not: who takes over knows at once who lives. */
  roster: Roster;
  /** Whether the roster tells who lives: what is not heard of an agent may not have been heard by this one. */
  judges: () => boolean;
}

const TICK_MS = 1_000;
const STAND_AGAIN_MS = 5_000;
/** Changes that come together are answered together. */
const GATHER_MS = 20;
/** A move whose new owner does not say that it runs the camera holds up others no longer than this. */
const MOVE_LIMIT_MS = 10_000;

interface Camera extends CameraLoad {
  owner: string | null;
  /** Of the newest record that is known, -1 where there is none. */
  epoch: number;
  cpu: number | null;
  movedAt: number;
}

/** A move that the new owner has not answered yet. */
interface UnderWay {
  to: string;
  epoch: number;
  since: number;
  reason: MoveReason;
}

/**
 * Stands for election, and gives each camera to an agent while it holds the election's only partition.
 * Everything it knows it can learn anew: it keeps no state of its own. Two of them for a moment do no
 * harm: the newest record of a camera counts, whoever wrote it.
 */
export class Coordinator implements Component {
  readonly name = 'coordinator';
  readonly #options: CoordinatorOptions;
  readonly #log: Logger;
  readonly #cameras = new Map<string, Camera>();
  readonly #underWay = new Map<string, UnderWay>();
  readonly #stopped = new AbortController();
  #consumer: Consumer | null = null;
  #offs: (() => void)[] = [];
  #leads = false;
  #timer: NodeJS.Timeout | undefined;
  #acting: Promise<void> = Promise.resolve();
  #actAgain = false;
  #failed = false;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#log = options.log.child({ part: 'coordinator' });
  }

  get leads(): boolean {
    return this.#leads;
  }

  /** Resolves when it is known whether this one leads, and if so what there was to do at once is done. */
  async start(): Promise<void> {
    const { cameras, owners, orders } = this.#options;
    this.#offs = [
      cameras.onChange((message) => this.#whileLeading(() => this.#cameraChanged(message))),
      owners.onChange((message) => this.#whileLeading(() => this.#ownerChanged(message))),
      orders.onChange(() => this.look()),
    ];
    await this.#stand();
    void this.#tickUntilStopped();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const off of this.#offs) off();
    clearTimeout(this.#timer);
    // Gives the partition back, so that another one leads at once.
    await this.#consumer?.stop();
    await this.#follow();
  }

  /** Something may have changed: acts soon. */
  look(): void {
    if (!this.#leads || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.act();
    }, GATHER_MS);
  }

  /** Acts now. Resolves when what there was to do is done. */
  act(): Promise<void> {
    this.#actAgain = true;
    this.#acting = this.#acting.then(async () => {
      if (!this.#actAgain) return;
      this.#actAgain = false;
      await this.#act();
    });
    return this.#acting;
  }

  async #stand(): Promise<void> {
    const { bus, site, clock } = this.#options;
    const { signal } = this.#stopped;
    const consumer = bus.consumer(`coordinator-${site}`, [TOPICS.coordinator.name], (delivery) => delivery.ack(), {
      onAssigned: () => this.#lead(),
      onRevoked: () => this.#follow(),
      onError: async (error) => {
        if (signal.aborted) return;
        this.#log.error({ err: error }, 'out of the election; standing again');
        await this.#follow();
        await clock.sleep(STAND_AGAIN_MS, signal);
        if (!signal.aborted) await this.#stand().catch((cause: unknown) => this.#log.error({ err: cause }, 'election'));
      },
    });
    this.#consumer = consumer;
    await consumer.start();
  }

  async #lead(): Promise<void> {
    if (this.#leads) return;
    const { cameras, owners, site } = this.#options;
    this.#leads = true;
    this.#cameras.clear();
    for (const [, message] of cameras.entries()) this.#cameraChanged(message);
    for (const [, message] of owners.entries()) this.#ownerChanged(message);
    this.#log.info({ cameras: this.#cameras.size }, 'leads');
    await this.#forgetRemoved(site);
    await this.act();
  }

  async #follow(): Promise<void> {
    if (this.#leads) this.#log.info('leads no more');
    this.#leads = false;
    await this.#acting;
    this.#cameras.clear();
    this.#underWay.clear();
  }

  #whileLeading(change: () => void): void {
    if (!this.#leads) return;
    change();
    this.look();
  }

  #cameraChanged({ key, value }: Message): void {
    const camera = this.#nameOf(key);
    if (camera === undefined) return;
    if (value === null) {
      this.#cameras.delete(camera);
      this.#underWay.delete(camera);
      void this.#forget(key);
    } else if (!this.#cameras.has(camera)) {
      this.#cameras.set(camera, { owner: null, epoch: -1, cpu: null, movedAt: Number.NEGATIVE_INFINITY });
    }
  }

  #ownerChanged(message: Message): void {
    const camera = this.#cameras.get(this.#nameOf(message.key) ?? '');
    // What this one wrote since is newer than what comes back.
    if (!camera || message.offset < camera.epoch) return;
    camera.owner = ownerIn(message);
    camera.epoch = message.offset;
  }

  #nameOf(key: string): string | undefined {
    const prefix = cameraKey(this.#options.site, '');
    return key.startsWith(prefix) ? key.slice(prefix.length) : undefined;
  }

  async #tickUntilStopped(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await clock.sleep(TICK_MS, signal);
      if (this.#leads && !signal.aborted) await this.act();
    }
  }

  async #act(): Promise<void> {
    const { clock, judges, orders, site, producer } = this.#options;
    const now = clock.monotonic();
    // Who does not hear must not take the others' silence for their death.
    if (!this.#leads || !judges()) return;
    const agents = this.#options.roster.living(now);
    this.#learn(agents, now);
    const loads = agents.map(({ record }): AgentLoad => {
      const isToDrain = orders.get(cameraKey(site, record.agent)) !== undefined;
      const state = record.state === 'running' && isToDrain ? 'draining' : record.state;
      return { id: record.agent, capacity: record.capacity, state: state === 'gone' ? 'leaving' : state };
    });
    const moves = plan({ cameras: this.#cameras, agents: loads, underWay: this.#underWay.size, now });
    if (moves.length > 0) this.#say(moves);
    try {
      await Promise.all(moves.map((move) => this.#make(move)));
      // An order outlives its agent no longer than the agent is missed.
      for (const [key] of orders.entries()) {
        const agent = this.#nameOf(key);
        if (agent !== undefined && !this.#options.roster.get(agent)) {
          await producer.send(TOPICS.agentOrders.name, { key, value: null });
        }
      }
      this.#failed = false;
    } catch (error) {
      if (!this.#failed && !this.#stopped.signal.aborted) {
        this.#log.error({ err: error }, 'cannot give cameras to agents; trying again');
      }
      this.#failed = true;
    }
  }

  /** What the agents say of their cameras. */
  #learn(agents: readonly KnownAgent[], now: number): void {
    for (const { record } of agents) {
      for (const [name, { epoch, cpu }] of Object.entries(record.cameras)) {
        const camera = this.#cameras.get(name);
        if (camera && camera.owner === record.agent && cpu !== null) camera.cpu = cpu;
        const move = this.#underWay.get(name);
        if (move && move.to === record.agent && move.epoch === epoch) this.#underWay.delete(name);
      }
    }
    for (const [name, { since }] of this.#underWay) if (now - since > MOVE_LIMIT_MS) this.#underWay.delete(name);
  }

  async #make({ camera: name, to, reason }: Move): Promise<void> {
    const { producer, site, clock, metrics } = this.#options;
    const owner: CameraOwner = { site, camera: name, agent: to, at: toTimestamp(clock.now()) };
    const { offset } = await producer.send(TOPICS.owners.name, {
      key: cameraKey(site, name),
      value: encodeJson(owner),
    });
    metrics.inc('camera_moves_total', { reason });
    const camera = this.#cameras.get(name);
    if (!camera) return;
    camera.owner = to;
    camera.epoch = offset;
    camera.movedAt = clock.monotonic();
    // Cameras that nobody had wait for nobody.
    if (reason === 'drain' || reason === 'balance') {
      this.#underWay.set(name, { to, epoch: offset, since: camera.movedAt, reason });
    }
  }

  #say(moves: readonly Move[]): void {
    const of = (reason: MoveReason): Move[] => moves.filter((move) => move.reason === reason);
    for (const reason of ['unowned', 'drain', 'leave', 'balance'] as const) {
      const some = of(reason);
      if (some.length === 0) continue;
      const shown = some.slice(0, 10).map(({ camera, from, to }) => `${camera}: ${from ?? 'nobody'} to ${to}`);
      this.#log.info({ reason, cameras: some.length, moves: shown }, 'cameras given to agents');
    }
  }

  /** Cameras taken out of the configuration while nobody led leave nothing behind. */
  async #forgetRemoved(site: string): Promise<void> {
    const { bus, cameras, owners } = this.#options;
    const statuses = bus.table(TOPICS.status.name);
    await statuses.start();
    const keys = new Set([...statuses.entries(), ...owners.entries()].map(([key]) => key));
    await statuses.stop();
    const gone = [...keys].filter((key) => key.startsWith(cameraKey(site, '')) && !cameras.get(key));
    await Promise.all(gone.map((key) => this.#forget(key)));
  }

  async #forget(key: string): Promise<void> {
    const { producer } = this.#options;
    try {
      await producer.send(TOPICS.status.name, { key, value: null });
      await producer.send(TOPICS.owners.name, { key, value: null });
    } catch (error) {
      // The next one to lead finds it.
      this.#log.warn({ key, err: error }, 'cannot forget a camera that was removed');
    }
  }
}

/** Null for a record that nobody can read: the camera is then given to somebody. */
function ownerIn(message: Message): string | null {
  if (message.value === null) return null;
  try {
    return parseMessage('camera.owners.v1', message).agent;
  } catch {
    return null;
  }
}
