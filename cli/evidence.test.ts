import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetBucketLifecycleConfigurationCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { lifecycleRules, mergeRules } from '../runtime/stores/objects/s3_lifecycle.ts';
import { hasS3, S3Server } from '../test/services/s3.ts';
import { check, lifecycle } from './evidence.ts';

let dir: string;
let config: string;
let printed = '';

async function site(evidence: string): Promise<void> {
  await writeFile(config, `site: yard\ncameras: { gate: { url: rtsp://10.0.0.11/live } }\nevidence: ${evidence}\n`);
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'banksman-cli-evidence-'));
  config = join(dir, 'site.yaml');
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(dir, { recursive: true });
});

describe('lifecycle', () => {
  it('prints what the store is to clear away, under the keys of the site', async () => {
    await site('{ store: s3, s3: { bucket: yard-evidence, prefix: a/ }, retention: { records_days: 90 } }');
    expect(await lifecycle({ config, expire: true })).toBe(0);
    const { Rules } = JSON.parse(printed);
    expect(Rules.map((rule: { ID: string }) => rule.ID)).toEqual(['banksman-yard-leftovers', 'banksman-yard-expire']);
    expect(Rules[1]).toMatchObject({ Filter: { Prefix: 'a/yard/' }, Expiration: { Days: 91 } });
    printed = '';
    await lifecycle({ config });
    expect(JSON.parse(printed).Rules).toHaveLength(1);
  });

  it('leaves the rules of others, and replaces its own', () => {
    const others = [{ ID: 'logs', Status: 'Enabled' as const }, { Status: 'Enabled' as const }];
    const before = lifecycleRules({ site: 'yard', prefix: 'yard/', expireDays: 10 });
    const neighbour = lifecycleRules({ site: 'yard-2', prefix: 'yard-2/', expireDays: 10 });
    const now = lifecycleRules({ site: 'yard', prefix: 'yard/', expireDays: null });
    expect(mergeRules([...others, ...before, ...neighbour], now, 'yard')).toEqual([...others, ...neighbour, ...now]);
  });

  it('is of no use without a bucket', async () => {
    await site('{ store: local }');
    await expect(lifecycle({ config })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(check({ config })).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe.skipIf(!hasS3())('with a store', () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await S3Server.start();
  });
  afterAll(() => server.stop());

  it('check does all that the sink does, and leaves nothing', async () => {
    await site(
      `{ store: s3, s3: { bucket: evidence, endpoint: "${server.endpoint}", sse: s3, tags: { team: safety } } }`,
    );
    expect(await check({ config })).toBe(0);
    expect(printed.split('\n').filter((line) => line.startsWith('ok '))).toHaveLength(5);
  });

  it('check says what is wrong and how to mend it', async () => {
    await site(`{ store: s3, s3: { bucket: elsewhere, endpoint: "${server.endpoint}" } }`);
    await expect(check({ config })).rejects.toMatchObject({
      code: 'STORE_NO_BUCKET',
      where: expect.stringContaining('s3://elsewhere/'),
    });
  });

  it('lifecycle --apply sets the rules, or says that this store has none', async () => {
    await site(`{ store: s3, s3: { bucket: evidence, endpoint: "${server.endpoint}" } }`);
    const outcome = await lifecycle({ config, apply: true }).catch((error: unknown) => error);
    if (outcome === 0) {
      const { connectS3 } = await import('../runtime/stores/objects/s3.ts');
      const client = connectS3({ endpoint: server.endpoint, region: null, path_style: null });
      const { Rules } = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: 'evidence' }));
      expect(Rules?.map(({ ID }) => ID)).toEqual(['banksman-yard-leftovers']);
      client.destroy();
    } else
      expect(outcome).toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('no lifecycle rules') });
  });
});
