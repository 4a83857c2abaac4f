import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { watchesOf } from '../../simulator/score.ts';
import { CAMERAS, lineInPicture, zoneInPicture } from '../../simulator/site.ts';
import { makeWorld } from '../../simulator/world/world.ts';
import { Judge } from './judge.ts';
import { siteWithFreePorts } from './ports.ts';
import { SiteFile } from './site_file.ts';
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
  judge.watched(beganMs);
  const iso = (s: number): string => new Date(beganMs + s * 1000).toISOString();
  const opened = { id: 'a', camera: 'pit', rule: 'at-the-pit', openedAt: iso(entry.startS + 0.7), closedAt: null };
  judge.report({ ...opened, direction: null });
  const now = beganMs + (entry.startS + 2) * 1000;
  const news = judge.news(now);
  expect(news).toMatchObject([{ verdict: 'found', camera: 'pit', incident: 'a' }]);
  expect(news[0]?.lateS).toBeCloseTo(0.7, 1);
  expect(judge.news(now)).toEqual([]);
  // Nobody told of the others.
  const rest = judge.news(beganMs + world.durationS * 1000 - 1, true);
  expect(rest.length).toBeGreaterThan(3);
  expect(new Set(rest.map(({ verdict }) => verdict))).toEqual(new Set(['missed']));
});

describe('a verdict is not taken back', () => {
  const world = makeWorld('demo', 1);
  const beganMs = Date.UTC(2026, 0, 1);
  const ms = (s: number): number => beganMs + s * 1000;
  const entry = world.incidents.find(({ kind, place }) => kind === 'zone_entry' && place === 'exclusion');
  const { startS, endS } = entry ?? { startS: 0, endS: 0 };
  const told = (atS: number) => ({
    ...{ id: 'a', camera: 'pit', rule: 'at-the-pit', closedAt: null, direction: null },
    openedAt: new Date(ms(atS)).toISOString(),
  });
  const judgeOf = (watchedS: number | null): Judge => {
    const judge = new Judge(world, watchesOf(site), beganMs, beganMs);
    if (watchedS !== null) judge.watched(ms(watchedS));
    return judge;
  };
  const ofPit = (judge: Judge, atS: number) => judge.news(ms(atS)).filter(({ camera }) => camera === 'pit');

  test('late is not missed while it lasts', () => {
    const judge = judgeOf(0);
    expect(ofPit(judge, endS)).toEqual([]);
    judge.report(told(endS - 0.1));
    expect(ofPit(judge, endS + 1)).toMatchObject([{ verdict: 'found' }]);
    expect(ofPit(judge, endS + 20)).toEqual([]);
  });

  test('what nobody told of is missed when it is over', () => {
    expect(ofPit(judgeOf(0), endS + 8)).toMatchObject([{ verdict: 'missed', atS: startS }]);
  });

  test('a little early is not false', () => {
    const judge = judgeOf(0);
    judge.report(told(startS - 0.6));
    expect(ofPit(judge, startS - 0.3)).toMatchObject([{ verdict: 'found', lateS: expect.closeTo(-0.6) }]);
  });

  test('before all cameras are watched it counts when found, without how late, and is never missed', () => {
    const judge = judgeOf(null);
    judge.report(told(startS + 3));
    expect(ofPit(judge, startS + 4)).toMatchObject([{ verdict: 'found', lateS: null }]);
    judge.watched(ms(startS + 5));
    expect(judge.score(ms(startS + 6))).toMatchObject({ lateS: null, missed: [], recall: 1 });
    const none = judgeOf(null);
    none.watched(ms(startS + 5));
    expect(ofPit(none, endS + 20).filter(({ atS }) => atS <= startS)).toEqual([]);
  });
});

test('a site file with nothing but cameras and rules runs as well', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'banksman-demo-'));
  const { cameras, rules } = site;
  await writeFile(join(folder, 'least.yaml'), stringify({ site: 'least', cameras, rules }));
  const found = await siteWithFreePorts(join(folder, 'least.yaml'), join(folder, 'copy.yaml'), 1);
  expect(found.rtspPort).toBe(1);
  await rm(folder, { recursive: true });
});

test('an edited site file is judged from then on; one that cannot be judged is named, and the one before stays', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'banksman-demo-'));
  const path = join(folder, 'site.yaml');
  await writeFile(path, stringify(site));
  const file = new SiteFile(path);
  const before = await file.watches();
  const said: string[] = [];
  const edited = () => file.edited((why) => said.push(why));
  expect(await edited()).toBeNull();
  const edit = async (rules: unknown[], seconds: number): Promise<void> => {
    await writeFile(path, stringify({ ...site, rules }));
    await utimes(path, seconds, seconds);
  };
  await edit(site.rules.slice(1), 1_000);
  const after = await edited();
  expect(after?.length).toBeGreaterThan(0);
  expect(after?.length).toBeLessThan(before.length);
  expect(await edited()).toBeNull();
  await edit([{ id: 'stay', type: 'dwell', zone: 'crane-bay', dwell_s: 8 }], 2_000);
  expect(await edited()).toBeNull();
  expect(await edited()).toBeNull();
  expect(said).toEqual([expect.stringContaining('the truth knows stays of 5 s, not of 8 s')]);
  await rm(path);
  expect(await edited()).toBeNull();
  await rm(folder, { recursive: true });
});
