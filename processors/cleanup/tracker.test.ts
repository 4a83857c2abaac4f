import { describe, expect, test } from 'vitest';
import type { Detection, Track } from '../../runtime/messages/types.ts';
import { person, randomFrom, START } from './scenes.ts';
import { holdTracks, startTracker, TRACKER_DEFAULTS, type TrackerState, trackSample } from './tracker.ts';

const ASPECT = 16 / 9;

class Player {
  state: TrackerState = startTracker();

  /** @param seconds capture time. */
  look(seconds: number, boxes: Detection[]): Track[] {
    const candidates = boxes.map((box) => ({ ...box, high: box.score >= 0.4 }));
    const idOf = (index: number) => `${seconds.toFixed(2)}-${index}`;
    const result = trackSample(this.state, { time: START + seconds * 1000, aspect: ASPECT, candidates, idOf });
    // What is stored must be all there is.
    this.state = JSON.parse(JSON.stringify(result.state));
    return result.tracks;
  }
}

const seen = (tracks: Track[]) => tracks.filter((track) => !track.coasting && !track.tentative);
const ids = (tracks: Track[]) => seen(tracks).map(({ id }) => id);

describe('trackSample', () => {
  // 0.8 box heights a second: a brisk walk. At 2.5 a second boxes of one person do not overlap.
  test.each([10, 5, 2.5])('somebody who walks keeps his id at %d samples a second', (fps) => {
    const player = new Player();
    const all = new Set<string>();
    for (let step = 0; step < 4 * fps; step++) {
      for (const id of ids(player.look(step / fps, [person(0.1 + (step / fps) * 0.135, 0.7)]))) all.add(id);
    }
    expect(all.size).toBe(1);
  });

  test.each([10, 5])('two who cross keep their ids at %d samples a second', (fps) => {
    const player = new Player();
    const at = (seconds: number) => [person(0.2 + seconds * 0.12, 0.7), person(0.8 - seconds * 0.12, 0.78)];
    const first = ids([0, 1, 2].map((step) => player.look(step / fps, at(step / fps))).at(-1) ?? []);
    let last: Track[] = [];
    for (let step = 3; step <= 5 * fps; step++) last = player.look(step / fps, at(step / fps));
    const left = seen(last).find(({ box }) => box[0] < 0.5)?.id;
    const right = seen(last).find(({ box }) => box[0] > 0.5)?.id;
    expect([right, left]).toEqual(first);
  });

  test.each([5, 2.5])('somebody who runs keeps his id at %d samples a second', (fps) => {
    const player = new Player();
    const all = new Set<string>();
    // 2 box heights a second.
    for (let step = 0; step < 2 * fps; step++) {
      for (const id of ids(player.look(step / fps, [person(0.1 + (step / fps) * 0.34, 0.7)]))) all.add(id);
    }
    expect(all.size).toBe(1);
  });

  test('a false box beside somebody known for long does not take over from him', () => {
    const player = new Player();
    const doubtful = (x: number, height: number): Detection => ({
      class: 'person',
      score: 0.7,
      box: [x - 0.05, 0.7 - height, x + 0.05, 0.7],
    });
    for (let frame = 0; frame < 60; frame++) player.look(frame / 30, [doubtful(0.5, 0.3)]);
    for (let frame = 60; frame < 70; frame++) player.look(frame / 30, [doubtful(0.5, 0.3), doubtful(0.515, 0.25)]);
    for (let frame = 70; frame < 80; frame++) {
      expect(ids(player.look(frame / 30, [doubtful(0.51, 0.265)]))).toEqual(['0.00-0']);
    }
  });

  test('somebody hidden for a second keeps his id; somebody else far away gets a new one', () => {
    const player = new Player();
    for (let step = 0; step < 10; step++) player.look(step / 5, [person(0.2 + step * 0.02, 0.7)]);
    for (let step = 10; step < 15; step++) expect(player.look(step / 5, [])[0]?.coasting).toBe(true);
    expect(ids(player.look(3, [person(0.5, 0.7)]))).toEqual(['0.00-0']);
    expect(ids(player.look(3.2, [person(0.52, 0.7), person(0.9, 0.4)]))).toEqual(['0.00-0', '3.20-1']);
  });

  test('a low detection keeps a track alive and never starts one', () => {
    const player = new Player();
    for (let step = 0; step < 2; step++) player.look(step / 5, [person(0.5, 0.7), person(0.2, 0.7, 0.3)]);
    for (let step = 2; step < 30; step++) {
      const tracks = player.look(step / 5, [person(0.5, 0.7, 0.2), person(0.2, 0.7, 0.3)]);
      expect(ids(tracks)).toEqual(['0.00-0']);
      expect(tracks[0]?.score).toBe(0.2);
    }
  });

  test('what a detector doubts is tentative until seen again; what it is sure of is not', () => {
    const player = new Player();
    player.look(0, []);
    expect(player.look(0.2, [person(0.2, 0.7, 0.5), person(0.8, 0.7, 0.8)]).map((track) => track.tentative)).toEqual([
      true,
      false,
    ]);
    expect(player.look(0.4, [person(0.2, 0.7, 0.5), person(0.8, 0.7, 0.8)]).map((track) => track.tentative)).toEqual([
      false,
      false,
    ]);
  });

  test('after a wide gap a newcomer is tentative, however sure', () => {
    const player = new Player();
    player.look(0, []);
    expect(player.look(4, [person(0.5, 0.7, 0.95)])[0]?.tentative).toBe(true);
  });

  test('the first look of all is a wide gap', () => {
    expect(new Player().look(0, [person(0.5, 0.7, 0.95)])[0]?.tentative).toBe(true);
  });

  test('life counts looked time: a gap in which nobody looked does not end a track', () => {
    const player = new Player();
    player.look(0, [person(0.5, 0.7)]);
    player.look(0.2, [person(0.5, 0.7)]);
    const [track] = player.look(4.2, [person(0.5, 0.7)]);
    expect(track?.id).toBe('0.00-0');
    expect(track?.age).toBeCloseTo(0.2 + TRACKER_DEFAULTS.maxStep, 5);
  });

  test('nor does a quiet minute, in which nothing moved', () => {
    const player = new Player();
    player.look(0, [person(0.5, 0.7)]);
    player.look(0.2, [person(0.5, 0.7)]);
    player.state = holdTracks(player.state, START + 60_000);
    expect(ids(player.look(60.2, [person(0.5, 0.7)]))).toEqual(['0.00-0']);
  });

  test('looked time without him does end it', () => {
    const player = new Player();
    player.look(0, [person(0.5, 0.7)]);
    for (let step = 1; step < 10; step++) player.look(step / 5, [person(0.5, 0.7)]);
    for (let step = 10; step < 25; step++) player.look(step / 5, []);
    expect(player.state.tracks).toEqual([]);
  });

  test('a truck that is taken for a car now and then is one track of the class it looks like most', () => {
    const player = new Player();
    const box: Detection['box'] = [0.3, 0.4, 0.6, 0.7];
    const names = ['truck', 'truck', 'car', 'truck', 'car', 'truck'];
    const tracks = names.map((name, step) => player.look(step / 5, [{ class: name, score: 0.8, box }]));
    expect(new Set(tracks.flat().map(({ id }) => id)).size).toBe(1);
    expect(tracks.at(-1)?.[0]?.class).toBe('truck');
  });

  test('a person is not taken for the car he gets out of', () => {
    const player = new Player();
    player.look(0, [{ class: 'car', score: 0.8, box: person(0.5, 0.7).box }]);
    expect(player.look(0.2, [person(0.5, 0.7)])).toHaveLength(2);
  });

  test('what is published lies on the detection, and within the picture', () => {
    const player = new Player();
    const random = randomFrom(5);
    for (let step = 0; step < 50; step++) {
      const detection = person(0.03 + step * 0.01, 0.995 + random() * 0.005);
      const [track] = player.look(step / 5, [
        { ...detection, box: [Math.max(0, detection.box[0]), 0.69, 0.08 + step * 0.01, 1] },
      ]);
      for (const edge of track?.box ?? [-1]) expect(edge >= 0 && edge <= 1).toBe(true);
      expect(Math.abs((track?.box[3] ?? 0) - 1)).toBeLessThan(0.02);
    }
  });

  test('does not change the state it is given', () => {
    const player = new Player();
    player.look(0, [person(0.5, 0.7)]);
    const before = JSON.stringify(player.state);
    trackSample(player.state, { time: START + 200, aspect: ASPECT, candidates: [], idOf: String });
    expect(JSON.stringify(player.state)).toBe(before);
  });

  test('a hundred people at once do not take longer than a sample', () => {
    const player = new Player();
    const random = randomFrom(2);
    const crowd = Array.from({ length: 100 }, () => person(0.1 + random() * 0.8, 0.4 + random() * 0.6));
    for (let step = 0; step < 5; step++) player.look(step / 5, crowd);
    const took = Array.from({ length: 10 }, (_, step) => {
      const from = performance.now();
      player.look((5 + step) / 5, crowd);
      return performance.now() - from;
    });
    // The machine's other work is in the longer ones.
    expect(Math.min(...took)).toBeLessThan(200);
  });
});
