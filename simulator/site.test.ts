import { describe, expect, it } from 'vitest';
import { polygonFault } from '../config/polygon.ts';
import { insidePolygon, side } from '../processors/incidents/geometry.ts';
import { type CameraModel, Projection } from './camera.ts';
import { CAMERAS, cameraModel, isInPicture, lineInPicture, shareInSight, zoneInPicture } from './site.ts';
import { area, groundLine, PLAN } from './world/plan.ts';

/** Looks straight down: a metre is a tenth of the picture's width. */
const ABOVE: CameraModel = {
  id: 'above',
  position: { x: 30, y: 0, z: 5 },
  lookAt: { x: 30, y: 1e-6, z: 0 },
  horizontalFovDeg: 90,
  width: 100,
  height: 100,
  fps: 10,
  rate: { mode: 'cbr', kbps: 1000, gop: 10, smartGop: null },
};

const pairs = CAMERAS.flatMap((camera) => PLAN.areas.map(({ id }) => ({ camera, id, name: `${camera.id} ${id}` })));

describe('areas in the picture', () => {
  it('cuts an area off at the edges of the picture', () => {
    // The gate area is 26 to 34 by 0 to 5; the picture shows 25 to 35 by −5 to 5.
    const zone = zoneInPicture(ABOVE, 'gate');
    expect(zone?.map(([x, y]) => [Number(x.toFixed(4)), Number(y.toFixed(4))]).toSorted()).toEqual([
      [0.1, 0],
      [0.1, 0.5],
      [0.9, 0],
      [0.9, 0.5],
    ]);
    expect(shareInSight(ABOVE, 'gate')).toBeCloseTo(1);
    // Moved 4 m east and 2 m north, half the width is left.
    const aside = { ...ABOVE, position: { x: 35, y: 2, z: 5 }, lookAt: { x: 35, y: 2 + 1e-6, z: 0 } };
    expect(shareInSight(aside, 'gate')).toBeCloseTo(0.5);
    expect(zoneInPicture(ABOVE, 'crane-bay')).toBeNull();
  });

  it.each(pairs)('$name: a polygon that a site file takes, and the same points inside as on the ground', (pair) => {
    const zone = zoneInPicture(pair.camera, pair.id);
    const projection = new Projection(pair.camera);
    if (zone) expect(polygonFault(zone)).toBeUndefined();
    let compared = 0;
    for (let x = -4; x <= 64; x += 1.3) {
      for (let y = -4; y <= 44; y += 1.3) {
        const seen = projection.project({ x, y, z: 0 });
        if (!seen || seen.x < 0.001 || seen.x > 0.999 || seen.y < 0.001 || seen.y > 0.999) continue;
        const corners = area(pair.id).polygon.map((p): [number, number] => [p.x, p.y]);
        const truly = insidePolygon(corners, [x, y]);
        expect(zone !== null && insidePolygon(zone, [seen.x, seen.y]), `${x}, ${y}`).toBe(truly);
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(100);
  });

  it.each([
    ['gate', 'gate'],
    ['yard', 'gate'],
    ['pit', 'exclusion'],
    ['crane', 'crane-bay'],
    ['yard', 'hard-hat'],
  ])('camera %s sees the whole of %s, people 40 to 160 pixels tall', (camera, id) => {
    const model = cameraModel(camera);
    expect(shareInSight(model, id)).toBeCloseTo(1, 6);
    const projection = new Projection(model);
    for (const corner of area(id).polygon) {
      const feet = projection.project({ ...corner, z: 0 });
      const crown = projection.project({ ...corner, z: 1.8 });
      const pixels = ((feet?.y ?? 0) - (crown?.y ?? 0)) * model.height;
      expect(pixels).toBeGreaterThan(36);
      expect(pixels).toBeLessThan(160);
      expect(isInPicture(model, corner)).toBe(true);
    }
  });

  it('overlaps: of the yard two cameras see much', () => {
    expect(CAMERAS.filter((camera) => shareInSight(camera, 'yard') > 0.25).map(({ id }) => id)).toEqual([
      'gate',
      'yard',
    ]);
  });
});

describe('lines in the picture', () => {
  it.each(['gate', 'yard'])('camera %s sees the gate line whole, in as on the ground', (id) => {
    const camera = cameraModel(id);
    const line = lineInPicture(camera, 'gate-line');
    const projection = new Projection(camera);
    const { from, to } = groundLine('gate-line');
    if (!line) throw new Error('not seen');
    for (const [index, end] of [from, to].entries()) {
      const seen = projection.project({ ...end, z: 0 });
      expect(line[index]?.[0]).toBeCloseTo(seen?.x ?? Number.NaN, 9);
      expect(line[index]?.[1]).toBeCloseTo(seen?.y ?? Number.NaN, 9);
    }
    // The street is left of the line, the site right of it.
    for (const [y, sign] of [
      [0.5, -1],
      [4.5, 1],
    ] as const) {
      const seen = projection.project({ x: 30, y, z: 0 });
      if (!seen) throw new Error('behind the camera');
      expect(Math.sign(side(line[0], line[1], [seen.x, seen.y]))).toBe(sign);
    }
  });

  it.each(['pit', 'crane'])('camera %s does not see the gate line', (id) => {
    expect(lineInPicture(cameraModel(id), 'gate-line')).toBeNull();
  });

  it('cuts a line off where it leaves the picture', () => {
    // The picture shows x from 29 to 39: the half of the line that lies east.
    const aside = { ...ABOVE, position: { x: 34, y: 0, z: 5 }, lookAt: { x: 34, y: 1e-6, z: 0 } };
    const line = lineInPicture(aside, 'gate-line');
    expect(line?.[0][0]).toBeCloseTo(0.5);
    expect(line?.[1]).toEqual([0, expect.closeTo(0.25)]);
  });
});
