import { describe, expect, it } from 'vitest';
import type { AgentRecord } from '../messages/types.ts';
import { toTimestamp } from '../time.ts';
import { AGENT_SILENT_MS, Lasting, ownedTwice, Roster } from './roster.ts';

const WALL = Date.UTC(2026, 5, 1);

function record(agent: string, changes: Partial<AgentRecord> = {}): AgentRecord {
  return {
    ...{ site: 'yard', agent, at: toTimestamp(WALL), seq: 0, state: 'running', leads: false, capacity: 4 },
    cameras: {},
    ...changes,
  };
}

const cameras = (...names: string[]): AgentRecord['cameras'] =>
  Object.fromEntries(names.map((name) => [name, { epoch: 1, cpu: null }]));

describe('a roster', () => {
  it('takes for dead who was not heard for five seconds, whatever their clocks say', () => {
    const roster = new Roster('yard');
    roster.hear(record('a', { at: toTimestamp(WALL - 3_600_000) }), { monotonic: 0, wall: WALL });
    roster.hear(record('b', { at: toTimestamp(WALL + 3_600_000) }), { monotonic: 1, wall: WALL });
    expect(roster.living(AGENT_SILENT_MS).map(({ record: { agent } }) => agent)).toEqual(['a', 'b']);
    expect(roster.living(AGENT_SILENT_MS + 1).map(({ record: { agent } }) => agent)).toEqual(['b']);
    expect(roster.living(AGENT_SILENT_MS + 2)).toEqual([]);
  });

  it('forgets at once who says that it is gone, and does not hear other sites', () => {
    const roster = new Roster('yard');
    roster.hear(record('a'), { monotonic: 0, wall: WALL });
    roster.hear(record('x', { site: 'other' }), { monotonic: 0, wall: WALL });
    expect(roster.living(1)).toHaveLength(1);
    roster.hear(record('a', { state: 'gone' }), { monotonic: 1, wall: WALL });
    expect(roster.living(1)).toEqual([]);
  });

  it('measures a clock by the record that came quickest, and anew once the clock was set', () => {
    const roster = new Roster('yard');
    const hear = (saidMs: number, heardMs: number): number => {
      const at = toTimestamp(WALL + saidMs);
      roster.hear(record('a', { at }), { monotonic: heardMs, wall: WALL + heardMs });
      return roster.get('a')?.clockOffsetMs ?? Number.NaN;
    };
    expect(hear(0, 400)).toBe(-400);
    expect(hear(1_000, 1_010)).toBe(-10);
    expect(hear(2_000, 2_700)).toBe(-10);
    expect(hear(33_000, 3_005)).toBe(29_995);
    expect(hear(34_000, 4_900)).toBe(29_995);
    expect(hear(5_000, 5_020)).toBe(-20);
  });

  it('keeps what many agents said that never came back within bounds', () => {
    const roster = new Roster('yard');
    for (let i = 0; i < 1_000; i++) {
      roster.hear(record(`a${i}`), { monotonic: i * 1_000, wall: WALL });
      roster.living(i * 1_000);
    }
    expect(Array.from({ length: 1_000 }, (_, i) => roster.get(`a${i}`)).filter(Boolean).length).toBeLessThan(60);
  });
});

it('cameras that two run are told with who runs them', () => {
  const roster = new Roster('yard');
  for (const [agent, names] of [
    ['a', ['c1', 'c2']],
    ['b', ['c2', 'c3']],
  ] as const) {
    roster.hear(record(agent, { cameras: cameras(...names) }), { monotonic: 0, wall: WALL });
  }
  expect(ownedTwice(roster.living(0))).toEqual(new Map([['c2', ['a', 'b']]]));
});

it('what passes is not told, what lasts is', () => {
  const lasting = new Lasting();
  expect(lasting.update(['x', 'y'], 0, 1_000)).toEqual(new Set());
  expect(lasting.update(['x'], 900, 1_000)).toEqual(new Set());
  expect(lasting.update(['x', 'y'], 1_100, 1_000)).toEqual(new Set(['x']));
  expect(lasting.update([], 2_000, 1_000)).toEqual(new Set());
  expect(lasting.update(['x'], 2_100, 1_000)).toEqual(new Set());
});
