import { describe, expect, test } from 'vitest';
import { encodeJson } from '../runtime/messages/codec.ts';
import { readAttention } from './attention.ts';

const AT = '2026-11-21T20:04:11.240Z';

describe('attention', () => {
  test('is read as cleanup writes it', () => {
    const record = { site: 'yard', camera: 'gate', keepUntil: AT, maxFps: 2.5 };
    expect(readAttention(encodeJson(record))).toEqual({ keepUntilMs: Date.parse(AT), maxFps: 2.5 });
    expect(readAttention(encodeJson({ ...record, maxFps: null })).maxFps).toBeNull();
  });

  test.each([
    ['no JSON', Buffer.from([0xff, 0, 0x7b])],
    ['nothing', encodeJson(null)],
    ['another shape', encodeJson({ kind: 'surprise' })],
    ['a time that is none', encodeJson({ keepUntil: 'soon', maxFps: null })],
    ['a time as a number', encodeJson({ keepUntil: 1, maxFps: null })],
    ['no rate', encodeJson({ keepUntil: AT })],
    ['a rate of nothing', encodeJson({ keepUntil: AT, maxFps: 0 })],
    ['a rate in words', encodeJson({ keepUntil: AT, maxFps: 'many' })],
  ])('refuses %s', (_, value) => {
    expect(() => readAttention(value)).toThrow();
  });
});
