import { describe, expect, test } from 'vitest';
import type { Detection, Tracks } from '../../runtime/messages/types.ts';
import { toTimestamp } from '../../runtime/time.ts';
import { applyEntry, starve } from './apply.ts';
import { type Entry, merge } from './merge.ts';
import { cameraRecord, found, jitter, observed, person, randomFrom, START } from './scenes.ts';
import { type CameraState, startCamera } from './state.ts';

class Camera {
  readonly state: CameraState = startCamera('yard', 'gate');
  #offset = 0;

  /** Through the merge, as records come. */
  take(record: ReturnType<typeof found> | ReturnType<typeof observed>): Tracks[] {
    const source = { topic: 't', partition: 0, offset: String(this.#offset++) };
    const entry: Entry =
      'boxes' in record ? { type: 'detections', record, source } : { type: 'observation', record, source };
    const merged = merge(this.state.merge, entry, 0);
    this.state.merge = merged.state;
    return merged.ready.map((ready) => applyEntry(this.state, ready, cameraRecord()));
  }
}

const at = (seconds: number) => toTimestamp(START + seconds * 1000);
const told = (tracks: Tracks[]) =>
  tracks.map(({ kind, reason, from, to }) => [kind, reason, seconds(from), seconds(to)]);
const seconds = (timestamp: string) => (Date.parse(timestamp) - START) / 1000;

describe('time of tracks', () => {
  test('a shed frame speaks of the time since the record before it', () => {
    const camera = new Camera();
    camera.take(found(0, []));
    expect(told(camera.take(found(2, [], { shed: 'stale' })))).toEqual([['starved', 'stale', 0, 0.4]]);
  });

  test('does not go back within a run: what comes late has nothing to add', () => {
    const camera = new Camera();
    camera.take(found(0, [person(0.5, 0.7)]));
    camera.take(found(5, [person(0.6, 0.7)]));
    const before = JSON.stringify(camera.state.scene);
    const late = [observed(0, { to: at(0.9) }), observed(0, { kind: 'blind', reason: 'frozen', to: at(0.9) })];
    expect(late.flatMap((record) => told(camera.take(record)))).toEqual([
      ['starved', 'late', 1, 1],
      ['blind', 'frozen', 1, 1],
    ]);
    expect(JSON.stringify(camera.state.scene)).toBe(before);
    // Who takes over a camera that died knows only nearly how far it had come.
    expect(told(camera.take(observed(5, { kind: 'blind', reason: 'no_stream', from: at(0.5), to: at(3) })))).toEqual([
      ['blind', 'no_stream', 1, 3],
    ]);
  });

  test('nor when a frame that is given up comes shed after all', () => {
    const camera = new Camera();
    camera.take(found(0, []));
    expect(told([starve(camera.state, START + 3000)].filter((it) => it !== null))).toEqual([
      ['starved', 'no_input', 0, 3],
    ]);
    expect(told(camera.take(found(5, [], { shed: 'stale' })))).toEqual([['starved', 'stale', 3, 3]]);
    expect(starve(camera.state, START + 3000)).toBeNull();
  });

  test('a new run has a clock of its own, also one that was set back', () => {
    const camera = new Camera();
    camera.take(found(0, [person(0.5, 0.7)]));
    const next = { runId: '20261121T210000000Z-bb' };
    const back = -3600;
    expect(told(camera.take(found(0, [], { ...next, captureTime: at(back) })))).toEqual([['looked', null, back, back]]);
    expect(told(camera.take(observed(0, { ...next, from: at(back), to: at(back + 1) })))).toEqual([
      ['quiet', null, back, back + 1],
    ]);
    const starved = starve(camera.state, START + (back + 5) * 1000);
    expect(starved && told([starved])).toEqual([['starved', 'no_input', back + 1, back + 5]]);
    expect(starved).toMatchObject({ ...next, seq: 0, source: null, frame: null });
  });

  test('of a camera of which nothing ever came nothing is known before', () => {
    const starved = starve(startCamera('yard', 'gate'), START);
    expect(starved).toMatchObject({ epoch: 0, runId: '', seq: -1, from: at(0), to: at(0), tracks: [] });
  });
});

test('a looked frame lists those found on it, and apart from them those who are missed', () => {
  const camera = new Camera();
  for (let seq = 0; seq < 2; seq++) camera.take(found(seq, [person(0.2, 0.7), person(0.8, 0.7)]));
  const [looked] = camera.take(found(2, [person(0.2, 0.7)]));
  const [quiet] = camera.take(observed(2));
  const [shed] = camera.take(found(3, [], { shed: 'stale' }));
  const ids = (tracks: readonly { id: string }[] | undefined) => tracks?.map(({ id }) => id);
  expect([looked?.tracks.length, looked?.coasting.length]).toEqual([1, 1]);
  expect(looked?.coasting[0]).toMatchObject({ coasting: true, box: person(0.8, 0.7).box });
  const both = [...(ids(looked?.tracks) ?? []), ...(ids(looked?.coasting) ?? [])];
  for (const record of [quiet, shed]) expect([ids(record?.tracks), record?.coasting]).toEqual([both, []]);
});

describe('attention', () => {
  /** Seconds after the last sample for which it asks to go on looking, once the thing stood for 25 s. */
  function keepAfter(thing: Detection, name: string): number {
    const camera = new Camera();
    const random = randomFrom(4);
    for (let seq = 0; seq < 125; seq++) {
      camera.take(found(seq, [{ ...thing, class: name, box: jitter(thing.box, 0.02, random) }]));
    }
    return (camera.state.attention.keepUntil - START) / 1000 - 124 * 0.2;
  }

  test('a person is looked at for as long as he stands there; a parked car is not', () => {
    const sure = person(0.5, 0.7, 0.9);
    expect(keepAfter(sure, 'person')).toBe(3);
    expect(keepAfter(sure, 'car')).toBeLessThan(0);
  });

  test('until it moves', () => {
    const camera = new Camera();
    const car = (x: number): Detection => ({ class: 'car', score: 0.9, box: [x, 0.5, x + 0.2, 0.7] });
    for (let seq = 0; seq < 125; seq++) camera.take(found(seq, [car(0.3)]));
    expect(camera.state.attention.keepUntil).toBeLessThan(START + 24_800);
    for (let seq = 125; seq < 130; seq++) camera.take(found(seq, [car(0.3 + (seq - 124) * 0.03)]));
    expect(camera.state.attention.keepUntil).toBe(START + 129 * 200 + 3000);
  });
});
