import { expect, test } from 'vitest';
import { PersonScript } from '../world/person.ts';
import type { PersonLook } from '../world/types.ts';
import { makeJoints, poseOf } from './pose.ts';

const LOOK: PersonLook = {
  skin: [190, 140, 110],
  jacket: [50, 60, 90],
  trousers: [40, 45, 60],
  helmet: null,
  vest: null,
  hair: [60, 40, 30],
  heightM: 1.75,
  build: 0.26,
};
/** While the whole sole is down: later the heel lifts. */
const SOLE_DOWN: readonly [number, number] = [0.05, 0.35];

test.each([0.9, 1.35, 1.8])('a foot on the ground stays where it is, at %d m/s', (speed) => {
  const walk = new PersonScript('a', LOOK, { x: 0, y: 0 }, 0, speed).walk({ x: 20, y: 0 }).done();
  const joints = makeJoints();
  const steps: number[][] = [[]];
  for (let t = 2; t < 8; t += 0.01) {
    const person = walk.at(t);
    if (person === null) throw new Error('gone');
    poseOf(person, 0, joints);
    const [x, , z] = joints.left.ankle;
    if (person.stride > SOLE_DOWN[0] && person.stride < SOLE_DOWN[1]) {
      steps.at(-1)?.push(x);
      expect(z, `height of the ankle at ${t} s`).toBeCloseTo(0.042 * LOOK.heightM, 1);
    } else if (steps.at(-1)?.length) steps.push([]);
  }
  const whole = steps.slice(1, -1);
  expect(whole.length).toBeGreaterThanOrEqual(3);
  for (const xs of whole) expect(Math.max(...xs) - Math.min(...xs)).toBeLessThan(0.01);
});
