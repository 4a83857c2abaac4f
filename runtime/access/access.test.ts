import { describe, expect, test } from 'vitest';
import { FakeClock } from '../clock.ts';
import { Attempts } from './attempts.ts';
import { bearerOf, digestOf, newToken, sameDigest } from './token.ts';

describe('a token', () => {
  test('is long, random and nothing that a shell or URL would change', () => {
    const tokens = new Set(Array.from({ length: 100 }, newToken));
    expect(tokens.size).toBe(100);
    for (const token of tokens) expect(token).toMatch(/^banksman_[A-Za-z0-9_-]{43}$/);
  });

  test('is kept as SHA-256 and compared whole', () => {
    expect(digestOf('abc').toString('hex')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(sameDigest(digestOf('a'), digestOf('a'))).toBe(true);
    expect(sameDigest(digestOf('a'), digestOf('b'))).toBe(false);
    expect(sameDigest(digestOf('a'), Buffer.alloc(3))).toBe(false);
  });

  test.each([
    ['Bearer abc', 'abc'],
    ['bearer  abc ', 'abc'],
    ['Basic abc', undefined],
    ['Bearer', undefined],
    ['Bearer a b', undefined],
    [`Bearer ${'x'.repeat(513)}`, undefined],
    [undefined, undefined],
  ])('of the header %s', (header, token) => {
    expect(bearerOf(header)).toBe(token);
  });
});

describe('wrong tokens', () => {
  test('make an address wait for the end of its window, and no other', async () => {
    const clock = new FakeClock();
    const attempts = new Attempts(clock, { limit: 3, windowMs: 60_000 });
    for (let n = 0; n < 3; n += 1) {
      expect(attempts.waitS('10.0.0.1')).toBe(0);
      attempts.failed('10.0.0.1');
    }
    expect(attempts.waitS('10.0.0.1')).toBe(60);
    expect(attempts.waitS('10.0.0.2')).toBe(0);
    await clock.advance(59_500);
    expect(attempts.waitS('10.0.0.1')).toBe(1);
    await clock.advance(500);
    expect(attempts.waitS('10.0.0.1')).toBe(0);
    attempts.failed('10.0.0.1');
    expect(attempts.waitS('10.0.0.1')).toBe(0);
  });

  test('are counted by household where addresses are cheap', () => {
    const attempts = new Attempts(new FakeClock(), { limit: 2 });
    attempts.failed('2001:db8:1:2::1');
    attempts.failed('2001:0db8:1:2:ffff::9');
    expect(attempts.waitS('2001:db8:1:2:3::')).toBeGreaterThan(0);
    expect(attempts.waitS('2001:db8:1:3::1')).toBe(0);
    attempts.failed('::ffff:10.0.0.1');
    attempts.failed('10.0.0.1');
    expect(attempts.waitS('::ffff:10.0.0.1')).toBeGreaterThan(0);
  });

  test('of many addresses take no more room than the table has', () => {
    const attempts = new Attempts(new FakeClock(), { limit: 1, maxAddresses: 100 });
    for (let n = 0; n < 10_000; n += 1) attempts.failed(`10.0.${n >> 8}.${n & 255}`);
    expect(attempts.size).toBe(100);
    expect(attempts.waitS('10.0.0.0')).toBe(0);
    expect(attempts.waitS(`10.0.${9_999 >> 8}.${9_999 & 255}`)).toBeGreaterThan(0);
  });
});
