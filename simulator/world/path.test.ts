import { describe, expect, it } from 'vitest';
import { BendRide } from './bend_ride.ts';
import { Path, Ride, turn } from './path.ts';

describe('a path', () => {
  const path = new Path(
    [
      { x: 0, y: 0 },
      { x: 20, y: 0 },
      { x: 20, y: 20 },
    ],
    6,
  );

  it('begins and ends where it is told to, and cuts the corner', () => {
    expect(path.at(0)).toMatchObject({ at: { x: 0, y: 0 }, heading: 0, curvature: 0 });
    expect(path.at(path.lengthM).at).toEqual({ x: 20, y: 20 });
    expect(path.at(path.lengthM).heading).toBeCloseTo(Math.PI / 2);
    expect(path.lengthM).toBeLessThan(40);
    expect(path.lengthM).toBeGreaterThan(Math.hypot(20, 20));
  });

  it('goes where it heads, turns as it curves, and never jumps', () => {
    const step = 0.05;
    let turned = 0;
    for (let m = step; m <= path.lengthM; m += step) {
      const [a, b] = [path.at(m - step), path.at(m)];
      const moved = Math.hypot(b.at.x - a.at.x, b.at.y - a.at.y);
      expect(Math.abs(moved - step)).toBeLessThan(0.002);
      const bearing = Math.atan2(b.at.y - a.at.y, b.at.x - a.at.x);
      expect(Math.abs(bearing - (a.heading + b.heading) / 2)).toBeLessThan(0.02);
      turned += ((a.curvature + b.curvature) / 2) * step;
      expect(Math.abs(b.curvature - a.curvature)).toBeLessThan(0.02);
    }
    expect(turned).toBeCloseTo(Math.PI / 2, 2);
  });
});

describe('a ride', () => {
  it.each([
    [10, 2, 1, 7],
    [1, 2, 1, 2],
  ])('of %f m at %f m/s with %f m/s²: %f s, from rest to rest', (length, speed, acceleration, seconds) => {
    const ride = new Ride(length, speed, acceleration);
    expect(ride.durationS).toBeCloseTo(seconds);
    let travelled = 0;
    const step = 0.001;
    for (let t = 0; t < seconds; t += step) {
      const now = ride.at(t);
      expect(now.speed).toBeLessThanOrEqual(speed + 1e-9);
      expect(Math.abs(now.distanceM - travelled)).toBeLessThan(0.01);
      travelled += now.speed * step;
    }
    expect(ride.at(seconds + 1)).toEqual({ distanceM: length, speed: 0 });
  });
});

it('turns the short way', () => {
  expect(turn(3, -3)).toBeCloseTo(2 * Math.PI - 6);
  expect(turn(-3, 3)).toBeCloseTo(6 - 2 * Math.PI);
  expect(turn(0.2, 0.5)).toBeCloseTo(0.3);
  expect(turn(4 * Math.PI, 0)).toBeCloseTo(0);
});

describe('a ride through a bend', () => {
  const path = new Path(
    [
      { x: 0, y: 0 },
      { x: 20, y: 0 },
      { x: 20, y: 20 },
    ],
    3,
  );

  it('slows down for it, and is as fast as told elsewhere', () => {
    const ride = new BendRide(path, 3, 1, 0.8);
    let travelled = 0;
    let fastest = 0;
    let before = 0;
    const step = 0.002;
    for (let t = 0; t < ride.durationS; t += step) {
      const { distanceM, speed } = ride.at(t);
      expect(Math.abs(distanceM - travelled)).toBeLessThan(0.02);
      expect(Math.abs(speed - before)).toBeLessThan(1.01 * step + 1e-3);
      expect(speed * Math.abs(path.at(distanceM).curvature)).toBeLessThan(0.85);
      travelled += speed * step;
      fastest = Math.max(fastest, speed);
      before = speed;
    }
    expect(fastest).toBeCloseTo(3);
    expect(ride.at(ride.durationS)).toEqual({ distanceM: expect.closeTo(path.lengthM), speed: 0 });
  });

  it('is an ordinary ride where nothing bends', () => {
    const straight = new Path(
      [
        { x: 0, y: 0 },
        { x: 10, y: 0 },
      ],
      3,
    );
    expect(new BendRide(straight, 2, 1, 1).durationS).toBeCloseTo(new Ride(10, 2, 1).durationS, 1);
  });
});
