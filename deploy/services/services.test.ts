import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Redis } from 'ioredis';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../runtime/ports.ts';
import { isAlive } from '../../test/processes.ts';
import { findKafka, findRedis, findVersityGw } from './find.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const missing = [findKafka, findRedis, findVersityGw].flatMap((find) => {
  try {
    find();
    return [];
  } catch (error) {
    return [String(error)];
  }
});

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banksman-services-'));
});
afterEach(async () => {
  await call('down');
  await rm(folder, { recursive: true, force: true });
});

interface Outcome {
  code: number;
  out: string;
  err: string;
}

function call(script: 'up' | 'down' | 'install', args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const child = spawn(here(script), args, {
    env: { ...process.env, BANKSMAN_SERVICES_DIR: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const outcome = { code: -1, out: '', err: '' };
  child.stdout.on('data', (data) => {
    outcome.out += data;
  });
  child.stderr.on('data', (data) => {
    outcome.err += data;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ ...outcome, code: code ?? -1 }));
  });
}

/** The `export NAME=value` lines of `up`. */
function variables(lines: string): Record<string, string> {
  return Object.fromEntries(
    [...lines.matchAll(/^export BANKSMAN_TEST_(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
  );
}

const pids = async (): Promise<number[]> =>
  Promise.all(
    ['kafka', 'redis', 's3'].map(async (name) => Number(await readFile(join(folder, 'run', `${name}.pid`), 'utf8'))),
  );

describe.skipIf(missing.length > 0)('deploy/services', () => {
  it('starts servers that work, is called twice without harm, and leaves nothing', { timeout: 180_000 }, async () => {
    const up = await call('up', ['--packages']);
    expect(up).toMatchObject({ code: 0, err: '' });
    const at = variables(up.out);
    expect(await readFile(join(folder, 'env'), 'utf8')).toBe(up.out);

    const kafka = new Kafka({ brokers: [at['KAFKA'] ?? ''], logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    expect(await admin.createTopics({ topics: [{ topic: 'tried', numPartitions: 2 }] })).toBe(true);
    expect(await admin.listTopics()).toEqual(['tried']);
    await admin.disconnect();

    const redis = new Redis(at['REDIS'] ?? '');
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();

    const s3 = new S3Client({
      endpoint: at['S3'] ?? '',
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: at['S3_ACCESS_KEY'] ?? '', secretAccessKey: at['S3_SECRET_KEY'] ?? '' },
    });
    await s3.send(new CreateBucketCommand({ Bucket: 'tried' }));
    await s3.send(new PutObjectCommand({ Bucket: 'tried', Key: 'a/b', Body: 'kept' }));
    const object = await s3.send(new GetObjectCommand({ Bucket: 'tried', Key: 'a/b' }));
    expect(await object.Body?.transformToString()).toBe('kept');
    s3.destroy();

    const started = await pids();
    expect(await call('up')).toEqual(up);
    expect(await pids()).toEqual(started);

    expect(await call('down')).toEqual({ code: 0, out: '', err: '' });
    expect(started.filter(isAlive)).toEqual([]);
    expect(await readdir(folder)).toEqual(['lock']);
    expect(await call('down')).toEqual({ code: 0, out: '', err: '' });
  });

  it('names a taken port and what to do, and starts nothing', { timeout: 60_000 }, async () => {
    const port = await freePort();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
    const outcome = await call('up', ['--packages', '--redis', String(port)]);
    other.close();
    expect(outcome.code).toBe(1);
    expect(outcome.err).toContain(`port ${port} is taken`);
    expect(outcome.err).toContain('--redis PORT');
    expect(await readdir(folder)).toEqual(['lock']);
  });
});

describe('what is missing', () => {
  /** A PATH with a shell's tools and these programs only. */
  async function toolbox(programs: Record<string, string>): Promise<string> {
    const bin = join(folder, 'toolbox');
    await mkdir(bin);
    for (const [name, script] of Object.entries(programs)) {
      await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
      await chmod(join(bin, name), 0o755);
    }
    return bin;
  }
  const tools = Object.fromEntries(
    ['dirname', 'readlink', 'mkdir', 'sha256sum', 'cut', 'cat', 'rm', 'mv', 'tail', 'sleep', 'bash', 'sed'].map(
      (name) => [name, `exec /usr/bin/${name} "$@"`],
    ),
  );

  it('is a failure in CI and a note elsewhere', { timeout: 60_000 }, async () => {
    const env = { PATH: await toolbox(tools), BANKSMAN_SERVICES_CACHE: join(folder, 'cache') };
    const note = await call('install', [], { ...env, CI: '' });
    expect(note).toMatchObject({ code: 0, out: '' });
    expect(note.err).toContain('Maven is missing');
    expect(note.err).toContain('Go is missing');
    expect(note.err).toContain('./setup --test');
    expect(await call('install', [], { ...env, CI: 'true' })).toMatchObject({ code: 1 });
  });

  it('is tried twice where a download fails, then told with what to do', { timeout: 60_000 }, async () => {
    const tries = join(folder, 'tries');
    const env = {
      BANKSMAN_SERVICES_CACHE: join(folder, 'cache'),
      PATH: await toolbox({
        ...tools,
        mvn: `for last; do :; done; /usr/bin/mkdir -p "\${last#-DoutputDirectory=}"`,
        go: `echo "$1" >>${tries}; echo 'dial tcp: no route to host'; exit 1`,
      }),
    };
    const outcome = await call('install', [], env);
    expect(outcome.code).toBe(1);
    expect((await readFile(tries, 'utf8')).split('\n').filter((line) => line === 'install')).toHaveLength(2);
    expect(outcome.err).toContain('no route to host');
    expect(outcome.err).toMatch(/failed: versitygw v[\d.]+, tried twice/);
    expect(outcome.err).toContain('GOPROXY');
  });

  it('is told by whoever looks for it', () => {
    expect(() => findVersityGw('/nowhere', '')).toThrow('run ./setup --test');
    expect(() => findKafka('/nowhere')).toThrow('run ./setup --test');
  });
});
