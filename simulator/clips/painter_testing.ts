import { share } from '../picture/hash.ts';
import type { TruthObject } from '../truth.ts';
import type { ClipSpec, FrameMaker } from './types.ts';

/**
 * For tests: somebody white walks to the right over grey for the first half of every 8 seconds, then stands.
 * Scenario `noisy` has a ground that an encoder spends bits on, `broken` fails after 2 s.
 */
export function makeFrames({ camera, scenario }: ClipSpec): FrameMaker {
  const { width, height, fps } = camera;
  const i420 = Buffer.alloc((width * height * 3) / 2, 128);
  return {
    frame(index) {
      if (scenario === 'broken' && index >= 2 * fps) throw new Error('the painter has no paint');
      const t = index / fps;
      const x = Math.round(((Math.min(t % 8, 4) / 4) * 0.6 + 0.1) * width);
      const [left, top, right, bottom] = [x, height / 4, x + width / 10, (height * 3) / 4];
      i420.fill(90, 0, width * height);
      if (scenario === 'noisy') for (let i = 0; i < width * height; i++) i420[i] = 80 + share(index, i) * 20;
      for (let row = top; row < bottom; row++) i420.fill(230, row * width + left, row * width + right);
      const object: TruthObject = {
        id: 'walker',
        class: 'person',
        box: [left / width, top / height, right / width, bottom / height],
        visible: 1,
        inside: 1,
        ground: { x: t, y: 0 },
        person: { posture: 'walking', hasHelmet: true, hasVest: false },
      };
      return { i420, objects: [object] };
    },
  };
}
