import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalBusServer } from '../../runtime/bus/local/server.ts';
import { type BusAddress, openBus } from '../../runtime/bus/open.ts';
import type { Bus, Message, Producer, Table } from '../../runtime/bus/types.ts';
import { systemClock } from '../../runtime/clock.ts';
import { followAgents } from '../../runtime/fleet/follow.ts';
import { type KnownAgent, Roster } from '../../runtime/fleet/roster.ts';
import { silentLogger } from '../../runtime/log.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import type { CameraOwner } from '../../runtime/messages/types.ts';
import { cameraRecord } from '../ingest/camera_record.ts';
import { family } from '../processes.ts';
import { until } from '../wait.ts';
import type { AgentProcessOptions } from './agent_process.ts';
import { RtspStub } from './rtsp_stub.ts';

/** One `quiet` of a camera's stand-in, as it came. */
export interface Sight {
  /** Monotonic ms of this process. */
  at: number;
  camera: string;
  agent: string;
  epoch: number;
  runId: string;
}

/** Its right to run cameras lasts five seconds from its last word: nearer than this nobody can tell from outside. */
const NEARLY_LOST_MS = 3_500;

/** Ingest agents in processes of their own over one bus, with stand-ins for cameras that say what they do. */
export class IngestFleet {
  readonly dir = mkdtempSync(join(tmpdir(), 'banksman-fleet-'));
  readonly roster = new Roster('yard');
  /** What cameras published, in the order of arrival. */
  readonly sights: Sight[] = [];
  /** Every record of `camera.owners.v1`: who was given a camera under which epoch. */
  readonly given: { camera: string; agent: string; epoch: number }[] = [];
  /** Who spoke, when by its own clock, and when it was heard by the monotonic one of this process; ms. */
  readonly #words: { agent: string; at: number; heardAt: number }[] = [];
  readonly #agents = new Map<string, ChildProcess>();
  readonly #rtsp = new RtspStub();
  readonly #over = new AbortController();
  readonly #loops: Promise<void>[] = [];
  readonly #given: BusAddress | undefined;
  #server: LocalBusServer | undefined;
  #bus: Bus | undefined;
  #producer: Producer | undefined;
  #owners: Table | undefined;

  /** @param address of a bus that is there; else it hosts a local one. */
  constructor(address?: BusAddress) {
    this.#given = address;
  }

  async start(): Promise<void> {
    await this.#rtsp.start();
    if (!this.#given) {
      this.#server = new LocalBusServer({ dataDir: this.dir });
      await this.#server.start();
    }
    this.#bus = await openBus(this.address, { clientId: 'fleet', log: silentLogger, onLost: () => undefined });
    this.#producer = this.bus.producer();
    this.#owners = this.bus.table('camera.owners.v1');
    await this.#owners.start();
    const { signal } = this.#over;
    this.#loops.push(
      followAgents({ bus: this.bus, clock: systemClock, log: silentLogger }, this.roster, signal, ({ agent, at }) =>
        this.#words.push({ agent, at: Date.parse(at), heardAt: performance.now() }),
      ),
      this.#followSights(signal),
      this.#followOwners(signal),
    );
  }

  async stop(): Promise<void> {
    for (const id of [...this.#agents.keys()]) await this.kill(id);
    this.#over.abort();
    await Promise.all(this.#loops);
    await this.#bus?.close();
    await this.#server?.stop();
    await this.#rtsp.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  get address(): BusAddress {
    return this.#given ?? { type: 'local', socket: this.socket };
  }

  get socket(): string {
    return this.#server?.socketPath ?? '';
  }

  get bus(): Bus {
    if (!this.#bus) throw new Error('not started');
    return this.#bus;
  }

  async addCameras(...names: string[]): Promise<void> {
    const send = (name: string) => {
      const value = encodeJson(cameraRecord({ camera: name, url: this.#rtsp.url(`/${name}`) }));
      return this.#producer?.send('cameras.v1', { key: cameraKey('yard', name), value });
    };
    await Promise.all(names.map(send));
  }

  async removeCamera(name: string): Promise<void> {
    await this.#producer?.send('cameras.v1', { key: cameraKey('yard', name), value: null });
  }

  /** A record that nobody can read. */
  async poison(topic: string, key: string): Promise<void> {
    await this.#producer?.send(topic, { key, value: Buffer.from('{"site":') });
  }

  /** Does not wait for it. */
  launch(agentId: string, options: Partial<AgentProcessOptions> = {}): ChildProcess {
    const dataDir = join(this.dir, agentId);
    mkdirSync(dataDir, { recursive: true });
    const all: AgentProcessOptions = { agentId, dataDir, busAddress: this.address, skewMs: 0, ...options };
    const child = fork(join(import.meta.dirname, 'agent_process.ts'), [JSON.stringify(all)], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', process.env['FLEET_LOG'] ? 'inherit' : 'ignore', 'ipc'],
    });
    this.#agents.set(agentId, child);
    return child;
  }

  /** As a machine that loses power: the agent at once, its cameras with it. */
  async kill(agentId: string): Promise<void> {
    const child = this.#agents.get(agentId);
    this.#agents.delete(agentId);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const members = family(child.pid ?? 0);
    const gone = once(child, 'exit');
    for (const { pid } of members) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // ended by itself
      }
    }
    await gone;
  }

  /** As asked to by whoever runs it. @returns its exit code. */
  async end(agentId: string): Promise<number | null> {
    const child = this.#agents.get(agentId);
    if (!child) throw new Error(`no agent ${agentId}`);
    const gone = once(child, 'exit');
    child.send('stop');
    await gone;
    this.#agents.delete(agentId);
    return child.exitCode;
  }

  pidOf(agentId: string): number {
    return this.#agents.get(agentId)?.pid ?? 0;
  }

  living(): KnownAgent[] {
    return this.roster.living(systemClock.monotonic());
  }

  /** Starts them and waits until all are heard of: who comes later waits a minute for its share of what is given. */
  async launchAll(ids: readonly string[], options: (id: string) => Partial<AgentProcessOptions> = () => ({})) {
    for (const id of ids) this.launch(id, options(id));
    const isThere = (id: string): boolean => this.living().some(({ record }) => record.agent === id);
    await until(`agents ${ids.join(', ')}`, () => ids.every(isThere), 300_000);
  }

  /** Cameras by the agent that owns them, by the newest records. */
  owned(): Map<string, string[]> {
    const owned = new Map<string, string[]>();
    for (const [, message] of this.#owners?.entries() ?? []) {
      const owner = ownerIn(message);
      if (!owner) continue;
      const { camera, agent } = owner;
      owned.set(agent, [...(owned.get(agent) ?? []), camera]);
    }
    return owned;
  }

  /** Waits until each of these agents owns as many. */
  async shared(agents: readonly string[], cameras: number): Promise<void> {
    await until(
      `${cameras} cameras each for ${agents.join(', ')}`,
      () => {
        const sizes = agents.map((id) => this.owned().get(id)?.length ?? 0);
        if (sizes.some((size) => size !== cameras)) throw new Error(String(sizes));
        return true;
      },
      300_000,
    );
  }

  /**
   * Of these agents those that spoke all the time since `from` (monotonic ms). One that a machine did not run for
   * seconds loses its cameras, rightly.
   */
  steady(agents: readonly string[], from: number): string[] {
    return agents.filter((id) => {
      const words = this.#words.filter(({ agent }) => agent === id);
      const since = words.slice(
        Math.max(
          0,
          words.findLastIndex(({ heardAt }) => heardAt < from),
        ),
      );
      const gaps = since
        .slice(1)
        .map(({ at, heardAt }, i) => Math.max(at - (since[i]?.at ?? at), heardAt - (since[i]?.heardAt ?? heardAt)));
      return Math.max(0, ...gaps) < NEARLY_LOST_MS;
    });
  }

  ownerOf(camera: string): string | undefined {
    return [...this.owned()].find(([, cameras]) => cameras.includes(camera))?.[0];
  }

  /** Waits until each of these cameras is seen anew, by an agent of these. */
  async seen(cameras: readonly string[], agents: readonly string[], limitMs = 180_000): Promise<void> {
    const from = this.sights.length;
    const missing = new Set(cameras);
    let at = from;
    await until(
      `sights of ${cameras.length} cameras by ${agents.join(', ')}`,
      () => {
        for (; at < this.sights.length; at++) {
          const sight = this.sights[at];
          if (sight && agents.includes(sight.agent)) missing.delete(sight.camera);
        }
        if (missing.size > 0) throw new Error(`missing: ${[...missing].slice(0, 5).join(', ')} (${missing.size})`);
        return true;
      },
      limitMs,
    );
  }

  /** What never may be: two agents under one epoch, or a camera run by somebody whom nobody gave it. */
  violations(): string[] {
    const byEpoch = new Map<string, string>();
    const found: string[] = [];
    for (const { camera, agent, epoch } of this.given) byEpoch.set(`${camera} ${epoch}`, agent);
    for (const { camera, agent, epoch } of this.sights) {
      const owner = byEpoch.get(`${camera} ${epoch}`);
      if (owner !== agent) found.push(`${camera} ${epoch}: published by ${agent}, given to ${owner}`);
    }
    return [...new Set(found)];
  }

  /** Longest time without sight of a camera since `from` (monotonic ms), up to now. */
  longestGapMs(camera: string, from: number): number {
    let last = from;
    let longest = 0;
    for (const { camera: of, at } of this.sights) {
      if (of !== camera || at < from) continue;
      longest = Math.max(longest, at - last);
      last = at;
    }
    return Math.max(longest, performance.now() - last);
  }

  async #followSights(signal: AbortSignal): Promise<void> {
    for await (const message of this.bus.tail('observations.v1', 'latest', { signal })) {
      const agent = message.headers['agent'];
      if (agent === undefined) continue;
      const { camera, epoch, runId } = parseMessage('observations.v1', message);
      this.sights.push({ at: performance.now(), camera, agent, epoch, runId });
    }
  }

  async #followOwners(signal: AbortSignal): Promise<void> {
    for await (const message of this.bus.tail('camera.owners.v1', 'latest', { signal })) {
      const owner = ownerIn(message);
      if (!owner) continue;
      const { camera, agent } = owner;
      this.given.push({ camera, agent, epoch: message.offset });
    }
  }
}

/** Undefined for a removal, and for what nobody can read. */
function ownerIn(message: Message): CameraOwner | undefined {
  try {
    return parseMessage('camera.owners.v1', message);
  } catch {
    return undefined;
  }
}
