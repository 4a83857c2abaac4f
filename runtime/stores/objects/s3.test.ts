import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasS3, S3Faults, S3Server, s3Options } from '../../../test/services/s3.ts';
import { sha256Hex } from '../sha256.ts';
import { objectStoreCompliance } from './compliance.ts';
import { connectS3, S3ObjectStore } from './s3.ts';
import type { PutOptions } from './types.ts';

/** Of a slow machine that nothing is wrong with; where a store hangs they are waited for. */
const PATIENT = { connectMs: 10_000, idleMs: 15_000, totalMs: 20_000 };
const IMPATIENT = { connectMs: 3_000, idleMs: 2_000, totalMs: 3_000 };

let server: S3Server;
let faults: S3Faults;
let places = 0;

function put(store: S3ObjectStore, key: string, text: string, over: Partial<PutOptions> = {}) {
  const bytes = Buffer.from(text);
  return store.put(key, bytes, { contentType: 'application/json', sha256: sha256Hex(bytes), ...over });
}

describe.skipIf(!hasS3())('an S3 server', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    server = await S3Server.start();
    faults = new S3Faults(server.port);
    await faults.start();
  });
  afterAll(async () => {
    await faults.stop();
    await server.stop();
  });
  beforeEach(() => {
    faults.fault = 'none';
    faults.faultOf = () => true;
    faults.seen.length = 0;
  });

  objectStoreCompliance('s3', async () => {
    places += 1;
    const store = new S3ObjectStore(s3Options(server.endpoint, { prefix: `place-${places}/` }));
    return { store, shared: true, cleanUp: async () => undefined };
  });

  it('writes what is new with one request, and a repeat with no second write', async () => {
    const store = new S3ObjectStore(s3Options(faults.endpoint));
    await put(store, 'once/a.json', 'one', { ifAbsent: true });
    expect(faults.seen.map(({ method, status }) => `${method} ${status}`)).toEqual(['PUT 200']);
    expect(await put(store, 'once/a.json', 'one', { ifAbsent: true })).toBe('written');
    expect(faults.seen.map(({ method, status }) => `${method} ${status}`)).toEqual(['PUT 200', 'PUT 412', 'HEAD 200']);
    await store.close();
  });

  it('takes what others keep in the bucket for none of its own', async () => {
    const store = new S3ObjectStore(s3Options(server.endpoint, { prefix: 'shared/' }));
    const other = new S3ObjectStore(s3Options(server.endpoint, { prefix: 'shared' }));
    await put(store, 'site/a.json', 'ours');
    await put(other, 'more/b.json', 'theirs');
    expect((await store.list()).map(({ key }) => key)).toEqual(['site/a.json']);
    expect(await store.get('more/b.json')).toBeUndefined();
    await Promise.all([store.close(), other.close()]);
  });

  it('gives links that end, also under the address that browsers know', async () => {
    const store = new S3ObjectStore(
      s3Options(server.endpoint, { link_endpoint: server.endpoint.replace('127.0.0.1', 'localhost') }),
    );
    await put(store, 'links/a.json', 'linked');
    const link = await store.presign('links/a.json', 60);
    expect(link).toContain('http://localhost');
    const response = await fetch(link);
    expect(await response.text()).toBe('linked');
    expect(response.headers.get('content-type')).toBe('application/json');
    expect((await fetch(link.replace('links/a', 'links/b'))).status).toBe(403);
    await store.close();
  });

  const failing: [what: string, code: string, over: Parameters<typeof s3Options>[1], before?: () => void][] = [
    ['a bucket that is not there', 'STORE_NO_BUCKET', { bucket: 'nothing-here' }],
    ['nobody at the address', 'STORE_UNREACHABLE', { endpoint: 'http://127.0.0.1:9' }],
    ['an unknown host', 'STORE_UNREACHABLE', { endpoint: 'http://nowhere.invalid' }],
    ['no permission', 'STORE_FORBIDDEN', {}, () => (faults.fault = 403)],
    ['a store that is overloaded', 'STORE_UNAVAILABLE', {}, () => (faults.fault = 503)],
    ['a store that hangs', 'STORE_UNREACHABLE', {}, () => (faults.fault = 'hang')],
    ['a line that is cut', 'STORE_UNREACHABLE', {}, () => (faults.fault = 'cut')],
  ];
  it.each(failing)('%s is %s, whatever is asked', async (_what, code, over, before) => {
    before?.();
    const limits = faults.fault === 'hang' ? IMPATIENT : PATIENT;
    const store = new S3ObjectStore(s3Options(faults.endpoint, over), { ...limits, attempts: 1 });
    const works = [
      store.start(),
      put(store, 'x/a.json', 'x'),
      put(store, 'x/a.json', 'x', { ifAbsent: true }),
      store.get('x/a.json'),
      store.list(),
    ];
    for (const [index, result] of (await Promise.allSettled(works)).entries()) {
      expect(result, `work ${index}`).toMatchObject({ status: 'rejected', reason: { code } });
    }
    await store.close();
  });

  it('says it where the answer stops half-way', async () => {
    const store = new S3ObjectStore(s3Options(faults.endpoint), PATIENT);
    await put(store, 'half/a.json', 'x'.repeat(100_000));
    faults.fault = 'half';
    await expect(store.get('half/a.json')).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    await store.close();
  });

  it('tells a wrong key and a wrong region from one another, and no secret', async () => {
    const before = process.env['AWS_SECRET_ACCESS_KEY'];
    process.env['AWS_SECRET_ACCESS_KEY'] = 'something-else-entirely';
    const store = new S3ObjectStore(s3Options(server.endpoint));
    const wrongKey = await store.list().catch((error: unknown) => error);
    await store.close();
    process.env['AWS_SECRET_ACCESS_KEY'] = before;
    expect(wrongKey).toMatchObject({ code: 'STORE_CREDENTIALS' });
    expect(String(wrongKey)).not.toContain('something-else-entirely');
    const elsewhere = new S3ObjectStore(s3Options(server.endpoint, { region: 'eu-west-9' }));
    await expect(elsewhere.list()).rejects.toMatchObject({ code: 'STORE_WRONG_REGION' });
    await elsewhere.close();
  });

  it('tags and encrypts what it writes, and locks it where the bucket can', async () => {
    const options = s3Options(server.endpoint, {
      bucket: 'locked',
      sse: 's3',
      tags: { team: 'safety one' },
      object_lock: { mode: 'governance', days: 3 },
    });
    const client = connectS3(options);
    await client.send(new CreateBucketCommand({ Bucket: 'locked', ObjectLockEnabledForBucket: true }));
    const store = new S3ObjectStore(options);
    await put(store, 'a/record.json', 'one', { ifAbsent: true });
    // A record grows: each version is locked, and the newest is what is read.
    expect(await put(store, 'a/record.json', 'two', { replaces: sha256Hex('one') })).toBe('written');
    const at = { Bucket: 'locked', Key: 'a/record.json' };
    const { TagSet } = await client.send(new GetObjectTaggingCommand(at));
    expect(TagSet).toEqual([{ Key: 'team', Value: 'safety one' }]);
    const { ObjectLockMode, ObjectLockRetainUntilDate, VersionId } = await client.send(new HeadObjectCommand(at));
    expect(ObjectLockMode).toBe('GOVERNANCE');
    expect(ObjectLockRetainUntilDate?.getTime()).toBeGreaterThan(Date.now() + 2 * 86_400_000);
    await expect(client.send(new DeleteObjectCommand({ ...at, VersionId }))).rejects.toThrow();
    await store.delete('a/record.json');
    expect(await store.get('a/record.json')).toBeUndefined();
    await store.close();
    client.destroy();
  });

  it('asks for encryption, tags and lock as configured', async () => {
    const headers: Record<string, unknown>[] = [];
    const store = new S3ObjectStore(
      s3Options(faults.endpoint, {
        sse: 'kms',
        kms_key_id: 'key-1',
        tags: { team: 'safety one' },
        object_lock: { mode: 'compliance', days: 30 },
      }),
    );
    faults.onHeaders = (seen) => headers.push(seen);
    faults.fault = 503;
    await put(store, 'x/protected.json', 'x').catch(() => undefined);
    await store.close();
    expect(headers[0]).toMatchObject({
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'key-1',
      'x-amz-tagging': 'team=safety+one',
      'x-amz-object-lock-mode': 'COMPLIANCE',
    });
    const until = Date.parse(String(headers[0]?.['x-amz-object-lock-retain-until-date']));
    expect(Math.abs(until - Date.now() - 30 * 86_400_000)).toBeLessThan(120_000);
  });
});
