import { describe, expect, it } from 'vitest';
import type { RuleRecord } from '../../runtime/messages/types.ts';
import { apply } from './engine.ts';
import { cameraRules, newState, START, timeline } from './timeline.ts';

type Row = [name: string, timeline: string, expected: string, rule?: Partial<RuleRecord>];

/** `on-road@3.2`: rules and seconds since the start. */
function nearMisses(text: string, rules: Partial<RuleRecord>[], startMs = START): string {
  const config = cameraRules(...rules);
  const state = newState();
  return timeline(text, startMs)
    .flatMap((record) =>
      apply(state, record, config).nearMisses.map(
        ({ rule }) => `${rule}@${Math.round(Date.parse(record.to) - startMs) / 1000}`,
      ),
    )
    .join(' ');
}

/** Looks that find nobody for 4 s, which is the hold. */
const GONE = 'L0*21';

/** Frames come every 0.2 s, the first at 0.2; zone `road`, min_duration_s 0.5, hold_s 4, detect_within_s 2. */
function check(rows: Row[], defaults: Partial<RuleRecord> = {}): void {
  it.each(rows)('%s', (_, text, expected, rule = {}) => {
    expect(nearMisses(text.replaceAll('GONE', GONE), [{ hold_s: 4, ...defaults, ...rule }])).toBe(expected);
  });
}

describe('somebody who left in time is a near miss', () => {
  check([
    ['once nobody was there for the hold', 'GONE L1*2 GONE', 'on-road@8.8'],
    ['not before it', 'GONE L1*2 L0*20', ''],
    [
      'not before a track that is found again could make it an incident',
      'GONE L1*2 GONE',
      'on-road@8.8',
      { hold_s: 1 },
    ],
    ['not before a longer hold', 'GONE L0*10 L1*2 L0*31', 'on-road@12.8', { hold_s: 6 }],
    ['seen by a single look', 'GONE L1 GONE', 'on-road@8.6'],
    ['each time', 'GONE L1*2 GONE L1*2 GONE', 'on-road@8.8 on-road@13.4'],
    ['once, for who steps in and out within the hold', `GONE ${'L1*2 L:a!*9 '.repeat(5)} GONE`, 'on-road@17.6'],
    ['once, for several', 'GONE L:a L:a+b L:b! GONE', 'on-road@8.8'],
    ['who stands outside', 'GONE L:a*2 L:a!*21', 'on-road@8.8'],
    ['whom the tracker still believes in', 'GONE L:a*2 L:a~*21', 'on-road@8.8'],
    ['seen to be gone by heartbeats once the gate is closed', 'L0 Q2 L0 Q2 L0 L1*2 L0 Q2 L0 Q2 L0', 'on-road@9.6'],
    ['over shed frames', 'GONE L1 S0.4 L0 S1.3 L0 S1.3 L0 S1 L0', 'on-road@9.2'],
    ['over a new run and a new owner', 'GONE L1*2 run L0*9 epoch L0*12', 'on-road@8.8'],
  ]);
});

describe('no near miss is', () => {
  check([
    ['an incident', 'GONE L1*4 GONE', ''],
    ['what happens while it is held open', 'GONE L1*4 L0*9 L1 GONE', ''],
    ['one who was nearly an incident and then was', 'GONE L1*2 L:a!*9 L1*4 GONE', ''],
    ['one who is found again and was there for long enough', 'GONE L1*2 L0*9 L1 GONE', ''],
    ['one that stays', 'GONE L1*2', ''],
    ['nobody', 'GONE Q20 GONE', ''],
    ['somebody outside', 'GONE L:a!*2 GONE', ''],
    ['another class', 'GONE L:car1*2 GONE', ''],
    ['one who stays tentative', 'GONE L:a?*10 GONE', ''],
    ['somebody who is there when looking begins', 'L1*2 GONE', ''],
    ['somebody whom blindness cuts off', 'GONE L1*2 B3 GONE', ''],
    ['somebody whom nobody had time to look at', 'GONE L1*2 S3 GONE', ''],
    ['somebody whom blindness follows before the hold is over', 'GONE L1*2 L0*9 B3 GONE', ''],
    ['somebody whom a gap without a record cuts off', 'GONE L1*2 gap3 GONE', ''],
    ['somebody who is there when blindness ends', 'GONE B3 L1*2 GONE', ''],
    ['somebody within the hold after blindness', 'GONE B3 L0*9 L1*2 GONE', ''],
    ['somebody after whom the clock is set back', 'GONE L1*2 back3600 GONE', ''],
    ['an incident that nobody saw the end of', 'GONE L1*4 B3 GONE', ''],
  ]);
  check([['a crossed line', 'GONE L:a@0.5,0.4 L:a@0.5,0.6 GONE', '']], {
    type: 'line_crossing',
    zone: null,
    line: 'entrance',
  });
  check([['a camera that was away for a moment', 'GONE B2 GONE', '']], {
    type: 'camera_offline',
    zone: null,
    min_duration_s: 5,
  });
});

describe('the next one counts again after', () => {
  check([
    ['blindness', 'GONE L1*2 B3 GONE L1*2 GONE', 'on-road@16.4'],
    ['an incident', 'GONE L1*4 GONE L1*2 GONE', 'on-road@13.8'],
    ['an incident that was given up', 'GONE L1*4 B1800*3 GONE L1*2 GONE', 'on-road@5413.8'],
  ]);
});

describe('dwell', () => {
  check(
    [
      ['counts who passes', 'GONE L1*10 GONE', 'on-road@10.4'],
      ['counts once those who pass without a break', 'GONE L:a*10 L:b@0.1,0.9*10 L:c@0.9,0.9*10 GONE', 'on-road@14.4'],
      ['not who stayed', 'GONE L1*26 GONE', ''],
      ['not who stayed under two ids', 'GONE L:a*15 L0*15 L:b*2 L0*15 L:b*9 GONE', '', { hold_s: 1 }],
      ['not who passes while somebody stays, nor right after', 'GONE L:a*26 L:b@0.1,0.9*24 GONE', ''],
      ['the one after', 'GONE L1*26 GONE L1*3 GONE', 'on-road@18.4'],
    ],
    { type: 'dwell', dwell_s: 5 },
  );
});

describe('schedules', () => {
  const schedule = { days: [0, 1, 2, 3, 4, 5, 6], from: '20:00', to: '20:01', timezone: 'UTC' };

  it.each<[string, number, string, string, string]>([
    ['nobody counts before it', 20, '20:00:00', 'GONE L1*2 GONE', ''],
    ['who is there when it begins and leaves', 1, '20:00:00', 'L0*3 L1*3 GONE', 'on-road@5.4'],
    ['not who left before', 1, '20:00:00', 'L0 L1*2 GONE GONE', ''],
    ['who came, and was gone when it ended', 5, '20:01:00', 'GONE L1*2 L0*9', 'on-road@5'],
    ['not who is still there when it ends', 4.6, '20:01:00', 'GONE L1*4 GONE', ''],
    ['not who was gone when nobody looked any more', 9, '20:01:00', 'GONE L1*2 L0*4 B2*5', ''],
  ])('%s', (_, secondsBefore, time, text, expected) => {
    const startMs = Date.parse(`2026-11-21T${time}.000Z`) - secondsBefore * 1000;
    expect(nearMisses(text.replaceAll('GONE', GONE), [{ hold_s: 4, schedule }], startMs)).toBe(expected);
  });
});

describe('state', () => {
  it('counts each rule by itself', () => {
    const rules = [{ rule: 'one' }, { rule: 'two', min_duration_s: 2 }, { rule: 'three', hold_s: 5 }];
    expect(nearMisses(`L0*30 L1*4 L0*30`, rules)).toBe('two@11');
    expect(nearMisses(`L0*30 L1*2 L0*30`, rules)).toBe('one@10.6 two@10.6 three@11.6');
  });

  const records = timeline(`${GONE} L1*2 ${GONE} B3 ${GONE} L1*2 L0*4 L1 ${GONE} L1*9 ${GONE} L2*2 ${GONE}`);

  it('goes on from a snapshot, records repeated or not, and counts nothing twice', () => {
    const config = cameraRules({ hold_s: 4 }, { rule: 'stay', type: 'dwell', dwell_s: 3 });
    const count = (state = newState(), from = 0, to = records.length): string[] =>
      records.slice(from, to).flatMap((record) => apply(state, record, config).nearMisses.map(({ rule }) => rule));
    const expected = count();
    expect(expected).toEqual(['on-road', 'stay', 'stay', 'stay', 'on-road', 'stay']);
    for (let cut = 0; cut <= records.length; cut += 1) {
      const state = newState();
      const before = count(state, 0, cut);
      const after = count(JSON.parse(JSON.stringify(state)), Math.max(0, cut - 20));
      expect([...before, ...after], `cut at ${cut}`).toEqual(expected);
    }
  });

  it('goes on from the snapshot of a version that had none', () => {
    const state = newState();
    const config = cameraRules({});
    const count = (from: number, to: number): number =>
      records.slice(from, to).flatMap((record) => apply(state, record, config).nearMisses).length;
    expect(count(0, 23)).toBe(0);
    for (const { memory } of Object.values(state.rules)) if (memory.kind === 'zone') delete memory.visit;
    // Nobody knows of the first one.
    expect(count(23, 44)).toBe(0);
    expect(count(44, records.length)).toBe(1);
  });

  it('forgets with the rule', () => {
    const state = newState();
    for (const [index, record] of records.entries()) {
      if (index === 44) break;
      const rules = index === 30 ? cameraRules() : cameraRules({});
      expect(apply(state, record, rules).nearMisses).toEqual([]);
    }
  });
});
