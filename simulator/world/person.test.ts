import { describe, expect, it } from 'vitest';
import { PersonScript } from './person.ts';
import type { PersonLook, PersonState } from './types.ts';

const LOOK: PersonLook = {
  skin: [0, 0, 0],
  jacket: [0, 0, 0],
  trousers: [0, 0, 0],
  helmet: null,
  vest: null,
  hair: [0, 0, 0],
  heightM: 1.8,
  build: 0.25,
};

function script(): PersonScript {
  return new PersonScript('a', LOOK, { x: 0, y: 0 }, 10, 1.4);
}

function states(person: PersonScript): PersonState[] {
  const track = person.done();
  const all: PersonState[] = [];
  for (let t = track.startS; t < track.endS; t += 0.05) {
    const state = track.at(t);
    if (state) all.push(state);
  }
  return all;
}

/** Radians from one state to the next. */
function turns(all: readonly PersonState[]): number[] {
  return all.slice(1).map((state, index) => Math.abs(state.heading - (all[index]?.heading ?? 0)));
}

describe('a script', () => {
  it('is nobody before and after', () => {
    const track = script().stand(5).done();
    expect(track.at(9.99)).toBeNull();
    expect(track.at(10)).toMatchObject({ id: 'a', posture: 'standing', at: { x: 0, y: 0 } });
    expect(track.at(15)).toBeNull();
  });

  it('turns before it walks off, also when it began with standing', () => {
    const all = states(script().stand(1).walk({ x: -5, y: 1 }));
    expect(Math.max(...turns(all))).toBeLessThan(0.2);
    expect(all.at(-1)?.at.x).toBeCloseTo(-5, 2);
  });

  it('stops where the way turns back, and goes round a bend without a stop', () => {
    const back = states(script().walk({ x: 5, y: 0 }, { x: 0, y: 0.1 }));
    expect(Math.max(...turns(back))).toBeLessThan(0.2);
    expect(back.some(({ posture, at }) => posture === 'standing' && at.x > 4.9)).toBe(true);
    const round = states(script().walk({ x: 5, y: 0 }, { x: 8, y: 4 }));
    expect(round.slice(10, -10).every(({ posture }) => posture === 'walking')).toBe(true);
  });

  it('falls forward, lies under the hips, and gets up where the feet were', () => {
    const all = states(script().walk({ x: 0, y: 4 }).fall(3).stand(1));
    const lying = all.filter(({ fallen }) => fallen === 1);
    expect(lying.length).toBeGreaterThan(55);
    expect(lying[0]?.at).toEqual({ x: expect.closeTo(0), y: expect.closeTo(4 + 0.53 * 1.8) });
    expect(all.at(-1)).toMatchObject({ posture: 'standing', fallen: 0, crouch: 0, at: { y: expect.closeTo(4) } });
    const order = all.map(({ posture }) => posture).filter((posture, index, list) => posture !== list[index - 1]);
    expect(order).toEqual(['standing', 'walking', 'standing', 'falling', 'lying', 'crouching', 'standing']);
  });

  it('waits until a time, or not at all when it has passed', () => {
    expect(script().standUntil(17).now).toBe(17);
    expect(script().stand(9).standUntil(17).now).toBe(19);
  });
});
