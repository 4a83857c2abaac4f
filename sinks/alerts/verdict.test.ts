import { describe, expect, it } from 'vitest';
import type { Schedule, Transition } from '../../runtime/messages/types.ts';
import { at, sampleIncident } from '../../runtime/stores/state/samples.ts';
import { sampleWebhook } from './hook_server.ts';
import { concerns, judge, type Known } from './verdict.ts';

/** The samples' 20:00 UTC is in, an hour later is out. */
const EVENING: Schedule = { days: [0, 1, 2, 3, 4, 5, 6], from: '19:30', to: '20:30', timezone: 'UTC' };

/** What is done about each transition in turn; `m`: under a mute, `c`: within the cool-down, `o`: off schedule. */
function actions(
  story: readonly [Transition, string?][],
  transitions: Transition[] = ['opened', 'unobserved', 'closed'],
  schedule: Schedule | null = null,
) {
  const channel = { ...sampleWebhook({ transitions }), schedule };
  let known: Known | undefined;
  return story.map(([transition, circumstances = ''], index) => {
    const updatedAt = at(circumstances.includes('o') ? 3_600 : 0);
    const verdict = judge(channel, sampleIncident({ transition, revision: index + 1, updatedAt }), {
      known,
      muted: circumstances.includes('m'),
      coolingDown: circumstances.includes('c'),
    });
    known = verdict?.known;
    return `${verdict?.action}${verdict?.announces ? '!' : ''}`;
  });
}

describe('what a channel is concerned with', () => {
  it('cameras and zones or lines that it names, or all', () => {
    const wants = (over: object, incident = sampleIncident()) => concerns({ ...sampleWebhook(), ...over }, incident);
    expect(wants({ cameras: ['gate'], zones: ['road'] })).toBe(true);
    expect(wants({ cameras: ['dock'] })).toBe(false);
    expect(wants({ zones: ['lawn'] })).toBe(false);
    expect(wants({ zones: ['door'] }, sampleIncident({ zone: null, line: 'door' }))).toBe(true);
    expect(wants({ zones: ['road'] }, sampleIncident({ zone: null }))).toBe(false);
  });

  it.each([
    ['low', 'low', true],
    ['medium', 'high', false],
    ['high', 'high', true],
    ['critical', 'high', true],
  ] as const)('an incident of severity %s at a webhook from %s: %s', (severity, min_severity, expected) => {
    expect(concerns(sampleWebhook({ min_severity }), sampleIncident({ severity }))).toBe(expected);
  });

  it('rules that it names, or all', () => {
    const rules = ['other', 'person-on-road'];
    expect(concerns(sampleWebhook({ rules }), sampleIncident())).toBe(true);
    expect(concerns(sampleWebhook({ rules: ['other'] }), sampleIncident())).toBe(false);
  });
});

describe('what is said', () => {
  it('every transition that is wanted, announced once', () => {
    expect(actions([['opened'], ['updated'], ['unobserved'], ['updated'], ['closed']])).toEqual([
      'send!',
      'nothing',
      'send',
      'nothing',
      'send',
    ]);
  });

  it('nothing twice', () => {
    const circumstances = { known: { revision: 2, silenced: null }, muted: false, coolingDown: false };
    expect(judge(sampleWebhook(), sampleIncident({ revision: 2 }), circumstances)).toBeUndefined();
    expect(judge(sampleWebhook(), sampleIncident({ revision: 1 }), circumstances)).toBeUndefined();
  });

  it('the end of what was told, whatever is muted meanwhile', () => {
    expect(actions([['opened'], ['unobserved', 'm'], ['closed', 'm']])).toEqual(['send!', 'muted', 'send']);
  });

  it('no end of what was not told', () => {
    expect(actions([['opened', 'm'], ['closed']])).toEqual(['muted', 'muted']);
    expect(actions([['opened', 'c'], ['closed']])).toEqual(['cool_down', 'cool_down']);
  });

  it('what goes on after the silence, and then its end', () => {
    expect(actions([['opened', 'm'], ['unobserved', 'm'], ['unobserved'], ['closed']])).toEqual([
      'muted',
      'muted',
      'send!',
      'send',
    ]);
    expect(actions([['opened', 'c'], ['unobserved', 'c'], ['unobserved'], ['closed', 'c']])).toEqual([
      'cool_down',
      'cool_down',
      'send!',
      'send',
    ]);
  });

  it('what is not wanted ends no silence, so no end is told of what was not', () => {
    expect(actions([['opened', 'm'], ['updated'], ['closed']])).toEqual(['muted', 'nothing', 'muted']);
    expect(actions([['opened', 'c'], ['updated'], ['closed']])).toEqual(['cool_down', 'nothing', 'cool_down']);
  });

  it('more of what was told, in its own cool-down', () => {
    expect(actions([['opened'], ['unobserved', 'c'], ['closed', 'c']])).toEqual(['send!', 'send', 'send']);
  });

  it('to a webhook of closings alone what was neither muted nor within the cool-down when it opened', () => {
    const closings: Transition[] = ['closed'];
    expect(actions([['opened'], ['closed', 'c']], closings)).toEqual(['nothing!', 'send']);
    expect(actions([['opened', 'c'], ['closed']], closings)).toEqual(['nothing', 'cool_down']);
  });

  it('what begins or goes on while its schedule holds, and the end of that whenever it comes', () => {
    const evening = (...story: [Transition, string?][]) => actions(story, undefined, EVENING);
    expect(evening(['opened'], ['unobserved', 'o'], ['closed', 'o'])).toEqual(['send!', 'send', 'send']);
    expect(evening(['opened', 'o'], ['closed'])).toEqual(['off_schedule', 'off_schedule']);
    expect(evening(['opened', 'o'], ['unobserved'], ['closed', 'o'])).toEqual(['off_schedule', 'send!', 'send']);
    expect(evening(['opened', 'o'], ['updated', 'o'], ['updated'], ['updated'], ['closed', 'o'])).toEqual([
      'off_schedule',
      'nothing',
      'nothing',
      'nothing',
      'off_schedule',
    ]);
  });

  it('the end of what nobody remembers', () => {
    expect(actions([['closed']])).toEqual(['send!']);
  });
});
