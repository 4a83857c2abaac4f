import { describe, expect, it } from 'vitest';
import { apply } from './engine.ts';
import { cameraRules, newState, START, timeline } from './timeline.ts';

/** `+0.2-0.7` watched, `-3-5 blind:X` not, in seconds since the start. */
function coverage(text: string): string[] {
  const state = newState();
  const seconds = (timestamp: string) => Math.round(Date.parse(timestamp) - START) / 1000;
  return timeline(text)
    .flatMap((record) => apply(state, record, cameraRules({})).coverage)
    .map(
      ({ from, to, watched, reason }) =>
        `${watched ? '+' : '-'}${seconds(from)}-${seconds(to)}${watched ? '' : ` ${reason}`}`,
    );
}

describe('coverage', () => {
  it.each<[string, string, string[]]>([
    ['begins at once', 'L0', ['+0.2-0.2']],
    ['is extended every half second', 'L0*8', ['+0.2-0.2', '+0.2-0.8', '+0.8-1.4']],
    ['by quiet intervals', 'L0 Q1 Q1', ['+0.2-0.2', '+0.2-1.2', '+1.2-2.2']],
    ['across a gap shorter than the promise', 'L0 S1 L0', ['+0.2-0.2', '+0.2-1.4']],
    [
      'not while blind for longer',
      'L0 B1.5 B1.5 B0.1 B1 L0 L0',
      [
        '+0.2-0.2',
        '-0.2-3.2 blind:RTSP_STALLED',
        '-3.2-4.3 blind:RTSP_STALLED',
        '-4.3-4.5 blind:RTSP_STALLED',
        '+4.5-4.5',
      ],
    ],
    ['up to the last evidence, when it ends', 'L0 L0 B3', ['+0.2-0.2', '+0.2-0.4', '-0.4-3.4 blind:RTSP_STALLED']],
    [
      'up to the last evidence, before a gap',
      'L0 L0 gap5 L0',
      ['+0.2-0.2', '+0.2-0.4', '-0.4-5.6 starved:no_record', '+5.6-5.6'],
    ],
    ['not before anybody looked', 'B1 L0', ['-0-1 blind:RTSP_STALLED', '-1-1.2 blind:RTSP_STALLED', '+1.2-1.2']],
    ['not across a gap without records', 'L0 gap5 L0', ['+0.2-0.2', '-0.2-5.4 starved:no_record', '+5.4-5.4']],
    [
      'goes on where a clock was set back',
      'L0 Q1 back60 L0 Q1',
      ['+0.2-0.2', '+0.2-1.2', '+-58.6--58.6', '+-58.6--57.6'],
    ],
  ])('%s', (_, text, expected) => {
    expect(coverage(text)).toEqual(expected);
  });
});
