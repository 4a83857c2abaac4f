import { expect, test } from 'vitest';
import { cameraModel } from '../site.ts';
import { FURNITURE } from '../world/furniture.ts';
import { PLAN } from '../world/plan.ts';
import { CLEAR } from '../world/types.ts';
import { Ground } from './ground.ts';
import { lightOf } from './light.ts';
import { LitScene } from './lit_scene.ts';
import { Scene } from './scene.ts';
import { View } from './view.ts';

test.each([0, 1])('under passing clouds colours are blended, and at most a level off: night %d', (night) => {
  const view = new View({ ...cameraModel('gate'), width: 480, height: 270 }, 1, 9000);
  const lit = new LitScene(new Scene(view, new Ground(PLAN, 1), FURNITURE, 1, true), view);
  const covers = new Set<number>();
  let worst = 0;
  for (let t = 0; t < 12; t += 1.3) {
    const light = lightOf({ ...CLEAR, clouds: 3, night }, t, 1);
    covers.add(light.cover);
    lit.light(light);
    for (let i = 0; i < view.width * view.height; i += 7) {
      const [blended, shaded] = [lit.colour(i), lit.touched(i, null)];
      for (const shift of [0, 8, 16]) {
        worst = Math.max(worst, Math.abs(((blended >> shift) & 255) - ((shaded >> shift) & 255)));
      }
    }
  }
  expect(covers.size).toBeGreaterThan(5);
  expect(worst).toBeLessThanOrEqual(1);
});
