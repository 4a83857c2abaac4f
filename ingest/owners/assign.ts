/**
 * Which agent should have which camera. Pure: the fleet comes in, moves come out.
 *
 * Sticky: a camera with a living agent stays where it is unless that agent gives its cameras away or
 * the load is out of balance, because each move costs the camera some seconds of sight.
 */

export interface CameraLoad {
  /** Null: nobody was ever given it. */
  readonly owner: string | null;
  /** CPU seconds a second, null while nobody has measured it. */
  readonly cpu: number | null;
  /** Monotonic ms of its last move, -Infinity when it never moved. */
  readonly movedAt: number;
}

export interface AgentLoad {
  readonly id: string;
  /** CPU seconds a second that it can spend. */
  readonly capacity: number;
  /** `running` takes cameras, the others give theirs away: `leaving` all at once. */
  readonly state: 'running' | 'draining' | 'leaving';
}

export interface Move {
  readonly camera: string;
  readonly from: string | null;
  readonly to: string;
  readonly reason: MoveReason;
}

export type MoveReason = 'unowned' | 'drain' | 'leave' | 'balance';

export interface Situation {
  readonly cameras: ReadonlyMap<string, CameraLoad>;
  /** Those that live. */
  readonly agents: readonly AgentLoad[];
  /** Moves begun and not yet seen done: new ones of `drain` and `balance` wait for them. */
  readonly underWay: number;
  /** Monotonic ms. */
  readonly now: number;
}

/** What a camera costs in any case: its process, its connection. */
const LEAST_CPU = 0.01;
/** Of one that nobody has measured, where nothing else was measured either. */
const GUESSED_CPU = 0.05;
/** Loads may lie this far apart, as a share of their mean, before cameras move for it. */
export const BALANCE_TOLERANCE = 0.25;
/** A camera moved for balance stays at least so long. */
const REST_MS = 60_000;
/** Of all cameras, at a time. */
const DRAIN_SHARE = 0.1;
const BALANCE_SHARE = 0.02;
const LEAST_MOVES = 2;

/** Moves to make now. Cameras without an agent first, then those whose agent gives them away, then balance. */
export function plan(situation: Situation): Move[] {
  const load = new Load(situation);
  if (load.takers.length === 0) return [];
  const moves: Move[] = [];
  const move = (camera: string, to: string, reason: MoveReason): void => {
    moves.push({ camera, from: situation.cameras.get(camera)?.owner ?? null, to, reason });
    load.move(camera, to);
  };
  for (const camera of load.unowned()) move(camera, load.lightest(camera), 'unowned');
  for (const camera of load.ownedBy('leaving')) move(camera, load.lightest(camera), 'leave');

  const most = (share: number): number =>
    Math.max(LEAST_MOVES, Math.ceil(share * situation.cameras.size)) - situation.underWay;
  const draining = load.ownedBy('draining').slice(0, Math.max(0, most(DRAIN_SHARE)));
  for (const camera of draining) move(camera, load.lightest(camera), 'drain');
  for (let left = most(BALANCE_SHARE) - draining.length; left > 0; left--) {
    const better = load.improvement(situation.now);
    if (!better) break;
    move(better.camera, better.to, 'balance');
  }
  return moves;
}

/** The fleet while moves are thought up. */
class Load {
  readonly takers: readonly AgentLoad[];
  readonly #cameras: ReadonlyMap<string, CameraLoad>;
  readonly #agents: ReadonlyMap<string, AgentLoad>;
  readonly #owned = new Map<string, Set<string>>();
  readonly #owners = new Map<string, string>();
  /** CPU seconds a second. */
  readonly #cpu = new Map<string, number>();
  readonly #unowned: string[] = [];
  readonly #moved = new Set<string>();
  readonly #guess: number;

  constructor({ cameras, agents }: Situation) {
    this.#cameras = cameras;
    this.#agents = new Map(agents.map((agent) => [agent.id, agent]));
    this.takers = agents.filter(({ state }) => state === 'running');
    const measured = [...cameras.values()].flatMap(({ cpu }) => cpu ?? []);
    this.#guess = measured.length > 0 ? measured.reduce((sum, cpu) => sum + cpu, 0) / measured.length : GUESSED_CPU;
    for (const { id } of agents) this.#owned.set(id, new Set());
    for (const [camera, { owner }] of cameras) {
      if (owner !== null && this.#owned.has(owner)) this.#add(camera, owner);
      else this.#unowned.push(camera);
    }
  }

  /** Heaviest first: the light ones then fill what gaps are left. */
  unowned(): string[] {
    return this.#byWeight(this.#unowned);
  }

  ownedBy(state: AgentLoad['state']): string[] {
    const agents = [...this.#agents.values()].filter((agent) => agent.state === state);
    return this.#byWeight(agents.flatMap(({ id }) => [...(this.#owned.get(id) ?? [])]));
  }

  /** Where the camera weighs least; of equals the one with the fewest cameras. */
  lightest(camera: string): string {
    let best: { id: string; share: number; count: number } | undefined;
    for (const { id, capacity } of this.takers) {
      const share = ((this.#cpu.get(id) ?? 0) + this.#costOf(camera)) / capacity;
      const count = this.#owned.get(id)?.size ?? 0;
      if (!best || share < best.share || (share === best.share && count < best.count)) best = { id, share, count };
    }
    return best?.id ?? '';
  }

  move(camera: string, to: string): void {
    this.#moved.add(camera);
    const from = this.#owners.get(camera);
    if (from !== undefined) {
      this.#owned.get(from)?.delete(camera);
      this.#cpu.set(from, (this.#cpu.get(from) ?? 0) - this.#costOf(camera));
    }
    this.#add(camera, to);
  }

  /** The move that brings the fullest and the emptiest agent closest, if they are too far apart. */
  improvement(now: number): { camera: string; to: string } | undefined {
    const shares = this.takers.map(({ id, capacity }) => ({
      id,
      capacity,
      share: (this.#cpu.get(id) ?? 0) / capacity,
    }));
    const mean = shares.reduce((sum, { share }) => sum + share, 0) / shares.length;
    const [full] = shares.toSorted((a, b) => b.share - a.share);
    const [empty] = shares.toSorted((a, b) => a.share - b.share);
    if (!full || !empty || full.share - empty.share <= BALANCE_TOLERANCE * mean) return undefined;
    let best: { camera: string; apart: number } | undefined;
    for (const camera of this.#owned.get(full.id) ?? []) {
      if (this.#moved.has(camera) || now - (this.#cameras.get(camera)?.movedAt ?? 0) < REST_MS) continue;
      const cost = this.#costOf(camera);
      const after = { full: full.share - cost / full.capacity, empty: empty.share + cost / empty.capacity };
      const apart = Math.abs(after.full - after.empty);
      // One that only makes the other the full one would come back.
      if (after.empty >= full.share || (best && apart >= best.apart)) continue;
      best = { camera, apart };
    }
    return best && { camera: best.camera, to: empty.id };
  }

  #add(camera: string, to: string): void {
    this.#owners.set(camera, to);
    this.#owned.get(to)?.add(camera);
    this.#cpu.set(to, (this.#cpu.get(to) ?? 0) + this.#costOf(camera));
  }

  #costOf(camera: string): number {
    return Math.max(LEAST_CPU, this.#cameras.get(camera)?.cpu ?? this.#guess);
  }

  #byWeight(cameras: readonly string[]): string[] {
    return cameras
      .map((camera) => ({ camera, cost: this.#costOf(camera) }))
      .sort((a, b) => b.cost - a.cost || (a.camera < b.camera ? -1 : 1))
      .map(({ camera }) => camera);
  }
}
