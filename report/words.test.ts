import { describe, expect, it } from 'vitest';
import { html } from './html.ts';
import { bytes, change, duration, many, money, percent, whyNotWatched } from './words.ts';

describe('numbers', () => {
  it('never say all or nothing of what is almost so', () => {
    expect([1, 0.99996, 0.992, 0.0001, 0, null].map(percent)).toEqual([
      '100 %',
      '99.9 %',
      '99.2 %',
      '< 0.1 %',
      '0 %',
      '–',
    ]);
  });

  it('have units', () => {
    expect([400, 9_940, 42_000, 720_000, 19_200_000, 273_600_000].map(duration)).toEqual([
      '0.4 s',
      '9.9 s',
      '42 s',
      '12 min',
      '5 h 20 min',
      '3 d 4 h',
    ]);
    expect([999, 1500, 2_340_000, 5e9].map(bytes)).toEqual(['999 B', '1.5 kB', '2.3 MB', '5 GB']);
    expect([many(1, 'incident'), many(1200, 'incident'), many(2, 'person', 'people')]).toEqual([
      '1 incident',
      '1,200 incidents',
      '2 people',
    ]);
  });

  it('of money name the currency, and say little of it as well', () => {
    const said = [1234.5, 0.5, 0.0123, 0.00000214, 0].map((value) => money(value, 'EUR').replaceAll('\u00a0', ' '));
    expect(said).toEqual(['EUR 1,234.50', 'EUR 0.50', 'EUR 0.012', 'EUR 0.0000021', 'EUR 0.00']);
    expect(money(1234.5, 'JPY').replaceAll('\u00a0', ' ')).toBe('JPY 1,235');
  });

  it('compare with what was before', () => {
    expect([change(4, 4), change(3, 0), change(9, 12), change(405, 404)]).toEqual([
      'as before',
      'none before',
      '▼ 25 % fewer',
      'about as before',
    ]);
  });
});

it('reasons are for people, and one that nobody knows stays as it is', () => {
  expect(whyNotWatched('blind:RTSP_REFUSED')).toBe('no picture to look at: the host refused the connection');
  expect(whyNotWatched('starved:superseded')).toBe('too much to do, not looked: newer pictures went first');
  expect(whyNotWatched('no_record')).toContain('no record');
  expect(whyNotWatched('odd:<b>')).toBe('odd: <b>');
});

it('whatever is put into a page is text', () => {
  const inner = html`<b title="${'"><script>'}">${"<i> & 'x'"}</b>`;
  expect(html`${inner}${null}${false}${[1, '<']}`.text).toBe(
    '<b title="&quot;&gt;&lt;script&gt;">&lt;i&gt; &amp; &#39;x&#39;</b>1&lt;',
  );
});
