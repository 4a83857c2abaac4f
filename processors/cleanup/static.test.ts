import { describe, expect, test } from 'vitest';
import type { Box, Detection } from '../../runtime/messages/types.ts';
import { lookScene, type Scene, type SceneState, startScene } from './core.ts';
import { DEFAULT_RULES } from './filter.ts';
import { found, jitter, person, randomFrom } from './scenes.ts';

/** 5 samples a second. */
class Player {
  state: SceneState = startScene();
  seq = 0;
  readonly #random = randomFrom(3);

  look(boxes: Detection[], rules = DEFAULT_RULES): Scene {
    const seq = this.seq++;
    const scene = lookScene(this.state, found(seq, boxes), rules, (index) => `${seq}-${index}`);
    // What is stored must be all there is.
    this.state = JSON.parse(JSON.stringify(scene.state));
    return scene;
  }

  /** @returns seconds until the pole is suppressed, undefined when it never is. */
  until(seconds: number, boxes: (seq: number) => Detection[], rules = DEFAULT_RULES): number | undefined {
    const first = this.seq;
    while (this.seq < first + seconds * 5) {
      if (this.look(boxes(this.seq), rules).suppressed.length > 0) return (this.seq - first) / 5;
    }
    return undefined;
  }

  pole(score = 0.5): Detection {
    return { class: 'person', score, box: jitter(POLE, 0.04, this.#random) };
  }

  /** Somebody who stands and sways. */
  stands(x: number, y: number, sway: number, score = 0.65): Detection {
    return { class: 'person', score, box: jitter(person(x, y).box, sway, this.#random) };
  }
}

const POLE: Box = [0.04, 0.19, 0.06, 0.25];
const visible = (scene: Scene) => scene.tracks.filter((track) => !track.coasting && !track.tentative);

describe('static false alarms', () => {
  test('a box that appeared and stays within its noise is suppressed after 20 s, and stays visible as such', () => {
    const player = new Player();
    const after = player.until(40, () => [player.pole()]) ?? 0;
    expect(after).toBeGreaterThan(20);
    expect(after).toBeLessThan(23);
    const scene = player.look([player.pole()]);
    expect(visible(scene)).toEqual([]);
    expect(scene.suppressed).toHaveLength(1);
    expect(scene.rejected).toEqual({ static: 1 });
  });

  test('one that flickers is suppressed as well', () => {
    const player = new Player();
    expect(player.until(60, (seq) => (seq % 3 === 0 ? [] : [player.pole()]))).toBeLessThan(30);
  });

  test('somebody who walked in and stands still is never suppressed', () => {
    const player = new Player();
    for (let step = 0; step < 15; step++) player.look([person(0.05 + step * 0.03, 0.7)]);
    expect(player.until(120, () => [player.stands(0.5, 0.7, 0.02)])).toBeUndefined();
    expect(visible(player.look([player.stands(0.5, 0.7, 0.02)]))).toHaveLength(1);
  });

  test('nor when he is lost for some seconds meanwhile', () => {
    const player = new Player();
    for (let step = 0; step < 15; step++) player.look([person(0.05 + step * 0.03, 0.7)]);
    expect(player.until(10, () => [player.stands(0.5, 0.7, 0.02)])).toBeUndefined();
    expect(player.until(8, () => [])).toBeUndefined();
    expect(player.until(60, () => [player.stands(0.5, 0.7, 0.02)])).toBeUndefined();
  });

  test('what sways more than a thing does, and what the detector is sure of, is not suppressed', () => {
    const swaying = new Player();
    expect(swaying.until(60, () => [swaying.stands(0.5, 0.7, 0.14)])).toBeUndefined();
    const parked = new Player();
    expect(parked.until(60, () => [parked.pole(0.85)])).toBeUndefined();
  });

  test('somebody else who stops beside a suppressed box is seen', () => {
    const player = new Player();
    player.until(40, () => [player.pole()]);
    let seen = 0;
    for (let step = 0; step < 60; step++) {
      const x = Math.min(0.06, 0.3 - step * 0.01);
      const walker: Detection = { class: 'person', score: 0.8, box: [x - 0.02, 0.15, x + 0.02, 0.28] };
      seen += visible(player.look([player.pole(), walker])).length;
    }
    expect(seen).toBeGreaterThan(55);
  });

  test('somebody who passes does not bring the false alarm back', () => {
    const player = new Player();
    player.until(40, () => [player.pole()]);
    let alarms = 0;
    for (let step = 0; step < 40; step++) {
      const walker = person(0.02 + step * 0.02, 0.3);
      const tracks = visible(player.look([player.pole(), walker]));
      alarms += tracks.filter(({ box }) => box[3] < 0.27).length;
    }
    expect(alarms).toBeLessThan(5);
    expect(player.look([player.pole()]).suppressed).toHaveLength(1);
  });

  test('someone motionless who was suppressed is seen as soon as he moves', () => {
    const player = new Player();
    expect(player.until(60, () => [player.stands(0.5, 0.7, 0.03)])).toBeDefined();
    const moved = [1, 2, 3].map((step) => visible(player.look([person(0.5 + step * 0.03, 0.7)])).length);
    expect(moved.at(-1)).toBe(1);
  });

  test('can be switched off', () => {
    const player = new Player();
    expect(player.until(40, () => [player.pole()], { ...DEFAULT_RULES, suppress_static: false })).toBeUndefined();
  });

  test('what is remembered is bounded', () => {
    const player = new Player();
    const random = randomFrom(9);
    for (let step = 0; step < 300; step++) {
      player.look(Array.from({ length: 40 }, () => person(0.1 + random() * 0.8, 0.4 + random() * 0.6)));
    }
    expect(player.state.statics.spots.length).toBeLessThanOrEqual(100);
    expect(player.state.tracker.tracks.length).toBeLessThanOrEqual(200);
  });
});
