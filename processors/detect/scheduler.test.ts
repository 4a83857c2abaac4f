import { describe, expect, test } from 'vitest';
import { type Offer, Scheduler } from './scheduler.ts';

const make = (more = {}): Scheduler<string, string> =>
  new Scheduler({ maxFrameAgeMs: 2000, maxCatchupAgeMs: 10_000, catchupBudget: 3, maxCameras: 100, ...more });

const frame = (camera: string, seq: number, more: Partial<Offer<string>> = {}): Offer<string> => ({
  camera,
  epoch: 1,
  runId: 'run-1',
  seq,
  purpose: 'live',
  captureMs: 0,
  payload: `${camera}${seq}`,
  ...more,
});

/** What left, as `payload` or `payload:reason`. */
const left = (scheduler: Scheduler<string, string>): string[] =>
  scheduler
    .drain()
    .map(({ payload, outcome }) => (outcome && 'shed' in outcome ? `${payload}:${outcome.shed}` : payload));

const takeAndLook = (scheduler: Scheduler<string, string>, now = 0): string | undefined => {
  const entry = scheduler.take(now);
  if (entry) scheduler.settle(entry, { result: 'seen' });
  return entry?.payload;
};

describe('scheduler', () => {
  test('the newest live frame of a camera wins; the others leave as superseded, in order', () => {
    const scheduler = make();
    for (const seq of [0, 1, 2]) scheduler.offer(frame('a', seq), 0);
    expect(left(scheduler)).toEqual(['a0:superseded', 'a1:superseded']);
    expect(scheduler.waiting).toBe(1);
    expect(takeAndLook(scheduler)).toBe('a2');
    expect(left(scheduler)).toEqual(['a2']);
    expect(scheduler.idle).toBe(true);
  });

  test('one frame of a camera is in work at a time, and what is shed meanwhile waits for it', () => {
    const scheduler = make();
    scheduler.offer(frame('a', 0), 0);
    const working = scheduler.take(0);
    scheduler.offer(frame('a', 1), 0);
    scheduler.offer(frame('a', 2), 0);
    expect(scheduler.take(0)).toBeUndefined();
    expect(left(scheduler)).toEqual([]);
    if (working) scheduler.settle(working, { result: 'seen' });
    expect(left(scheduler)).toEqual(['a0', 'a1:superseded']);
    expect(scheduler.take(0)?.payload).toBe('a2');
  });

  test('cameras take turns, however many frames each sends', () => {
    const scheduler = make();
    const order: (string | undefined)[] = [];
    for (let round = 0; round < 3; round++) {
      for (let burst = 0; burst < 5; burst++) scheduler.offer(frame('busy', round * 5 + burst), 0);
      for (const camera of ['b', 'c']) scheduler.offer(frame(camera, round), 0);
      order.push(takeAndLook(scheduler), takeAndLook(scheduler));
    }
    expect(order.map((payload) => payload?.replace(/\d+/, ''))).toEqual(['busy', 'b', 'c', 'busy', 'b', 'busy']);
  });

  test('what waited too long is shed, by a look and by time alone', () => {
    const scheduler = make();
    scheduler.offer(frame('a', 0), 1000);
    scheduler.expire(2000);
    expect(left(scheduler)).toEqual([]);
    scheduler.expire(2001);
    expect(left(scheduler)).toEqual(['a0:stale']);
    scheduler.offer(frame('a', 1), 1000);
    expect(scheduler.take(5000)).toBeUndefined();
    expect(left(scheduler)).toEqual(['a1:stale']);
    expect(scheduler.idle).toBe(true);
  });

  test('a backlog is shed at once, each frame with its record, up to the fresh ones', () => {
    const scheduler = make();
    for (let seq = 0; seq < 100; seq++) scheduler.offer(frame('a', seq, { captureMs: seq * 100 }), 10_000);
    const out = left(scheduler);
    expect(out.slice(0, 80)).toEqual(Array.from({ length: 80 }, (_, seq) => `a${seq}:stale`));
    expect(out.slice(80)).toEqual(Array.from({ length: 19 }, (_, index) => `a${index + 80}:superseded`));
    expect(takeAndLook(scheduler, 10_000)).toBe('a99');
  });

  test('what becomes stale behind a frame in work leaves after it', () => {
    const scheduler = make();
    scheduler.offer(frame('a', 0), 0);
    const working = scheduler.take(0);
    scheduler.offer(frame('a', 1), 0);
    scheduler.expire(9000);
    expect(scheduler.waiting).toBe(0);
    expect(left(scheduler)).toEqual([]);
    if (working) scheduler.settle(working, { shed: 'detector_hung' });
    expect(left(scheduler)).toEqual(['a0:detector_hung', 'a1:stale']);
  });

  test('catch-up frames go oldest first, ahead of live ones, within their budget, and leave in order', () => {
    const scheduler = make();
    scheduler.offer(frame('a', 0), 5000 - 4000);
    for (const seq of [1, 2, 3, 4]) scheduler.offer(frame('a', seq, { purpose: 'catchup', captureMs: 0 }), 1000);
    expect(left(scheduler)).toEqual([]);
    expect(takeAndLook(scheduler, 1000)).toBe('a1');
    expect(takeAndLook(scheduler, 1000)).toBe('a2');
    // Their records wait for that of the live frame before them.
    expect(left(scheduler)).toEqual([]);
    expect(takeAndLook(scheduler, 1000)).toBe('a3');
    expect(takeAndLook(scheduler, 1000)).toBe('a0');
    expect(left(scheduler)).toEqual(['a0', 'a1', 'a2', 'a3', 'a4:catchup_budget']);
  });

  test('catch-up frames may be older than live ones, not for ever', () => {
    const scheduler = make();
    scheduler.offer(frame('a', 0, { purpose: 'catchup' }), 9000);
    expect(scheduler.take(9000)?.payload).toBe('a0');
    scheduler.offer(frame('b', 0, { purpose: 'catchup' }), 9000);
    scheduler.expire(10_001);
    expect(left(scheduler)).toEqual(['b0:stale']);
  });

  test('the past does not come back', () => {
    const scheduler = make();
    const offer = (more: Partial<Offer<string>>, seq = 5): string | null => scheduler.offer(frame('a', seq, more), 0);
    expect(offer({})).toBeNull();
    expect(offer({})).toBe('duplicate');
    expect(offer({}, 4)).toBe('duplicate');
    expect(offer({ runId: 'run-0' }, 9)).toBe('old_run');
    expect(offer({ runId: 'run-2' }, 0)).toBeNull();
    expect(offer({ epoch: 0, runId: 'run-9' }, 9)).toBe('old_epoch');
    expect(offer({ epoch: 2, runId: 'run-0' }, 0)).toBeNull();
    takeAndLook(scheduler);
    expect(left(scheduler)).toEqual(['a5:superseded', 'a0:superseded', 'a0']);
  });

  test('cameras that were given up leave no record, and begin anew when they come back', () => {
    const scheduler = make();
    scheduler.offer(frame('a', 0), 0);
    scheduler.offer(frame('b', 0), 0);
    const working = scheduler.take(0);
    scheduler.offer(frame('a', 1), 0);
    scheduler.forget((payload) => payload.startsWith('a'));
    expect(scheduler.waiting).toBe(1);
    if (working) scheduler.settle(working, { result: 'seen' });
    expect(left(scheduler)).toEqual([]);
    expect(scheduler.offer(frame('a', 0), 0)).toBeNull();
    expect([takeAndLook(scheduler), takeAndLook(scheduler)]).toEqual(['b0', 'a0']);
    expect(left(scheduler)).toEqual(['b0', 'a0']);
  });

  test('remembers no more cameras than it may', () => {
    const scheduler = make({ maxCameras: 2 });
    for (const camera of ['a', 'b', 'c']) {
      scheduler.offer(frame(camera, 7), 0);
      takeAndLook(scheduler);
      scheduler.drain();
    }
    expect(scheduler.offer(frame('c', 7), 0)).toBe('duplicate');
    expect(scheduler.offer(frame('a', 7), 0)).toBeNull();
  });

  test('under any load every frame leaves exactly once, in the order of its camera', () => {
    let random = 42;
    const next = (below: number): number => {
      random = (random * 1103515245 + 12345) & 0x7fffffff;
      return random % below;
    };
    const scheduler = make();
    const offered = new Map<string, number>();
    const out = new Map<string, number[]>();
    const working: NonNullable<ReturnType<typeof scheduler.take>>[] = [];
    let now = 0;
    const collect = (): void => {
      for (const { camera, seq } of scheduler.drain()) out.set(camera, [...(out.get(camera) ?? []), seq]);
    };
    for (let step = 0; step < 20_000; step++) {
      now += next(60);
      const camera = `c${next(6)}`;
      const seq = offered.get(camera) ?? 0;
      switch (next(5)) {
        case 0:
        case 1:
          offered.set(camera, seq + 1);
          scheduler.offer(
            frame(camera, seq, { purpose: next(4) === 0 ? 'catchup' : 'live', captureMs: now - next(3000) }),
            now,
          );
          break;
        case 2: {
          const entry = working.length < 3 ? scheduler.take(now) : undefined;
          if (entry) {
            expect(working.some((other) => other.camera === entry.camera)).toBe(false);
            working.push(entry);
          }
          break;
        }
        case 3: {
          const [entry] = working.splice(next(Math.max(1, working.length)), 1);
          if (entry) scheduler.settle(entry, next(10) === 0 ? { shed: 'unreadable' } : { result: 'seen' });
          break;
        }
        default:
          scheduler.expire(now);
      }
      collect();
    }
    for (const entry of working) scheduler.settle(entry, { result: 'seen' });
    scheduler.expire(now + 60_000);
    collect();
    expect(scheduler.idle).toBe(true);
    for (const [camera, count] of offered) {
      expect(out.get(camera)).toEqual(Array.from({ length: count }, (_, seq) => seq));
    }
  });
});
