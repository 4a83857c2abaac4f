import { expect, test } from 'vitest';
import { Random } from '../../simulator/random.ts';
import { randomActors, randomCamera, randomConditions, randomFurniture } from './random_site.ts';

const SEEDS = Array.from({ length: 40 }, (_, index) => index + 1);
const draw = (seed: number) => {
  const random = new Random(seed);
  const camera = randomCamera(random);
  const furniture = randomFurniture(random, camera);
  return { camera, furniture, actors: randomActors(random, camera, 'a'), conditions: randomConditions(random) };
};

test('a seed gives the same site', () => {
  for (const seed of SEEDS) expect(draw(seed)).toEqual(draw(seed));
  expect(draw(1)).not.toEqual(draw(2));
});

test('people and vehicles stand apart, and most cameras see some', () => {
  let seen = 0;
  for (const seed of SEEDS) {
    const { actors } = draw(seed);
    if (actors.length > 0) seen += 1;
    for (const [index, one] of actors.entries()) {
      for (const other of actors.slice(index + 1)) {
        expect(Math.hypot(one.at.x - other.at.x, one.at.y - other.at.y)).toBeGreaterThanOrEqual(0.6);
      }
    }
  }
  expect(seen).toBeGreaterThan(0.9 * SEEDS.length);
});

test('nothing moves the picture against its truth', () => {
  for (const seed of SEEDS) expect(draw(seed).conditions).toMatchObject({ shake: 0, turning: 0 });
});
