import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PictureLinks } from '../../runtime/access/picture_links.ts';
import { digestOf, newToken } from '../../runtime/access/token.ts';
import { systemClock } from '../../runtime/clock.ts';
import { LocalObjectStore } from '../../runtime/stores/objects/local.ts';
import { sha256Hex } from '../../runtime/stores/sha256.ts';
import { sampleEvidence } from '../../runtime/stores/state/samples.ts';
import { withAccount } from './access/account_file.ts';
import { TestConsole } from './testing.ts';

const JPEG = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 9, 9]);
let yard: TestConsole;
let links: PictureLinks;
let base: string;

beforeAll(async () => {
  yard = await TestConsole.create();
  links = new PictureLinks({ dataDir: yard.dir, fleetToken: null, clock: systemClock });
  const account = { name: 'ada', role: 'admin', digest: digestOf(newToken()), created: null } as const;
  const accounts = { file: await yard.write('tokens.yaml', withAccount('', account)) };
  base = await yard.start({ accounts, pictureLinks: links });
  const key = 'yard/gate/2026-11-21/seen/snapshot.jpg';
  const store = new LocalObjectStore(join(yard.dir, 'evidence'));
  await store.start();
  await store.put(key, JPEG, { contentType: 'image/jpeg', sha256: sha256Hex(JPEG) });
  for (const id of ['seen', 'unseen']) await yard.incident(id);
  await yard.state.apply([{ kind: 'evidence', evidence: sampleEvidence({ incident: 'seen', key }) }]);
});
afterAll(() => yard.end());

test('who has the link sees that picture without a login, and nothing else', async () => {
  const path = await links.make('seen', 60);
  const response = await fetch(base + path);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
  expect(response.headers.get('cache-control')).toBe('private, no-store');
  expect(Buffer.from(await response.arrayBuffer())).toEqual(JPEG);
  expect((await fetch(base + path.replace('/seen?', '/unseen?'))).status).toBe(403);
  expect((await fetch(`${base}/api/v1/incidents/seen/evidence/snapshot`)).status).toBe(401);
});

test('a link that has ended, that nobody made, or to a picture that is not there says so', async () => {
  const ended = await fetch(base + (await links.make('seen', -1)));
  expect([ended.status, await ended.text()]).toEqual([403, expect.stringContaining('This link has ended')]);
  for (const path of ['/pictures/seen', '/pictures/seen?until=99999999999&mac=0', '/pictures/']) {
    expect([403, 404]).toContain((await fetch(base + path)).status);
  }
  const early = await fetch(base + (await links.make('unseen', 60)));
  expect([early.status, await early.text()]).toEqual([404, expect.stringContaining('no picture')]);
});
