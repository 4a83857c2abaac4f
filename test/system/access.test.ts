/** The whole, open to the network: accounts before the console, a fleet token before metrics and media. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HAS_TEST_DATA } from '../data.ts';
import { until } from '../wait.ts';
import { banksman, Up } from './up.ts';

const FLEET = 'a-fleet-token-long-enough';

test.skipIf(!HAS_TEST_DATA)(
  'beyond this machine with tokens, which are taken back while it runs',
  { timeout: 300_000 },
  async () => {
    const tokens: Record<string, string> = {};
    await using up = await Up.start(
      {
        cameras: { gate: { url: 'rtsp://127.0.0.1:9/stream' } },
        rules: [{ id: 'anybody', type: 'zone_entry' }],
        fleet: { token: '${ACCESS_TEST_FLEET}' },
        console: { bind: '0.0.0.0:0', accounts: { file: 'tokens.yaml' } },
        metrics: { bind: '0.0.0.0:0' },
        media: { bind: '0.0.0.0:0' },
      },
      { ACCESS_TEST_FLEET: FLEET },
      async (dir) => {
        for (const role of ['viewer', 'operator']) {
          const made = await banksman(['tokens', 'add', role, '--role', role, '--file', join(dir, 'tokens.yaml')]);
          tokens[role] = made.stdout.trim();
        }
      },
    );
    const address = up.console.replace('0.0.0.0', '127.0.0.1');
    const cameras = async (role: string): Promise<number> =>
      (await fetch(`${address}/api/v1/cameras`, { headers: { authorization: `Bearer ${tokens[role]}` } })).status;
    expect((await fetch(`${address}/api/v1/cameras`)).status).toBe(401);
    expect(await cameras('viewer')).toBe(200);

    expect(await up.metrics()).toContain('send the fleet token');
    expect(await up.metrics(FLEET)).toContain('banksman_cameras_expected 1');

    const media = await until('the address of its media', async () => {
      const { stdout } = await banksman(['status', '-c', up.configPath, '--json']);
      const { cameras }: { cameras: { media: { url: string } | null }[] } = JSON.parse(stdout);
      return cameras[0]?.media?.url;
    });
    expect(media).toMatch(/^http:\/\/[^/]+\/v1\/cameras\/gate$/);
    const here = `http://127.0.0.1:${new URL(media).port}/v1/cameras/gate`;
    expect((await fetch(here)).status).toBe(401);
    expect((await fetch(here, { headers: { authorization: `Bearer ${FLEET}` } })).status).toBe(200);

    const mute = {
      rule: 'anybody',
      reason: 'works',
      until: new Date(Date.now() + 60_000).toISOString(),
      by: 'somebody',
    };
    const made = await fetch(`${address}/api/v1/mutes`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokens['operator']}`, 'content-type': 'application/json' },
      body: JSON.stringify(mute),
    });
    expect(await made.json()).toMatchObject({ by: 'operator' });
    await until('the audit line', () => /"account":"operator".*"path":"\/api\/v1\/mutes".*"audit"/.test(up.output));

    const removed = await banksman(['tokens', 'remove', 'viewer', '-c', up.configPath]);
    expect(removed.code).toBe(0);
    await until('the viewer to be out', async () => (await cameras('viewer')) === 401);
    expect(await cameras('operator')).toBe(200);
    for (const secret of [FLEET, ...Object.values(tokens)]) expect(up.output).not.toContain(secret);
  },
);

test('what would be open to anybody is refused before anything starts', { timeout: 180_000 }, async () => {
  const dir = await mkdtemp(join(tmpdir(), 'banksman-access-'));
  const config = join(dir, 'site.yaml');
  await writeFile(
    config,
    'site: yard\ncameras: { gate: { url: "rtsp://127.0.0.1:9/s" } }\nconsole: { bind: "0.0.0.0:0" }\nmetrics: { bind: "0.0.0.0:0" }\n',
  );
  const { code, stderr } = await banksman(['up', '-c', config]);
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /site\.yaml:3:18: .*needs accounts \[CONFIG_BIND_REFUSED\](\n.*){2}\n.*banksman tokens add NAME/,
  );
  expect(stderr).toMatch(
    /site\.yaml:4:18: .*needs a fleet token \[CONFIG_BIND_REFUSED\](\n.*){2}\n.*metrics\.open: true/,
  );
  await rm(dir, { recursive: true, force: true });
});
