import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FakeClock } from '../clock.ts';
import type { SecretRef } from '../messages/types.ts';
import { PictureLinks } from './picture_links.ts';

let dataDir: string;
const clock = new FakeClock();
const links = (fleetToken: SecretRef | null = null): PictureLinks => new PictureLinks({ dataDir, fleetToken, clock });

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'banksman-links-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dataDir, { recursive: true });
});

async function holds(by: PictureLinks, path: string, incident: string, over: Record<string, string> = {}) {
  const query = new URL(path, 'http://yard').searchParams;
  const of = (name: string): string | undefined => over[name] ?? query.get(name) ?? undefined;
  return by.holds(incident, of('until'), of('mac'));
}

it('holds for its incident, until it ends, in another process of the same folder', async () => {
  const path = await links().make('i-1', 3_600);
  expect(path).toMatch(/^\/pictures\/i-1\?until=\d+&mac=[0-9a-f]{64}$/);
  expect(await holds(links(), path, 'i-1')).toBe(true);
  expect(await holds(links(), path, 'i-2')).toBe(false);
  const later = String(Math.floor(clock.now() / 1000) + 7_200);
  expect(await holds(links(), path, 'i-1', { until: later })).toBe(false);
  await clock.advance(3_599_000);
  expect(await holds(links(), path, 'i-1')).toBe(true);
  await clock.advance(1_000);
  expect(await holds(links(), path, 'i-1')).toBe(false);
});

it('is not deceived by what is no signature', async () => {
  const path = await links().make('i-1', 60);
  for (const mac of ['', 'x', '0'.repeat(64), 'é'.repeat(64)])
    expect(await holds(links(), path, 'i-1', { mac })).toBe(false);
  for (const until of ['', '-1', '1e99', '9'.repeat(40)])
    expect(await holds(links(), path, 'i-1', { until })).toBe(false);
  expect(await links().holds('i-1', undefined, undefined)).toBe(false);
});

it('has one key, which only this user can read, however many make it at once', async () => {
  const paths = await Promise.all(Array.from({ length: 8 }, () => links().make('i-1', 60)));
  expect(new Set(paths).size).toBe(1);
  expect(await readdir(dataDir)).toEqual(['picture-links.key']);
  expect((await stat(join(dataDir, 'picture-links.key'))).mode & 0o777).toBe(0o600);
});

it('is of the fleet token where there is one: machines need not share a folder', async () => {
  vi.stubEnv('FLEET', 'a token of a fleet');
  const path = await links({ env: 'FLEET' }).make('i-1', 60);
  expect(await readdir(dataDir)).toEqual([]);
  expect(await holds(links({ env: 'FLEET' }), path, 'i-1')).toBe(true);
  vi.stubEnv('FLEET', 'another token');
  expect(await holds(links({ env: 'FLEET' }), path, 'i-1')).toBe(false);
});
