import { describe, expect, it } from 'vitest';
import type { RuleRecord } from '../../runtime/messages/types.ts';
import { apply, openIncidents, reconcile } from './engine.ts';
import { cameraRecord, cameraRules, newState, play, ruleRecord, START, summary, timeline } from './timeline.ts';

/** Frames come every 0.2 s, the first at 0.2; zone `road`, min_duration_s 0.5, hold_s 1.5, detect_within_s 2. */
type Row = [name: string, timeline: string, expected: string, rule?: Partial<RuleRecord>];

function check(rows: Row[], defaults: Partial<RuleRecord> = {}): void {
  it.each(rows)('%s', (_, text, expected, rule = {}) => {
    expect(summary(play(timeline(text), cameraRules({ ...defaults, ...rule })))).toBe(expected);
  });
}

describe('zone_entry opens', () => {
  check([
    ['when presence lasted', 'L0 L1*4', 'opened@1'],
    ['never on a single sample', 'L0*5 L1 L0*5', ''],
    ['never on a single sample, even without a minimum', 'L0 L1 L0*3', '', { min_duration_s: 0 }],
    ['on the second sample without a minimum', 'L0 L1*2', 'opened@0.6', { min_duration_s: 0 }],
    ['for one person who is found again after quiet', 'L1 Q2 L1', 'opened@2.4'],
    ['not for one who was there at one end only', 'L1 Q2 L0 Q2 L1 Q2 L0', ''],
    ['over shed frames between two looks', 'L1 S0.4 L1', 'opened@0.8'],
    ['not over more blindness than the rule promises', 'L1 B3 L1 L0*3', ''],
    ['from presence after the blindness alone', 'L1*2 B3 L1*4', 'opened@4.2'],
    ['with the tentative time of a track that is confirmed', 'L:a? L:a? L:a? L:a', 'opened@0.8'],
    ['never for one that stays tentative', 'L:a?*10', ''],
    ['not with the time of other tentative tracks', 'L:x? L:y? L:z? L:w? L:a L', ''],
    ['over a sample that missed', 'L1 L:a~ L:a~ L1', 'opened@0.8'],
    ['when the id switches', 'L:a L:a L:a~+b? L:b', 'opened@0.8'],
    ['not for somebody who left between', 'L1*2 L:a! L1*2 L:a!', ''],
    ['not for other classes', 'L:car1*10', ''],
    ['not outside', 'L:a!*10', ''],
    ['not for somebody in the hysteresis band who comes', 'L:a@0.5,0.495*10', ''],
    ['anywhere without a zone', 'L:a!*4', 'opened@0.8', { zone: null }],
  ]);
});

describe('zone_entry is one incident while occupied', () => {
  check([
    ['five people', 'L1*4 L:a+b+c+d+e*10', 'opened@0.8 updated@1.8'],
    ['people one after the other', 'L:a*6 L:b*6 L:c*6', 'opened@0.8 updated@1.8 updated@2.8'],
    ['a gap shorter than the hold', 'L1*4 L0*8 L1*4', 'opened@0.8'],
    ['somebody in the band who goes', 'L:a@0.5,0.55*4 L:a@0.5,0.495*20', 'opened@0.8'],
    ['somebody standing still for ten minutes', 'L1*4 Q2*300 L1 Q2*300 L1', 'opened@0.8'],
    ['somebody standing still whom one heartbeat misses', 'L1*4 Q2 L0 Q2 L1 Q2 L0 Q2 L1', 'opened@0.8'],
    ['an empty look once, then quiet', 'L1*4 L0 Q60', 'opened@0.8'],
    ['a new track that is not confirmed yet', 'L:a*4 L*6 L:b?*6 L:b*4', 'opened@0.8 updated@3.4'],
  ]);
});

describe('zone_entry closes', () => {
  check([
    ['after the hold, looked at', 'L1*4 L0*9', 'opened@0.8 closed:left@2.6'],
    ['not before it', 'L1*4 L0*8', 'opened@0.8'],
    ['also when the tracker still believes in the track', 'L1*4 L:a~*9', 'opened@0.8 closed:left@2.6'],
    ['by heartbeats once the gate is closed', 'L1*4 L0 Q2 L0', 'opened@0.8 closed:left@3.2'],
    ['when everybody is outside', 'L1*4 L:a!*9', 'opened@0.8 closed:left@2.6'],
    ['over shed frames between empty looks', 'L1*4 L0 S1.3 L0', 'opened@0.8 closed:left@2.5'],
    ['not over blindness between empty looks', 'L1*4 L0 B1.5 L0 L0', 'opened@0.8'],
    ['after looked time alone when some was blind', 'L1*4 L0*5 B1.5 L0*5', 'opened@0.8 closed:left@4.3'],
    [
      'six visits three seconds apart',
      'L0*5 L1*20 L0*15 L1*20 L0*15 L1*20 L0*15 L1*20 L0*15 L1*20 L0*15 L1*20 L0*15',
      [0, 1, 2, 3, 4, 5].map((n) => `opened@${1.8 + 7 * n} closed:left@${6.8 + 7 * n}`).join(' '),
    ],
  ]);
});

describe('unobserved', () => {
  check([
    ['not at the first starved frame', 'L1*4 S0.5*3', 'opened@0.8'],
    ['once nobody looked for what the rule promises', 'L1*4 S0.5*6', 'opened@0.8 unobserved@3.3'],
    ['blind, promptly and once', 'L1*4 B0.5*20', 'opened@0.8 unobserved@3.3'],
    ['never closes as left', 'L1*4 B600 S600', 'opened@0.8 unobserved@600.8'],
    ['never closes by the empty looks before', 'L1*4 L0*8 B3 L0 L0', 'opened@0.8 unobserved@5.4'],
    ['is the same incident when still occupied', 'L1*4 B3*3 run L1*9', 'opened@0.8 unobserved@3.8 updated@10'],
    [
      'is the same with a new track within the hold',
      'L1*4 B3 run L0*7 L:b*5',
      'opened@0.8 unobserved@3.8 updated@4.8 updated@5.8',
    ],
    ['closes when found empty', 'L1*4 B3 run L0*9', 'opened@0.8 unobserved@3.8 updated@4.8 closed:left@5.6'],
    ['does not end by quiet alone', 'L1*4 B3 run Q2*9', 'opened@0.8 unobserved@3.8'],
    ['is given up after an hour', 'L1*4 B1200*4', 'opened@0.8 unobserved@1200.8 closed:camera_lost@4800.8'],
    ['is given up after an hour without a record', 'L1*4 gap4000 L0', 'opened@0.8 closed:camera_lost@4001'],
    [
      'is another one after being given up',
      'L1*4 B1800*3 L1*4',
      'opened@0.8 unobserved@1800.8 closed:camera_lost@5400.8 opened@5401.6',
    ],
    ['does not mind a new run or a new owner', 'L1*4 run L1*4 epoch L1*4', 'opened@0.8'],
    ['comes and goes', 'L1*4 B3 L1*6 B3 L1*6', 'opened@0.8 unobserved@3.8 updated@4.8 unobserved@8 updated@9'],
  ]);

  it('says why, and until when', () => {
    const [, lost, back] = play(timeline('L1*4 B3 run L1*9'), cameraRules({}));
    expect(lost).toMatchObject({ state: 'unobserved', unobservedReason: 'blind:RTSP_STALLED', closedAt: null });
    expect(back).toMatchObject({ state: 'open', unobservedReason: null });
  });
});

describe('dwell', () => {
  const passer = (id: string) => [1, 2, 3, 4, 5, 6, 7, 8, 9].map((x) => `L:${id}@0.${x},0.7 `).join('');
  const near = (id: string) => `L:${id}@0.5,0.7`;
  check(
    [
      ['opens after its seconds', 'L1*26', 'opened@5.2'],
      ['not for passers-by one after another', 'abcdefgh'.replace(/./g, passer), ''],
      ['carries on when the id switches', `${near('a')}*15 L ${near('b')}*12`, 'opened@5.2'],
      ['not for somebody who appears elsewhere', 'L:a@0.2,0.7*15 L:b@0.8,0.7*14', ''],
      ['not for somebody beside one who is still there', `L:a@0.5,0.7*10 L:a@0.5,0.7+b@0.52,0.7*14`, ''],
      ['forgives a step outside shorter than the hold', 'L1*13 L:a!*5 L1*8', 'opened@5.2'],
      ['not a longer one', 'L1*13 L:a!*10 L1*15', ''],
      ['counts quiet time', 'L1 Q3 L1 Q3 L1', 'opened@6.6'],
      ['closes when the one who stayed has gone', 'L1*26 L:b@0.1,0.9*9', 'opened@5.2 closed:left@7'],
      [
        'outlasts blindness',
        'L1*26 B3 run L:x@0.6,0.8*6 L*9',
        'opened@5.2 unobserved@8.2 updated@9.2 closed:left@11.2',
      ],
    ],
    { type: 'dwell', dwell_s: 5 },
  );
});

describe('line_crossing', () => {
  const path = (id: string, ...ys: number[]) => ys.map((y) => `L:${id}@0.5,${y}`).join(' ');
  const once = (at: number) => `opened@${at} closed:crossed@${at}`;
  check(
    [
      ['at once', path('a', 0.3, 0.45, 0.6), once(0.6)],
      ['each way once a track', path('a', 0.3, 0.6, 0.3, 0.6, 0.3), `${once(0.4)} ${once(0.6)}`],
      ['each track', 'L:a@0.4,0.4+b@0.6,0.4 L:a@0.4,0.6+b@0.6,0.6', `${once(0.4)} ${once(0.4)}`],
      ['over samples too near the line', path('a', 0.4, 0.495, 0.505, 0.6), once(0.8)],
      ['not back and forth in the band', path('a', 0.4, 0.495, 0.505, 0.495, 0.4), ''],
      ['in, when in counts', path('a', 0.4, 0.6), once(0.4), { direction: 'in' }],
      ['not out, when in counts', path('a', 0.6, 0.4), '', { direction: 'in' }],
      ['in after out, when in counts', path('a', 0.6, 0.4, 0.6), once(0.6), { direction: 'in' }],
      ['not past its end', 'L:a@0.9,0.4 L:a@0.9,0.6', ''],
      ['when the track is confirmed, at the time of the crossing', 'L:a?@0.5,0.4 L:a?@0.5,0.6 L:a@0.5,0.7', once(0.4)],
      ['not a track that never is', 'L:a?@0.5,0.4 L:a?@0.5,0.6 L', ''],
      ['not another track', 'L:a@0.5,0.4 L:b@0.5,0.6', ''],
      ['not the last place of a coasting track', 'L:a@0.5,0.4 L:a~@0.5,0.6 L', ''],
    ],
    { type: 'line_crossing', zone: null, line: 'entrance' },
  );

  it('has its own id a track, and says which way', () => {
    const crossings = play(
      timeline('L:a@0.4,0.4+b@0.6,0.6 L:a@0.4,0.6+b@0.6,0.4'),
      cameraRules({ type: 'line_crossing', zone: null, line: 'entrance' }),
    );
    expect(crossings.map(({ revision, state, direction, line }) => ({ revision, state, direction, line }))).toEqual([
      { revision: 1, state: 'open', direction: 'in', line: 'entrance' },
      { revision: 2, state: 'closed', direction: 'in', line: 'entrance' },
      { revision: 1, state: 'open', direction: 'out', line: 'entrance' },
      { revision: 2, state: 'closed', direction: 'out', line: 'entrance' },
    ]);
    expect(new Set(crossings.map(({ id }) => id)).size).toBe(2);
  });
});

describe('camera_offline', () => {
  check(
    [
      ['opens when the camera gave nothing for so long', 'L0 B2*3', 'opened@6.2'],
      ['not before', 'L0 B2*2', ''],
      ['for a camera that never came', 'B2*3', 'opened@6'],
      ['when nothing at all arrives', 'L0 S5:no_input S2:no_input', 'opened@5.2'],
      ['not for detectors without time', 'L0 S2*10', ''],
      ['not for short ones that add up', 'L0 B2 L0 B2 L0 B2 L0', ''],
      ['closes when pictures come again for the hold', 'L0 B2*3 run L0*9', 'opened@6.2 closed:left@8'],
      ['closes by quiet too', 'L0 B2*3 run Q1 Q1', 'opened@6.2 closed:left@8.2'],
      ['is not closed by a flicker', 'L0 B2*3 L0*3 B2*3 L0*3', 'opened@6.2'],
    ],
    { type: 'camera_offline', zone: null, min_duration_s: 5 },
  );
});

describe('schedules', () => {
  const at = (iso: string, text: string, rule: Partial<RuleRecord>) =>
    play(timeline(text, Date.parse(iso)), cameraRules(rule)).map(
      ({ transition, closeReason, updatedAt }) => `${closeReason ?? transition} ${updatedAt}`,
    );
  const everyDay = [0, 1, 2, 3, 4, 5, 6];
  const dublin = { days: everyDay, timezone: 'Europe/Dublin' };

  it.each<[string, string, string, { from: string; to: string }, string[]]>([
    [
      'somebody inside when it begins opens it',
      '2026-11-21T19:59:58.000Z',
      'L1*20',
      { from: '20:00', to: '06:00' },
      ['opened 2026-11-21T20:00:00.600Z'],
    ],
    [
      'it ends with the schedule',
      '2026-11-22T05:59:58.000Z',
      'L1*20',
      { from: '20:00', to: '06:00' },
      ['opened 2026-11-22T05:59:58.800Z', 'schedule_end 2026-11-22T06:00:00.000Z'],
    ],
    [
      'it ends with the schedule though unobserved',
      '2026-11-22T05:59:50.000Z',
      'L1*4 B4*3',
      { from: '20:00', to: '06:00' },
      [
        'opened 2026-11-22T05:59:50.800Z',
        'unobserved 2026-11-22T05:59:54.800Z',
        'schedule_end 2026-11-22T06:00:02.800Z',
      ],
    ],
    ['out of schedule nothing opens', '2026-11-21T12:00:00.000Z', 'L1*20', { from: '20:00', to: '06:00' }, []],
    // 2026-03-29 01:00 UTC: 01:00 becomes 02:00. A night that ends at 06:00 ends at 05:00 UTC.
    [
      'spring: the end moves with the clock',
      '2026-03-29T04:59:58.000Z',
      'L1*20',
      { from: '20:00', to: '06:00' },
      ['opened 2026-03-29T04:59:58.800Z', 'schedule_end 2026-03-29T05:00:00.000Z'],
    ],
    [
      'spring: a start that does not exist is the instant of the change',
      '2026-03-29T00:59:58.000Z',
      'L1*20',
      { from: '01:30', to: '06:00' },
      ['opened 2026-03-29T01:00:00.600Z'],
    ],
    // 2026-10-25 01:00 UTC: 02:00 becomes 01:00. A night that ends at 06:00 ends at 06:00 UTC.
    [
      'autumn: the end moves back',
      '2026-10-25T05:59:58.000Z',
      'L1*20',
      { from: '20:00', to: '06:00' },
      ['opened 2026-10-25T05:59:58.800Z', 'schedule_end 2026-10-25T06:00:00.000Z'],
    ],
    [
      'autumn: an end that comes twice is the second one',
      '2026-10-25T00:29:58.000Z',
      'L1*20',
      { from: '20:00', to: '01:30' },
      ['opened 2026-10-25T00:29:58.800Z'],
    ],
  ])('%s', (_, start, text, hours, expected) => {
    expect(at(start, text, { schedule: { ...dublin, ...hours } })).toEqual(expected);
  });
});

describe('what an incident says', () => {
  it('names place, time, people, the best picture', () => {
    const records = timeline('L:a@0.5,0.6*4 L:a@0.5,0.6+b@0.3,0.9*4 L:a@0.5,0.6*2 L*9');
    for (const record of records.slice(5)) for (const track of record.tracks) if (track.id === 'b') track.score = 0.95;
    const [opened, updated, closed] = play(records, cameraRules({}));
    expect(opened).toMatchObject({
      revision: 1,
      state: 'open',
      site: 'yard',
      camera: 'gate',
      rule: 'on-road',
      zone: 'road',
      severity: 'high',
      openedAt: '2026-11-21T20:00:00.800Z',
      peopleMax: 1,
      tracks: [
        { id: 'a', class: 'person', firstSeen: '2026-11-21T20:00:00.200Z', lastSeen: '2026-11-21T20:00:00.800Z' },
      ],
      peak: { captureTime: '2026-11-21T20:00:00.800Z', frame: { topic: 'frames.v1', offset: '3' } },
      model: { id: 'yolox-nano' },
      muted: false,
    });
    expect(updated).toMatchObject({
      revision: 2,
      transition: 'updated',
      peopleMax: 2,
      updatedAt: '2026-11-21T20:00:01.800Z',
    });
    expect(updated?.tracks.map(({ id, score }) => [id, score])).toEqual([
      ['a', 0.8],
      ['b', 0.95],
    ]);
    expect(updated?.peak).toMatchObject({ captureTime: '2026-11-21T20:00:01.200Z', frame: { offset: '5' } });
    expect(closed).toMatchObject({ revision: 3, state: 'closed', closeReason: 'left', closedAt: closed?.updatedAt });
    expect(new Set([opened?.id, updated?.id, closed?.id]).size).toBe(1);
  });

  it('lists a bounded number of tracks', () => {
    const crowd = Array.from({ length: 80 }, (_, n) => `L:p${n}*5`).join(' ');
    const last = play(timeline(crowd), cameraRules({})).at(-1);
    expect(last?.tracks.length).toBe(50);
    expect(last?.tracks.at(-1)?.id).toBe('p79');
  });

  it('updates at most once a second', () => {
    const incidents = play(timeline(Array.from({ length: 60 }, (_, n) => `L:p${n}`).join(' ')), cameraRules({}));
    const times = incidents.map(({ updatedAt }) => Date.parse(updatedAt));
    expect(times.length).toBeGreaterThan(5);
    for (const [index, time] of times.entries())
      if (index > 0) expect(time - (times[index - 1] ?? 0)).toBeGreaterThanOrEqual(1000);
  });
});

describe('time and order', () => {
  check([
    ['a clock set back neither closes nor opens', 'L1*4 back3600 L1*4', 'opened@0.8'],
    ['nor keeps one from closing', 'L1*4 back3600 L1*4 L0*9', 'opened@0.8 closed:left@0.8'],
    ['updates go on after it', 'L1*4 back3600 L2*6', 'opened@0.8 updated@0.8'],
    ['and presence begins anew', 'L1*2 back3600 L1*2 L0*2', ''],
  ]);

  it('drops records of an earlier owner', () => {
    const records = timeline('L1*2 epoch L1 L1*4');
    const late = timeline('L0 L0 L0 L0');
    const state = newState();
    for (const record of records.slice(0, 3)) apply(state, record, cameraRules({}));
    for (const record of late) {
      const before = structuredClone(state);
      expect(apply(state, { ...record, source: null }, cameraRules({})).dropped).toBe('epoch');
      expect(state).toEqual(before);
    }
  });

  it('drops records whose source was applied, and keeps those that have none', () => {
    const records = timeline('L1*4 L2*4 S5 B3');
    const state = newState();
    const config = cameraRules({});
    const once = play(records, config, state);
    expect(once.length).toBeGreaterThan(1);
    for (const record of records) expect(apply(state, record, config).dropped).toBe('replayed');
    const [concluded] = timeline('S2:no_input');
    if (!concluded) throw new Error('no record');
    expect(apply(state, { ...concluded, epoch: 1, source: null }, config).dropped).toBeNull();
  });

  it('goes on from a snapshot as if nothing had happened', () => {
    const records = timeline('L1*4 L2*6 L0*3 B3 L1*5 L0*20 L2*10 L0*9');
    const config = cameraRules(
      {},
      { rule: 'stay', type: 'dwell', dwell_s: 1 },
      { rule: 'off', type: 'camera_offline' },
    );
    const expected = play(records, config);
    let state = newState();
    const out = records.flatMap((record) => {
      state = JSON.parse(JSON.stringify(state));
      return apply(state, record, config).incidents;
    });
    expect(out).toEqual(expected);
  });
});

describe('configuration', () => {
  it('closes the incident of a rule that was removed, with the next record or without', () => {
    const state = newState();
    play(timeline('L1*4'), cameraRules({}), state);
    expect(openIncidents(state)).toHaveLength(1);
    const copy = structuredClone(state);
    expect(summary(reconcile(state, cameraRules()))).toBe('closed:rule_removed@0.8');
    expect(openIncidents(state)).toHaveLength(0);
    expect(reconcile(state, cameraRules())).toEqual([]);
    expect(summary(reconcile(copy, null))).toBe('closed:rule_removed@0.8');
  });

  it('takes another zone or kind for another rule, other numbers for the same', () => {
    const state = newState();
    play(timeline('L1*4'), cameraRules({}), state);
    expect(reconcile(state, cameraRules({ hold_s: 60, severity: 'low' }))).toEqual([]);
    expect(summary(reconcile(state, cameraRules({ zone: null })))).toBe('closed:rule_removed@0.8');
  });

  it('waits while the camera does not have the zone that the rule names', () => {
    const state = newState();
    const config = cameraRules({});
    const [first, second] = [timeline('L1*4'), timeline('L1*4 L0*20').slice(4)];
    play(first, config, state);
    const without = { ...config, camera: cameraRecord({ zones: {} }) };
    expect(play(second, without, state)).toEqual([]);
    expect(openIncidents(state)).toHaveLength(1);
  });

  it('uses a moved zone from the next sample on', () => {
    const state = newState();
    play(timeline('L1*4'), cameraRules({}), state);
    const moved = {
      ...cameraRules({}),
      camera: cameraRecord({
        zones: {
          road: [
            [0, 0],
            [1, 0],
            [1, 0.2],
          ],
        },
      }),
    };
    expect(summary(play(timeline('L1*4 L1*9').slice(4), moved, state))).toBe('closed:left@2.6');
  });

  it('holds the rules of one camera apart', () => {
    const rules = [ruleRecord({ rule: 'one' }), ruleRecord({ rule: 'two', min_duration_s: 1 })];
    const incidents = play(timeline('L1*6'), { camera: cameraRecord(), rules, lostS: 60 });
    expect(incidents.map(({ rule, openedAt }) => [rule, Date.parse(openedAt) - START])).toEqual([
      ['one', 800],
      ['two', 1200],
    ]);
    expect(new Set(incidents.map(({ id }) => id)).size).toBe(2);
  });
});
