import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetBucketLifecycleConfigurationCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectS3 } from '../runtime/stores/objects/s3.ts';
import { type LifecycleRule, lifecycleRules, mergeRules } from '../runtime/stores/objects/s3_lifecycle.ts';
import { LifecycleS3 } from '../test/services/lifecycle_s3.ts';
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
  vi.unstubAllEnvs();
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

  it('takes the credentials of a profile, and says when there is none of that name', async () => {
    await site(`{ store: s3, s3: { bucket: evidence, endpoint: "${server.endpoint}" } }`);
    const file = join(dir, 'credentials');
    const [id, secret] = [process.env['AWS_ACCESS_KEY_ID'], process.env['AWS_SECRET_ACCESS_KEY']];
    await writeFile(
      file,
      `[default]\naws_access_key_id = ${id}\naws_secret_access_key = nothing\n
[yard]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`,
    );
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file);
    vi.stubEnv('AWS_CONFIG_FILE', join(dir, 'none'));
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_PROFILE', 'yard');
    expect(await check({ config })).toBe(0);
    vi.stubEnv('AWS_PROFILE', 'quay');
    await expect(check({ config })).rejects.toMatchObject({ code: 'STORE_CREDENTIALS' });
    vi.stubEnv('AWS_PROFILE', undefined);
    await expect(check({ config })).rejects.toMatchObject({ code: 'STORE_CREDENTIALS' });
  });

  it('lifecycle --apply says that this store has no rules', async () => {
    await site(`{ store: s3, s3: { bucket: evidence, endpoint: "${server.endpoint}" } }`);
    await expect(lifecycle({ config, apply: true })).rejects.toMatchObject({
      ...{ code: 'STORE_FAILED', message: expect.stringContaining('no lifecycle rules') },
    });
  });
});

describe('lifecycle --apply', () => {
  let store: LifecycleS3;
  beforeEach(async () => {
    store = await new LifecycleS3('evidence').start();
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    await site(
      `{ store: s3, s3: { bucket: evidence, endpoint: "${store.endpoint}" }, retention: { records_days: 90 } }`,
    );
  });
  afterEach(() => store.stop());

  async function rules(): Promise<LifecycleRule[]> {
    const client = connectS3({ endpoint: store.endpoint, region: null, path_style: null });
    const { Rules } = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: 'evidence' }));
    client.destroy();
    return Rules ?? [];
  }

  it('sets the rules of a bucket that has none', async () => {
    expect(await lifecycle({ config, apply: true })).toBe(0);
    expect(printed).toBe('s3://evidence has 1 rules now; of this site: banksman-yard-leftovers\n');
    expect(await rules()).toEqual(lifecycleRules({ site: 'yard', prefix: 'yard/', expireDays: null }));
  });

  it('leaves what others set as it is, replaces its own, and may be called again', async () => {
    const logs = `<Rule><ID>logs</ID><Status>Disabled</Status><Filter><And><Prefix>logs/</Prefix><Tag><Key>a</Key><Value>b</Value></Tag></And></Filter>
      <Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition></Rule>`;
    store.configuration = `<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${logs}</LifecycleConfiguration>`;
    store.sizeRule = 'varies_by_storage_class';
    const others = await rules();
    const ours = (expireDays: number | null) => lifecycleRules({ site: 'yard', prefix: 'yard/', expireDays });
    await lifecycle({ config, apply: true, expire: true });
    expect(await rules()).toEqual([...others, ...ours(90)]);
    await lifecycle({ config, apply: true });
    await lifecycle({ config, apply: true });
    expect(await rules()).toEqual([...others, ...ours(null)]);
    expect(others).toMatchObject([{ ID: 'logs', Filter: { And: { Tags: [{ Key: 'a', Value: 'b' }] } } }]);
    expect(store.sizeRule).toBe('varies_by_storage_class');
  });

  it('says when it may not', async () => {
    store.forbidden = true;
    await expect(lifecycle({ config, apply: true })).rejects.toMatchObject({ code: 'STORE_FORBIDDEN' });
    expect(store.configuration).toBeNull();
  });
});
