/** From a site file to what people get: the alerts sink as the role makes it. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { loadSite } from '../config/load.ts';
import type { Component } from '../runtime/lifecycle.ts';
import { openObjects } from '../runtime/stores/objects/open.ts';
import { sha256Hex } from '../runtime/stores/sha256.ts';
import { sampleIncident } from '../runtime/stores/state/samples.ts';
import { until } from '../test/wait.ts';
import { HttpReceiver, SHAPES } from './alerts/channels/testing_http.ts';
import { evidenceKey } from './evidence/keys.ts';
import { createSinks } from './registry.ts';
import { publish, type TestDeps, testDeps } from './testing.ts';

const JPEG = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 7]);
const LIMIT_MS = 15_000;

let folder: string;
let deps: TestDeps;
let push: HttpReceiver;
let sinks: Component[];
const beats: string[] = [];
const switchboard = createServer((request, response) => {
  beats.push(`${request.method} ${request.url}`);
  response.end();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banksman-registry-'));
  deps = testDeps(folder);
  push = new HttpReceiver(SHAPES.ntfy);
  await push.start();
  await new Promise<void>((resolve) => switchboard.listen(0, '127.0.0.1', resolve));
  const { port } = switchboard.address() as AddressInfo;
  vi.stubEnv('PUSH_TOKEN', 'a-token');
  vi.stubEnv('BEAT_URL', `http://127.0.0.1:${port}/ping`);
  sinks = [];
});
afterEach(async () => {
  for (const sink of sinks) await sink.stop();
  await push.stop();
  switchboard.closeAllConnections();
  await new Promise((resolve) => switchboard.close(resolve));
  await deps.bus.close();
  await rm(folder, { recursive: true });
  vi.unstubAllEnvs();
});

it('a channel of the site file brings an incident with its picture, and the heartbeat beats', async () => {
  const path = join(folder, 'site.yaml');
  await writeFile(
    path,
    `site: yard
cameras: { gate: { url: "rtsp://127.0.0.1/x", zones: { road: [[0, 0], [1, 0], [1, 1]] } } }
rules: [{ id: person-on-road, type: zone_entry, zone: road }]
alerts:
  channels:
    - { id: push, type: ntfy, url: "${push.url}", topic: yard, token: "\${PUSH_TOKEN}", snapshot: attached }
  heartbeat: { url: "\${BEAT_URL}", every_s: 5, method: POST }
`,
  );
  const loaded = await loadSite(path);
  if ('problems' in loaded) throw new Error('the site file is wrong');
  const { evidence: objects, state, alerts } = loaded.config;
  const incident = sampleIncident();
  const store = await openObjects(objects, folder);
  await store.put(evidenceKey(incident, 'snapshot'), JPEG, { sha256: sha256Hex(JPEG), contentType: 'image/jpeg' });
  await store.close();

  const own = { objects, state, alerts, retention: objects.retention, fleetToken: null, version: '1' };
  sinks = await createSinks(deps, ['alerts'], {
    ...own,
    onError: (error) => {
      throw error;
    },
  });
  for (const sink of sinks) await sink.start();
  await publish(deps.bus, 'incidents.v1', incident);
  await until('the picture', () => push.got.some(({ body }) => body.equals(JPEG)), LIMIT_MS);
  expect((await push.taken())[0]?.keys).toEqual(['incident-1/1']);
  await until('a beat', () => beats.length > 0, LIMIT_MS);
  expect(beats[0]).toBe('POST /ping');
}, 60_000);
