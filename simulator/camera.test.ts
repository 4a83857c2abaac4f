import { expect, test } from 'vitest';
import { Projection } from './camera.ts';

const CAMERA = {
  position: { x: 0, y: -10, z: 10 },
  lookAt: { x: 0, y: 0, z: 0 },
  horizontalFovDeg: 90,
  width: 960,
  height: 540,
};

test('the middle of the picture is what the camera looks at', () => {
  const seen = new Projection(CAMERA).project(CAMERA.lookAt);
  expect(seen?.x).toBeCloseTo(0.5);
  expect(seen?.y).toBeCloseTo(0.5);
  expect(seen?.depth).toBeCloseTo(Math.hypot(10, 10));
});

test('east is right, up is up, and the edge is half the angle of view away', () => {
  const projection = new Projection(CAMERA);
  expect(projection.project({ x: 1, y: 0, z: 0 })?.x).toBeGreaterThan(0.5);
  expect(projection.project({ x: 0, y: 0, z: 1 })?.y).toBeLessThan(0.5);
  expect(projection.project({ x: Math.hypot(10, 10), y: 0, z: 0 })?.x).toBeCloseTo(1);
  expect(projection.project({ x: 0, y: -30, z: 10 })).toBeNull();
});

test('pixels are square', () => {
  const projection = new Projection({ ...CAMERA, position: { x: 0, y: -10, z: 0.001 } });
  const middle = projection.project(CAMERA.lookAt);
  const right = projection.project({ x: 1, y: 0, z: 0 });
  const up = projection.project({ x: 0, y: 0, z: 1 });
  const across = ((right?.x ?? 0) - (middle?.x ?? 0)) * CAMERA.width;
  const along = ((middle?.y ?? 0) - (up?.y ?? 0)) * CAMERA.height;
  expect(across).toBeCloseTo(along, 1);
});

test('ground and picture agree both ways, and with the homography', () => {
  const projection = new Projection(CAMERA);
  const h = projection.homography();
  for (const [x, y] of [
    [0, 0],
    [3, 4],
    [-7, 12],
    [2.5, -6],
  ] as const) {
    const seen = projection.project({ x, y, z: 0 });
    if (!seen) throw new Error('not seen');
    const back = projection.ground(seen.x, seen.y);
    expect(back?.x).toBeCloseTo(x);
    expect(back?.y).toBeCloseTo(y);
    const w = h[6] * x + h[7] * y + h[8];
    expect(w).toBeCloseTo(seen.depth);
    expect((h[0] * x + h[1] * y + h[2]) / w).toBeCloseTo(seen.x);
    expect((h[3] * x + h[4] * y + h[5]) / w).toBeCloseTo(seen.y);
  }
  expect(projection.ground(0.5, -3)).toBeNull();
});
