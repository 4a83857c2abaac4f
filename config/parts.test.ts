import { describe, expect, it } from 'vitest';
import type { Point } from '../runtime/messages/types.ts';
import { isLoopback, listedBind, listedBytes, listedDays, listedTime } from './formats.ts';
import { canonicalJson, hashOf } from './hash.ts';
import { polygonFault, signedArea } from './polygon.ts';
import { ATTENTION_DELAY_S, computePromise, GATE_DELAY_S } from './promise.ts';
import { editDistance, nearest } from './suggest.ts';
import { isRtspUrl, normalizeStreamUrl, urlHoldsSecret } from './urls.ts';

describe('sizes', () => {
  it.each([
    ['50GB', 50e9],
    ['128 mb', 128e6],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['700', 700],
    [700, 700],
    ['0', undefined],
    [-5, undefined],
    ['GB', undefined],
    ['5 G', undefined],
    [Number.POSITIVE_INFINITY, undefined],
    ['99999999TB', undefined],
  ])('%s', (text, bytes) => expect(listedBytes(text)).toBe(bytes));
});

describe('addresses to bind', () => {
  it.each([
    ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['localhost:80', { host: 'localhost', port: 80 }],
    [':80', undefined],
    ['127.0.0.1', undefined],
    ['127.0.0.1:70000', undefined],
    ['[::zz]:80', undefined],
  ])('%s', (text, bind) => expect(listedBind(text)).toEqual(bind));

  it('knows what only this machine reaches', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].every(isLoopback)).toBe(true);
    expect(['0.0.0.0', '::', '10.0.0.1', '127.evil.example', '128.0.0.1'].some(isLoopback)).toBe(false);
  });
});

describe('days and times', () => {
  it.each([
    ['daily', [0, 1, 2, 3, 4, 5, 6]],
    ['mon-fri', [1, 2, 3, 4, 5]],
    ['fri-mon', [0, 1, 5, 6]],
    ['Mon, wednesday', [1, 3]],
    [
      ['sat', 'sun'],
      [0, 6],
    ],
    ['mon-', undefined],
    ['mon-wed-fri', undefined],
    ['', undefined],
    [[], undefined],
  ])('%s', (text, days) => expect(listedDays(text)).toEqual(days));

  it.each([
    ['8:05', '08:05'],
    ['23:59', '23:59'],
    ['24:00', undefined],
    ['12:60', undefined],
    ['12', undefined],
  ])('%s', (text, time) => expect(listedTime(text)).toBe(time));
});

describe('URLs', () => {
  it.each([
    'rtsp://h/x',
    'rtsps://[::1]:322/x?a=b',
    'rtsp://10.0.0.1:554/cam/realmonitor?channel=1&subtype=1',
    'rtsp://h/user=admin&password=&channel=1',
  ])('%s is an address without a secret', (url) => {
    expect(isRtspUrl(url)).toBe(true);
    expect(urlHoldsSecret(url)).toBe(false);
  });

  it.each([
    'rtsp://u:p@h/x',
    'rtsp://u@h/x',
    'rtsp://u:p#q@h/x',
    'rtsp://u:12#q@h/x',
    'rtsp://u:p/q@h/x',
    'rtsp://u:p@q@h/x',
    'rtsp://h/user=admin_password=tl1JwpbT_channel=1',
    'rtsp://h/x?pwd=abc',
  ])('%s holds a secret', (url) => expect(urlHoldsSecret(url)).toBe(true));

  it('gives one spelling for one stream', () => {
    const spellings = ['rtsp://Cam.local/a', 'rtsp://cam.local:554/a/', 'RTSP://cam.local/a#x'];
    expect(new Set(spellings.map(normalizeStreamUrl))).toEqual(new Set(['rtsp://cam.local/a']));
    expect(normalizeStreamUrl('rtsp://h/a?channel=1')).not.toBe(normalizeStreamUrl('rtsp://h/a?channel=2'));
    expect(normalizeStreamUrl('rtsp://h:8554/a')).toBe('rtsp://h:8554/a');
  });
});

describe('areas', () => {
  const fault = (...corners: Point[]) => polygonFault(corners);

  it('takes what encloses something', () => {
    expect(fault([0, 0], [1, 0], [1, 1], [0, 1])).toBeUndefined();
    expect(fault([0, 0], [1, 0], [1, 1], [0, 1], [0, 0])).toBeUndefined();
    expect(fault([0, 0], [0.5, 0], [1, 0], [1, 1])).toBeUndefined();
    expect(fault([0, 0], [0.4, 0.5], [0, 1], [1, 1], [0.6, 0.5], [1, 0])).toBeUndefined();
    const circle = Array.from(
      { length: 100 },
      (_, i): Point => [0.5 + 0.4 * Math.cos(i / 16), 0.5 + 0.4 * Math.sin(i / 16)],
    );
    expect(polygonFault(circle)).toBeUndefined();
  });

  it.each<[string, Point[]]>([
    [
      'corners',
      [
        [0, 0],
        [1, 1],
      ],
    ],
    [
      'corners',
      [
        [0, 0],
        [1, 1],
        [0, 0],
      ],
    ],
    [
      'no area',
      [
        [0, 0],
        [0.5, 0.5],
        [1, 1],
      ],
    ],
    [
      'corners',
      [
        [0.5, 0.5],
        [0.5, 0.5],
        [0.5, 0.5],
      ],
    ],
    [
      'crosses',
      [
        [0, 0],
        [1, 1],
        [1, 0],
        [0, 1],
      ],
    ],
    [
      'crosses',
      [
        [0, 0],
        [1, 0],
        [0.5, 0],
        [0.5, 1],
      ],
    ],
    [
      'crosses',
      [
        [0, 0],
        [1, 0],
        [1, 1],
        [0.5, 0],
        [0, 1],
      ],
    ],
  ])('refuses: %s', (what, corners) => expect(polygonFault(corners)).toContain(what));

  it('signs the area by the way round', () => {
    expect(
      signedArea([
        [0, 0],
        [1, 0],
        [1, 1],
        [0, 1],
      ]),
    ).toBeCloseTo(1);
    expect(
      signedArea([
        [0, 0],
        [0, 1],
        [1, 1],
        [1, 0],
      ]),
    ).toBeCloseTo(-1);
  });
});

describe('suggestions', () => {
  it('counts edits', () => {
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('ca', 'ac')).toBe(1);
    expect(editDistance('same', 'same')).toBe(0);
  });

  it('suggests only what may have been meant', () => {
    expect(nearest('activeFPS', ['idle_fps', 'active_fps'])).toBe('active_fps');
    expect(nearest('active-fps', ['idle_fps', 'active_fps'])).toBe('active_fps');
    expect(nearest('colour', ['zones', 'lines'])).toBeUndefined();
    expect(nearest('x'.repeat(100_000), ['zones'])).toBeUndefined();
  });
});

describe('promise', () => {
  const camera = { idle_fps: 0.5, active_fps: 5, min_duration_s: 0.5, detect_within_s: 2 };

  it('bounds the first look by the gate for who moves and by the idle look for who does not', () => {
    const report = computePromise(camera);
    expect(report).toMatchObject({ moving_s: GATE_DELAY_S + 0.2, still_s: 2, worst_s: 2, kept: true, mends: [] });
    expect(report.opens_within_s).toBeCloseTo(2 + ATTENTION_DELAY_S + 0.6);
  });

  it('says which rate to raise, and that rate keeps it', () => {
    const broken = computePromise({ ...camera, detect_within_s: 1.5 });
    expect(broken.mends[0]).toBe('Raise sampling.idle_fps to 0.67.');
    expect(computePromise({ ...camera, detect_within_s: 1.5, idle_fps: 0.67 }).kept).toBe(true);
    const slow = computePromise({ ...camera, idle_fps: 5, active_fps: 1, detect_within_s: 0.5 });
    expect(slow.mends[0]).toBe('Raise sampling.active_fps to 4.');
    expect(computePromise({ ...camera, idle_fps: 5, active_fps: 4, detect_within_s: 0.5 }).kept).toBe(true);
  });

  it('says where no rate is enough, and the value it proposes is kept', () => {
    const hopeless = computePromise({ ...camera, idle_fps: 10, detect_within_s: 0.2 });
    expect(hopeless.mends).toEqual([expect.stringMatching(/No rate is enough/), 'Or set detect_within_s to 0.5.']);
    expect(computePromise({ ...camera, idle_fps: 10, detect_within_s: 0.5 }).kept).toBe(true);
  });

  it('believes the gate delay that the camera measured', () => {
    expect(computePromise({ ...camera, gate_delay_s: 4 })).toMatchObject({ kept: false, moving_s: 4.2 });
  });
});

describe('canonical JSON', () => {
  it('is one text for one value', () => {
    expect(canonicalJson({ b: [{ d: 1, c: null }], a: 'x' })).toBe('{"a":"x","b":[{"c":null,"d":1}]}');
    expect(hashOf({ a: 1, b: 2 })).toBe(hashOf({ b: 2, a: 1 }));
    expect(hashOf([1, 2])).not.toBe(hashOf([2, 1]));
  });
});
