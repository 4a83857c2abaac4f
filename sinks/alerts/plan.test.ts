import { describe, expect, it } from 'vitest';
import type { Schedule } from '../../runtime/messages/types.ts';
import { samplePolicy } from './channels/testing.ts';
import { HOUR_MS, type Policy, plan, policyOf, type WaitingRow } from './plan.ts';

/** A Sunday evening, UTC. */
const NOON = Date.parse('2026-11-22T12:00:00.000Z');
const NIGHT: Schedule = { days: [0, 1, 2, 3, 4, 5, 6], from: '22:00', to: '06:00', timezone: 'UTC' };
const at = (time: string): number => Date.parse(`2026-11-22T${time}:00.000Z`);

function row(seq: number, over: Partial<WaitingRow> = {}): WaitingRow {
  const times = { enteredMs: NOON, capturedMs: over.enteredMs ?? NOON, nextMs: over.enteredMs ?? NOON };
  return {
    seq,
    incident: `i-${seq}`,
    critical: false,
    health: false,
    ...times,
    batch: null,
    rest: false,
    told: false,
    over: false,
    ...over,
  };
}

const policy = (over: Partial<Policy> = {}): Policy => ({
  quiet_hours: null,
  group_wait_s: 0,
  max_per_hour: null,
  escalate_after_s: 0,
  together: false,
  ...over,
});

function decide(
  rows: readonly WaitingRow[],
  over: Partial<Policy>,
  now = NOON,
  { sends = [], judged = [] }: { sends?: number[]; judged?: string[] } = {},
) {
  const { send, drop, nextMs } = plan(rows, policy(over), { now, sends, acknowledged: (id) => judged.includes(id) });
  return { send, drop: drop.map(({ seq, why }) => `${seq} ${why}`), inS: (nextMs - now) / 1000 };
}

it('a channel that wants nothing of it has no plan', () => {
  expect(policyOf({ ...samplePolicy(), type: 'slack', url: { env: 'X' } })).toBeNull();
});

describe('grouping', () => {
  const group = { group_wait_s: 30, together: true };

  it('forty at once are one message, so long after the first', () => {
    const forty = Array.from({ length: 40 }, (_, n) => row(n + 1, { enteredMs: NOON + n * 100 }));
    expect(decide(forty, group, NOON + 5_000)).toEqual({ send: [], drop: [], inS: 25 });
    expect(decide(forty, group, NOON + 30_000).send).toEqual(forty.map(({ seq }) => seq));
  });

  it('of very many so many that one message holds them', () => {
    const many = Array.from({ length: 250 }, (_, n) => row(n + 1));
    expect(decide(many, group, NOON + 30_000).send).toHaveLength(100);
  });

  it('what was tried together stays together, alone, until it is due again', () => {
    const tried = [1, 2].map((seq) => row(seq, { batch: 1, nextMs: NOON + 90_000 }));
    const later = row(3, { enteredMs: NOON });
    expect(decide([...tried, later], group, NOON + 30_000).send).toEqual([3]);
    expect(decide([...tried, later], group, NOON + 90_000).send).toEqual([1, 2]);
  });

  it('what is left for some receivers goes again by itself, and holds up nothing', () => {
    const left = row(1, { incident: 'a', batch: 1, rest: true, nextMs: NOON + 60_000, told: true });
    const end = row(2, { incident: 'a', told: true });
    expect(decide([left, end], group, NOON + 30_000).send).toEqual([2]);
    expect(decide([left, end], group, NOON + 60_000).send).toEqual([1]);
  });

  it('nothing of an incident goes past what failed of it', () => {
    const tried = row(1, { batch: 1, incident: 'a', nextMs: NOON + 90_000 });
    const next = row(2, { incident: 'a' });
    expect(decide([tried, next], group, NOON + 30_000)).toEqual({ send: [], drop: [], inS: 60 });
  });
});

describe('where nobody said how', () => {
  const unsaid = { group_wait_s: null, together: true };
  const down = (seq: number, enteredMs = NOON) => row(seq, { enteredMs, health: true });

  it('a person in a zone never waits, and a burst goes as one after the first', () => {
    expect(decide([row(1)], unsaid).send).toEqual([1]);
    expect(decide([row(2), row(3), row(4)], unsaid).send).toEqual([2, 3, 4]);
  });

  it('forty cameras behind one dead switch wait for each other, from the first of them', () => {
    const forty = Array.from({ length: 40 }, (_, n) => down(n + 1, NOON + n * 200));
    expect(decide(forty, unsaid, NOON + 8_000)).toEqual({ send: [], drop: [], inS: 7 });
    expect(decide(forty, unsaid, NOON + 15_000).send).toEqual(forty.map(({ seq }) => seq));
  });

  it('nobody takes along who still waits for company', () => {
    const rows = [down(1), row(2, { critical: true }), down(3)];
    expect(decide(rows, unsaid, NOON + 1_000).send).toEqual([2]);
    expect(decide([down(1), down(3)], unsaid, NOON + 1_000).inS).toBe(14);
    expect(decide(rows, { ...unsaid, max_per_hour: 1 }, NOON + 1_000).send).toEqual([2]);
  });

  it('is the default of what people read alone', () => {
    const slack = { ...samplePolicy({ group_wait_s: null }), type: 'slack', url: { env: 'X' } } as const;
    expect(policyOf(slack)).toMatchObject({ together: true });
    expect(policyOf({ ...slack, group_wait_s: 0 })).toBeNull();
  });
});

describe('quiet hours', () => {
  const quiet = { quiet_hours: NIGHT };

  it('hold everything but what is critical, and then let it out as one', () => {
    const held = [row(1, { enteredMs: at('23:00') }), row(2, { enteredMs: at('23:10') })];
    const grave = row(3, { enteredMs: at('23:20'), critical: true });
    expect(decide(held, quiet, at('23:20'))).toEqual({ send: [], drop: [], inS: 6 * 3600 + 40 * 60 });
    expect(decide([...held, grave], quiet, at('23:20')).send).toEqual([3]);
    const morning = at('06:00') + 24 * HOUR_MS;
    expect(decide([...held, row(4, { enteredMs: morning })], quiet, morning).send).toEqual([1, 2]);
  });

  it('by day each goes by itself', () => {
    expect(decide([row(1), row(2)], quiet).send).toEqual([1]);
  });
});

describe('so many an hour', () => {
  const limited = { max_per_hour: 2, together: true };
  const sends = [NOON - 50 * 60_000, NOON - 10_000];

  it('what is over waits for the next one and goes with it, nothing lost', () => {
    expect(decide([row(1)], limited, NOON, { sends: [NOON - 10_000] }).send).toEqual([1]);
    expect(decide([row(1), row(2)], limited, NOON, { sends })).toEqual({ send: [], drop: [], inS: 600 });
    expect(decide([row(1), row(2)], limited, NOON + 600_000, { sends }).send).toEqual([1, 2]);
  });

  it('what is critical does not wait, and takes along what does', () => {
    expect(decide([row(1), row(2, { critical: true })], limited, NOON, { sends }).send).toEqual([1, 2]);
  });

  it('a clock that was set back holds nothing', () => {
    expect(decide([row(1)], limited, NOON, { sends: [NOON + HOUR_MS, NOON + HOUR_MS] }).send).toEqual([1]);
  });
});

describe('escalation', () => {
  const later = { escalate_after_s: 300 };

  it('speaks of what is open and not judged after so long', () => {
    expect(decide([row(1)], later)).toEqual({ send: [], drop: [], inS: 300 });
    expect(decide([row(1)], later, NOON + 300_000).send).toEqual([1]);
  });

  it('keeps quiet of what was judged or is over', () => {
    const rows = [row(1), row(2, { over: true }), row(3, { over: true, incident: 'i-2' })];
    expect(decide(rows, later, NOON + 10_000, { judged: ['i-1'] })).toMatchObject({
      send: [],
      drop: ['1 acknowledged', '2 over', '3 over'],
    });
  });

  it('says the end of what it has spoken of at once, whoever has judged it', () => {
    const end = row(2, { incident: 'a', told: true, over: true });
    expect(decide([end], later, NOON, { judged: ['a'] }).send).toEqual([2]);
  });

  it('counts from the first transition, and from no later than it came in', () => {
    const ahead = row(1, { capturedMs: NOON + HOUR_MS, incident: 'a' });
    const second = row(2, { enteredMs: NOON + 200_000, incident: 'a' });
    expect(decide([ahead, second], later, NOON + 200_000).inS).toBe(100);
  });
});

it('says when to look again: at the first of all reasons', () => {
  const rows = [row(1), row(2, { batch: 2, nextMs: NOON + 40_000 }), row(3, { enteredMs: NOON - 290_000 })];
  expect(decide(rows, { escalate_after_s: 300 }).inS).toBe(10);
  expect(decide([], {}).inS).toBe(Number.POSITIVE_INFINITY);
});
