import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { watchesOf } from '../../simulator/score.ts';
import { CAMERAS, lineInPicture, zoneInPicture } from '../../simulator/site.ts';
import { makeWorld } from '../../simulator/world/world.ts';
import { Judge } from './judge.ts';
import { siteWithFreePorts } from './ports.ts';
import { inOneLine } from './words.ts';

const PATH = join(import.meta.dirname, 'site.yaml');
const site = parse(await readFile(PATH, 'utf8'));

test('zones and lines of the site file lie where the simulator has them', () => {
  const round = (points: readonly (readonly number[])[] | null) =>
    points?.map((point) => point.map((value) => Math.round(value * 1000) / 1000));
  expect(Object.keys(site.cameras)).toEqual(CAMERAS.map(({ id }) => id));
  for (const camera of CAMERAS) {
    const { zones = {}, lines = {} } = site.cameras[camera.id];
    for (const [id, polygon] of Object.entries(zones)) expect(polygon, id).toEqual(round(zoneInPicture(camera, id)));
    for (const [id, line] of Object.entries(lines)) expect(line, id).toEqual(round(lineInPicture(camera, id)));
  }
});

test('every rule of the site file has something to find in the demo', () => {
  const { incidents } = makeWorld('demo', 1);
  const watches = watchesOf(site);
  expect(new Set(watches.map(({ rule }) => rule))).toEqual(new Set(site.rules.map(({ id }: { id: string }) => id)));
  for (const { kind, place } of watches) {
    expect(incidents.filter((one) => one.kind === kind && one.place === place).length, kind).toBeGreaterThan(0);
  }
});

test('what is taken is moved in a copy; the file itself stays', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const address = taken.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const { port } = address;
  const free = await siteWithFreePorts(PATH, join(tmpdir(), 'unused.yaml'), 1);
  expect(free.rtspPort).toBe(1);
  const copyTo = join(tmpdir(), `banksman-demo-${process.pid}.yaml`);
  const moved = await siteWithFreePorts(PATH, copyTo, port);
  await new Promise((resolve) => taken.close(resolve));
  expect(moved.path).toBe(copyTo);
  expect(moved.rtspPort).not.toBe(port);
  const copy = parse(await readFile(copyTo, 'utf8'));
  expect(copy.cameras.gate.url).toBe(`rtsp://127.0.0.1:${moved.rtspPort}/gate`);
  expect(copy.data_dir).toBe(join(import.meta.dirname, '../../.cache/demo'));
  expect(copy.rules).toEqual(site.rules);
});

test('a line of the demo fits a terminal, wide or small', () => {
  const found = {
    verdict: 'found',
    camera: 'crane',
    rule: 'lingers-below-the-crane',
    atS: 166.4,
    lateS: 0.31,
  } as const;
  const one = { ...found, incident: 'a' };
  expect(inOneLine(one, 80)).toBe(' 2:46  ✓ found     lingers-below-the-crane  crane    0.3 s late');
  expect(inOneLine(one, 46)).toBe(' 2:46 ✓ lingers-below-the-crane, 0.3 s late');
  expect(inOneLine({ ...one, verdict: 'missed', lateS: null }, 46)).toBe(' 2:46 ✗ lingers-below-the-crane, missed');
});

test('a verdict is said once, when it is known', () => {
  const world = makeWorld('demo', 1);
  const entry = world.incidents.find(({ kind, place }) => kind === 'zone_entry' && place === 'exclusion');
  if (!entry) throw new Error('nobody at the pit');
  const beganMs = Date.UTC(2026, 0, 1);
  const judge = new Judge(world, watchesOf(site), beganMs, beganMs);
  const iso = (s: number): string => new Date(beganMs + s * 1000).toISOString();
  const opened = { id: 'a', camera: 'pit', rule: 'at-the-pit', openedAt: iso(entry.startS + 0.7), closedAt: null };
  judge.report({ ...opened, direction: null });
  const now = beganMs + (entry.startS + 2) * 1000;
  const news = judge.news(now);
  expect(news).toMatchObject([{ verdict: 'found', camera: 'pit', incident: 'a' }]);
  expect(news[0]?.lateS).toBeCloseTo(0.7, 1);
  expect(judge.news(now)).toEqual([]);
  // Nobody told of the others.
  const rest = judge.news(beganMs + world.durationS * 1000 - 1);
  expect(rest.length).toBeGreaterThan(3);
  expect(new Set(rest.map(({ verdict }) => verdict))).toEqual(new Set(['missed']));
});
