/** 60 cameras on three agents: one machine dies, then another comes and one leaves. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { IngestFleet } from '../../test/fleet/ingest_fleet.ts';
import { until } from '../../test/wait.ts';

const CAMERAS = Array.from({ length: 60 }, (_, i) => `camera-${i}`);
/** The tests' machine starts dozens of processes meanwhile. */
const SLOW_MS = 300_000;
/** 6.5 s is usual, and ten is what is promised: that bench measures. This is for a machine that stalls. */
const OWNED_MS = 45_000;
let fleet: IngestFleet;

beforeEach(async () => {
  fleet = new IngestFleet();
  await fleet.start();
});
afterEach(() => fleet.stop());

it('all cameras of an agent that dies are owned elsewhere soon; no other is disturbed, none is lost', async () => {
  await fleet.launchAll(['a', 'b', 'c']);
  await fleet.addCameras(...CAMERAS);
  await fleet.seen(CAMERAS, ['a', 'b', 'c'], SLOW_MS);
  await fleet.shared(['a', 'b', 'c'], 20);

  const victim = await until('one to lead', () => fleet.living().find(({ record }) => record.leads)?.record.agent);
  const left = ['a', 'b', 'c'].filter((id) => id !== victim);
  const orphans = fleet.owned().get(victim) ?? [];
  const others = CAMERAS.filter((camera) => !orphans.includes(camera));
  const owners = new Map(others.map((camera) => [camera, fleet.ownerOf(camera) ?? '']));
  const runsBefore = runs(others);
  const killedAt = performance.now();
  await fleet.kill(victim);
  await until('other owners', () => !fleet.owned().has(victim));
  const ownedMs = performance.now() - killedAt;
  await fleet.seen(orphans, left, SLOW_MS);
  const seenMs = performance.now() - killedAt;
  process.stdout.write(
    `20 of 60 cameras lost their agent: owned after ${Math.round(ownedMs)} ms, all seen after ${Math.round(seenMs)} ms\n`,
  );
  expect(ownedMs).toBeLessThan(OWNED_MS);
  await fleet.seen(others, left, SLOW_MS);
  const steady = fleet.steady(left, killedAt);
  const undisturbed = others.filter((camera) => steady.includes(owners.get(camera) ?? ''));
  expect(runs(undisturbed)).toEqual(new Map([...runsBefore].filter(([camera]) => undisturbed.includes(camera))));
  await fleet.shared(left, 30);

  // Whoever comes is filled a few at a time; whoever ends leaves nothing unowned.
  fleet.launch('d');
  await until('its share', () => (fleet.owned().get('d')?.length ?? 0) >= 14, SLOW_MS);
  const [leaving = ''] = left;
  const handed = fleet.owned().get(leaving) ?? [];
  const from = performance.now();
  expect(await fleet.end(leaving)).toBe(0);
  expect(fleet.owned().has(leaving)).toBe(false);
  await fleet.seen(
    CAMERAS,
    ['a', 'b', 'c', 'd'].filter((id) => id !== victim && id !== leaving),
    SLOW_MS,
  );
  const gaps = handed.map((camera) => Math.round(fleet.longestGapMs(camera, from)));
  process.stdout.write(`${handed.length} cameras handed over: not seen for ${Math.max(...gaps)} ms at most\n`);
  expect(fleet.violations()).toEqual([]);
});

function runs(cameras: readonly string[]): Map<string, string | undefined> {
  return new Map(cameras.map((camera) => [camera, fleet.sights.findLast((sight) => sight.camera === camera)?.runId]));
}
