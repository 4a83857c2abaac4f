import { describe, expect, it } from 'vitest';
import { type AgentLoad, BALANCE_TOLERANCE, type CameraLoad, type Move, plan, type Situation } from './assign.ts';

/** Numbers that are the same on each run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

class Fleet {
  readonly cameras = new Map<string, CameraLoad>();
  agents: AgentLoad[] = [];
  now = 1_000_000;

  constructor(cameras: number, cpu: (index: number) => number | null = () => 0.1) {
    for (let i = 0; i < cameras; i++) {
      this.cameras.set(`camera-${i}`, { owner: null, cpu: cpu(i), movedAt: Number.NEGATIVE_INFINITY });
    }
  }

  agent(id: string, changes: Partial<AgentLoad> = {}): this {
    this.agents = [
      ...this.agents.filter((other) => other.id !== id),
      { id, capacity: 4, state: 'running', ...changes },
    ];
    return this;
  }

  lose(id: string): this {
    this.agents = this.agents.filter((agent) => agent.id !== id);
    return this;
  }

  plan(changes: Partial<Situation> = {}): Move[] {
    return plan({ cameras: this.cameras, agents: this.agents, underWay: 0, now: this.now, ...changes });
  }

  apply(moves: readonly Move[]): Move[] {
    for (const { camera, to } of moves) {
      const cpu = this.cameras.get(camera)?.cpu ?? null;
      this.cameras.set(camera, { owner: to, cpu, movedAt: this.now });
    }
    return [...moves];
  }

  /** Round after round until there is nothing to do. @returns all moves. */
  settle(): Move[] {
    const all: Move[] = [];
    for (let round = 0; round < 1_000; round++) {
      const moves = this.apply(this.plan());
      if (moves.length === 0) return all;
      all.push(...moves);
      this.now += 1_000;
    }
    throw new Error('it never settles');
  }

  countOf(agent: string): number {
    return [...this.cameras.values()].filter(({ owner }) => owner === agent).length;
  }

  /** As a share of its capacity; what was not measured counts as the others do on average. */
  loadOf({ id, capacity }: AgentLoad): number {
    const cameras = [...this.cameras.values()];
    const measured = cameras.flatMap(({ cpu }) => cpu ?? []);
    const mean = measured.reduce((sum, cpu) => sum + cpu, 0) / measured.length;
    const own = cameras.filter(({ owner }) => owner === id);
    return own.reduce((sum, { cpu }) => sum + (cpu ?? mean), 0) / capacity;
  }
}

describe('cameras over agents', () => {
  it('gives every camera to one agent at once, evenly', () => {
    const fleet = new Fleet(60).agent('a').agent('b').agent('c');
    const moves = fleet.apply(fleet.plan());
    expect(new Set(moves.map(({ camera }) => camera)).size).toBe(60);
    expect(moves).toHaveLength(60);
    expect([fleet.countOf('a'), fleet.countOf('b'), fleet.countOf('c')]).toEqual([20, 20, 20]);
    expect(fleet.plan()).toEqual([]);
  });

  it('weighs by what cameras cost and agents can do, not by how many', () => {
    const fleet = new Fleet(40, (i) => (i < 10 ? 0.4 : 0.04))
      .agent('small', { capacity: 2 })
      .agent('big', { capacity: 6 });
    fleet.settle();
    const [small, big] = fleet.agents.map((agent) => fleet.loadOf(agent));
    expect(Math.abs((small ?? 0) - (big ?? 0))).toBeLessThan(0.1);
    expect(fleet.countOf('big')).toBeGreaterThan(fleet.countOf('small'));
  });

  it('moves nothing where nothing is wrong, whatever the costs do within the tolerance', () => {
    const fleet = new Fleet(60).agent('a').agent('b').agent('c');
    fleet.settle();
    const next = random(5);
    for (let i = 0; i < 60; i++) {
      const camera = fleet.cameras.get(`camera-${i}`);
      if (camera) fleet.cameras.set(`camera-${i}`, { ...camera, cpu: 0.1 + 0.02 * (next() - 0.5) });
    }
    fleet.now += 3_600_000;
    expect(fleet.plan()).toEqual([]);
  });

  it('moves only the cameras of an agent that died', () => {
    const fleet = new Fleet(60).agent('a').agent('b').agent('c');
    fleet.settle();
    const before = new Map([...fleet.cameras].map(([name, { owner }]) => [name, owner]));
    const moves = fleet.lose('b').settle();
    expect(moves).toHaveLength(20);
    expect(moves.every(({ from, reason }) => from === 'b' && reason === 'unowned')).toBe(true);
    for (const [name, owner] of before) if (owner !== 'b') expect(fleet.cameras.get(name)?.owner).toBe(owner);
    expect([fleet.countOf('a'), fleet.countOf('c')]).toEqual([30, 30]);
  });

  it('fills an agent that comes, a few cameras at a time, and no more than it takes', () => {
    const fleet = new Fleet(300).agent('a').agent('b');
    fleet.settle();
    fleet.agent('c');
    const first = fleet.plan();
    expect(first.length).toBeLessThanOrEqual(6);
    expect(first.every(({ to, reason }) => to === 'c' && reason === 'balance')).toBe(true);
    expect(fleet.plan({ underWay: 6 })).toEqual([]);
    fleet.now += 60_000;
    const moves = fleet.settle();
    expect(moves.length).toBeLessThanOrEqual(100);
    expect(fleet.countOf('c')).toBeGreaterThan(75);
  });

  it('empties an agent that drains a few at a time, one that leaves at once, and gives neither a camera', () => {
    const fleet = new Fleet(60).agent('a').agent('b').agent('c');
    fleet.settle();
    fleet.agent('a', { state: 'draining' });
    expect(fleet.plan()).toHaveLength(6);
    expect(fleet.plan({ underWay: 5 })).toHaveLength(1);
    fleet.settle();
    expect(fleet.countOf('a')).toBe(0);
    fleet.agent('b', { state: 'leaving' });
    const moves = fleet.apply(fleet.plan());
    expect(moves.filter(({ reason }) => reason === 'leave')).toHaveLength(30);
    expect(fleet.countOf('c')).toBe(60);
  });

  it('leaves cameras where they are while nobody could take them', () => {
    const fleet = new Fleet(5).agent('a');
    fleet.settle();
    expect(fleet.agent('a', { state: 'draining' }).plan()).toEqual([]);
    expect(fleet.lose('a').plan()).toEqual([]);
  });

  it('does not send a camera back and forth that alone is more than half of the load', () => {
    const fleet = new Fleet(1, () => 2).agent('a').agent('b');
    fleet.settle();
    fleet.now += 3_600_000;
    expect(fleet.plan()).toEqual([]);
  });

  it.each(Array.from({ length: 40 }, (_, seed) => seed + 1))('holds its promises in any fleet (seed %i)', (seed) => {
    const next = random(seed);
    const fleet = new Fleet(2 + Math.floor(next() * 200), () => (next() < 0.1 ? null : 0.02 + next() * 0.2));
    let agents = 0;
    for (let step = 0; step < 12; step++) {
      const living = fleet.agents.filter(({ state }) => state === 'running').map(({ id }) => id);
      const one = living[Math.floor(next() * living.length)];
      const what = next();
      if (living.length < 2 || what < 0.4) fleet.agent(`agent-${agents++}`, { capacity: 1 + Math.floor(next() * 8) });
      else if (one && what < 0.7) fleet.lose(one);
      else if (one) fleet.agent(one, { state: what < 0.85 ? 'draining' : 'leaving' });
      const counts = new Map([...fleet.cameras].map(([name, { owner }]) => [name, owner]));
      const alive = new Set(fleet.agents.map(({ id }) => id));
      fleet.now += 120_000;
      const moves = fleet.settle();

      const takers = fleet.agents.filter(({ state }) => state === 'running');
      const owners = [...fleet.cameras.values()].map(({ owner }) => owner);
      // Every camera has an owner, one that takes cameras.
      expect(owners.every((owner) => takers.some(({ id }) => id === owner))).toBe(true);
      // In one change a camera moves once.
      expect(new Set(moves.map(({ camera }) => camera)).size).toBe(moves.length);
      // Who could stay was moved for balance at most.
      for (const { camera, reason } of moves) {
        const owner = counts.get(camera) ?? '';
        if (reason === 'unowned') expect(alive.has(owner)).toBe(false);
        else expect(alive.has(owner)).toBe(true);
      }
      // Those just moved rest before they move for balance.
      fleet.now += 120_000;
      expect(fleet.settle().every(({ reason }) => reason === 'balance')).toBe(true);
      // Loads lie within the tolerance, or within one camera.
      const shares = takers.map((agent) => fleet.loadOf(agent));
      const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
      const slack = Math.max(...takers.map(({ capacity }) => 0.25 / capacity));
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(BALANCE_TOLERANCE * mean + slack);
    }
  });

  it('plans for 5,000 cameras and 80 agents in a moment', () => {
    const fleet = new Fleet(5_000, (i) => 0.05 + (i % 7) / 100);
    for (let i = 0; i < 80; i++) fleet.agent(`agent-${i}`);
    fleet.apply(fleet.plan());
    expect(fleet.lose('agent-7').plan().length).toBeLessThan(100);
  });
});
