import { describe, expect, test } from 'vitest';
import type { Message } from '../bus/types.ts';
import { decodeFrameHeaders, encodeFrameHeaders, encodeJson, splitFrame } from './codec.ts';
import { parseMessage } from './schemas.ts';
import type { FrameMeta, Observation } from './types.ts';

const meta: FrameMeta = {
  site: 'yard',
  camera: 'gate',
  epoch: 7,
  runId: '20261121T200000000Z-ab',
  seq: 0,
  captureTime: '2026-11-21T20:04:11.240Z',
  receiveTime: '2026-11-21T20:04:11.300Z',
  captureTimeEstimated: false,
  purpose: 'live',
  width: 960,
  height: 540,
  regions: [[0.1, 0.2, 0.5, 0.6]],
  parts: [3, 2],
};

const message = (value: Buffer | null): Message => ({
  topic: 'observations.v1',
  partition: 1,
  offset: 42,
  timestamp: 0,
  key: 'yard/gate',
  headers: {},
  value,
});

describe('frame headers', () => {
  test('survive the way there and back', () => {
    expect(decodeFrameHeaders(encodeFrameHeaders(meta))).toEqual(meta);
  });

  test.each(['site', 'epoch', 'seq', 'captureTime', 'purpose', 'parts'])('a frame without %s is refused', (name) => {
    const { [name]: _gone, ...rest } = encodeFrameHeaders(meta);
    expect(() => decodeFrameHeaders(rest)).toThrow(name);
  });

  test('the value is cut into its pictures, and lengths that do not add up are refused', () => {
    const pictures = splitFrame(meta, Buffer.from('abcde'));
    expect(pictures.map(String)).toEqual(['abc', 'de']);
    expect(() => splitFrame(meta, Buffer.from('abcd'))).toThrow('4 bytes');
  });
});

describe('parseMessage', () => {
  const observation: Observation = {
    site: 'yard',
    camera: 'gate',
    epoch: 1,
    runId: 'r',
    afterSeq: -1,
    from: meta.captureTime,
    to: meta.receiveTime,
    kind: 'quiet',
    reason: null,
  };

  test('gives the value and drops what it does not know', () => {
    const parsed = parseMessage('observations.v1', message(encodeJson({ ...observation, later: 1 })));
    expect(parsed).toEqual(observation);
  });

  test.each([
    ['no value', null],
    ['not JSON', Buffer.from('{')],
    ['kind', encodeJson({ ...observation, kind: 'asleep' })],
    ['from', encodeJson({ ...observation, from: 'yesterday' })],
  ])('says what is wrong and where: %s', (what, value) => {
    expect(() => parseMessage('observations.v1', message(value))).toThrow(what);
    try {
      parseMessage('observations.v1', message(value));
    } catch (error) {
      expect(error).toMatchObject({ code: 'MESSAGE_INVALID', where: 'observations.v1/1@42' });
    }
  });
});
