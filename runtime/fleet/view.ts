import type { Bus, Message, Table } from '../bus/types.ts';
import type { Clock } from '../clock.ts';
import { silentLogger } from '../log.ts';
import { type JsonTopic, parseMessage, type ValueOf } from '../messages/schemas.ts';
import { cameraKey, TOPICS } from '../messages/topics.ts';
import type { AgentState, CameraState } from '../messages/types.ts';
import { followAgents } from './follow.ts';
import { ANNOUNCE_MS, CLOCK_OFFSET_LIMIT_MS, type KnownAgent, ownedTwice, Roster } from './roster.ts';

/** An ingest agent, for people and programs. */
export interface AgentView {
  agent: string;
  state: AgentState;
  leads: boolean;
  cameras: number;
  /** CPU seconds a second of its cameras, and what it can spend. */
  cpu: number;
  capacity: number;
  clockOffsetS: number;
  /** What is wrong, a code of the table of errors. */
  reason: 'AGENT_CLOCK_OFFSET' | null;
}

/** Who has a camera, and how it is. */
export interface OwnedCamera {
  camera: string;
  agent: string | null;
  epoch: number | null;
  state: CameraState | null;
  reason: string | null;
}

export function agentView({ record, clockOffsetMs }: KnownAgent, isToDrain: boolean): AgentView {
  const { agent, leads, capacity } = record;
  const loads = Object.values(record.cameras);
  return {
    ...{ agent, leads, capacity },
    state: record.state === 'running' && isToDrain ? 'draining' : record.state,
    cameras: loads.length,
    cpu: Math.round(loads.reduce((sum, { cpu }) => sum + (cpu ?? 0), 0) * 1_000) / 1_000,
    clockOffsetS: Math.round(clockOffsetMs) / 1_000,
    reason: Math.abs(clockOffsetMs) > CLOCK_OFFSET_LIMIT_MS ? 'AGENT_CLOCK_OFFSET' : null,
  };
}

/** Listens for as long as every living agent needs to say that it lives. */
export async function hearAgents(deps: { bus: Bus; site: string; clock: Clock }): Promise<KnownAgent[]> {
  const roster = new Roster(deps.site);
  const over = new AbortController();
  const following = followAgents({ ...deps, log: silentLogger }, roster, over.signal);
  await deps.clock.sleep(2 * ANNOUNCE_MS);
  over.abort();
  await following;
  return roster.living(deps.clock.monotonic());
}

/** Ids of the agents that are to drain. */
export async function drainOrders(bus: Bus, site: string): Promise<Set<string>> {
  const orders = await keysOf(bus, TOPICS.agentOrders.name);
  const prefix = cameraKey(site, '');
  return new Set(orders.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length)));
}

/** Cameras that this agent owns, by the newest records of `camera.owners.v1`. */
export function ownedBy(owners: Table, site: string, agent: string): number {
  let count = 0;
  for (const [key, message] of owners.entries()) {
    if (key.startsWith(cameraKey(site, '')) && read('camera.owners.v1', message)?.agent === agent) count += 1;
  }
  return count;
}

/** Every camera of the site, sorted by id. Reads three tables whole. */
export async function ownedCameras(bus: Bus, site: string, agents: readonly KnownAgent[]): Promise<OwnedCamera[]> {
  const [cameras, owners, statuses] = await Promise.all(
    [TOPICS.cameras, TOPICS.owners, TOPICS.status].map(async ({ name }) => {
      const table = bus.table(name);
      await table.start();
      const entries = new Map(table.entries());
      await table.stop();
      return entries;
    }),
  );
  const living = new Set(agents.map(({ record }) => record.agent));
  const twice = ownedTwice(agents);
  const prefix = cameraKey(site, '');
  const ours = [...(cameras?.keys() ?? [])].filter((key) => key.startsWith(prefix)).sort();
  return ours.map((key) => {
    const camera = key.slice(prefix.length);
    const [owner, status] = [owners?.get(key), statuses?.get(key)];
    const agent = read('camera.owners.v1', owner)?.agent ?? null;
    const told = read('camera.status.v1', status);
    const isOwned = agent !== null && living.has(agent);
    return {
      ...{ camera, agent, epoch: owner?.offset ?? null },
      state: isOwned ? (told?.state ?? null) : 'stopped',
      reason: !isOwned ? 'CAMERA_UNOWNED' : twice.has(camera) ? 'CAMERA_OWNED_TWICE' : (told?.reason ?? null),
    };
  });
}

/** Undefined also for a record that nobody can read. */
function read<T extends JsonTopic>(topic: T, message: Message | undefined): ValueOf<T> | undefined {
  try {
    return message && parseMessage(topic, message);
  } catch {
    return undefined;
  }
}

async function keysOf(bus: Bus, topic: string): Promise<string[]> {
  const table = bus.table(topic);
  await table.start();
  const keys = [...table.entries()].map(([key]) => key);
  await table.stop();
  return keys;
}
