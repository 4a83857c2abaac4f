import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../test/wait.ts';
import type { ModelManifest } from './manifest.ts';
import { pullModel } from './pull.ts';

const OFFICIAL = Buffer.concat([Buffer.from([0x08, 0x07]), randomBytes(300_000)]);
const ALTERNATE = Buffer.concat([Buffer.from([0x08, 0x06]), randomBytes(1000)]);
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

let folder: string;
let path: string;
let server: Server;
let origin: string;
let respond: (request: IncomingMessage, response: ServerResponse) => void;
let ranges: (string | undefined)[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banksman-pull-'));
  path = join(folder, 'deep', 'model.onnx');
  ranges = [];
  server = createServer((request, response) => {
    ranges.push(request.headers.range);
    respond(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  await rm(folder, { recursive: true, force: true });
});

const manifest = (urls = [`${origin}/model.onnx`]): ModelManifest => ({
  id: 'test',
  family: 'yolox',
  description: '',
  file: 'model.onnx',
  urls,
  weights: [
    { sha256: sha256(OFFICIAL), bytes: OFFICIAL.length, note: '' },
    { sha256: sha256(ALTERNATE), bytes: ALTERNATE.length, note: '' },
  ],
  licence: 'none',
  source: '',
  input: { width: 32, height: 32, layout: 'nchw' },
  labels: ['person'],
  threshold: 0.4,
  recall_by_height_px: [],
  recall_width_px: 960,
});

const quick = { retryMs: 1, stallMs: 5000 };

/** As a static file server does, ranges included. */
function serve(request: IncomingMessage, response: ServerResponse, bytes = OFFICIAL): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (from > 0) {
    response.writeHead(206, { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` });
  }
  response.end(bytes.subarray(from));
}

/** Promises the whole file, sends half of what is asked for and breaks the connection once that has arrived. */
function serveHalf(request: IncomingMessage, response: ServerResponse): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const rest = OFFICIAL.subarray(from);
  response.writeHead(from > 0 ? 206 : 200, {
    'content-length': rest.length,
    'content-range': `bytes ${from}-${OFFICIAL.length - 1}/${OFFICIAL.length}`,
  });
  const half = rest.length >> 1;
  response.write(rest.subarray(0, half));
  const arrived = async (): Promise<boolean> => (await stat(`${path}.part`)).size >= from + half;
  void until('the half to arrive', arrived, 10_000, 5).finally(() => response.destroy());
}

describe('pull', () => {
  test('downloads with progress, checks, and leaves nothing else behind', async () => {
    respond = serve;
    const progress: number[] = [];
    const pulled = await pullModel(manifest(), path, {
      ...quick,
      onProgress: (received, total) => {
        expect(total).toBe(OFFICIAL.length);
        progress.push(received);
      },
    });
    expect(pulled).toEqual({ path, sha256: sha256(OFFICIAL), bytes: OFFICIAL.length, already: false });
    expect(await readFile(path)).toEqual(OFFICIAL);
    expect(progress.at(-1)).toBe(OFFICIAL.length);
    expect([...progress].sort((a, b) => a - b)).toEqual(progress);
    expect(await readdir(join(folder, 'deep'))).toEqual(['model.onnx']);
  });

  test('does nothing when the right file is there', async () => {
    respond = serve;
    await pullModel(manifest(), path, quick);
    ranges = [];
    expect(await pullModel(manifest(), path, quick)).toMatchObject({ already: true });
    expect(ranges).toEqual([]);
  });

  test('goes on where the connection broke', async () => {
    respond = (request, response) => (ranges.length < 3 ? serveHalf : serve)(request, response);
    expect(await pullModel(manifest(), path, quick)).toMatchObject({ sha256: sha256(OFFICIAL) });
    expect(ranges[0]).toBeUndefined();
    expect(ranges).toHaveLength(3);
    for (const range of ranges.slice(1)) expect(range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test('goes on where an earlier call was interrupted', async () => {
    respond = serveHalf;
    await expect(pullModel(manifest(), path, { ...quick, attempts: 1 })).rejects.toMatchObject({
      code: 'MODEL_DOWNLOAD_FAILED',
    });
    const had = (await stat(`${path}.part`)).size;
    expect(had).toBeGreaterThan(0);
    ranges = [];
    respond = serve;
    await pullModel(manifest(), path, quick);
    expect(ranges).toEqual([`bytes=${had}-`]);
    expect(await readFile(path)).toEqual(OFFICIAL);
  });

  test('begins again where the server knows no ranges', async () => {
    respond = serveHalf;
    await expect(pullModel(manifest(), path, { ...quick, attempts: 1 })).rejects.toThrow();
    respond = (_request, response) => response.end(OFFICIAL);
    await pullModel(manifest(), path, quick);
    expect(await readFile(path)).toEqual(OFFICIAL);
  });

  test('follows redirects, and takes the next URL when one does not work', async () => {
    respond = (request, response) => {
      if (request.url === '/gone') response.writeHead(404).end();
      else if (request.url === '/moved') response.writeHead(302, { location: '/there' }).end();
      else serve(request, response);
    };
    await pullModel(manifest([`${origin}/gone`, `${origin}/moved`]), path, quick);
    expect(await readFile(path)).toEqual(OFFICIAL);
  });

  test('404 is said at once, a busy server is tried again', async () => {
    respond = (_request, response) => response.writeHead(404).end();
    await expect(pullModel(manifest(), path, quick)).rejects.toMatchObject({
      code: 'MODEL_DOWNLOAD_FAILED',
      message: expect.stringContaining('404'),
    });
    expect(ranges).toHaveLength(1);

    ranges = [];
    respond = (request, response) => (ranges.length < 3 ? response.writeHead(503).end() : serve(request, response));
    await pullModel(manifest(), path, quick);
    expect(ranges).toHaveLength(3);
  });

  test('a server that stops in the middle is given up', async () => {
    respond = (_request, response) => {
      response.writeHead(200, { 'content-length': OFFICIAL.length });
      response.write(OFFICIAL.subarray(0, 1000));
    };
    await expect(pullModel(manifest(), path, { ...quick, stallMs: 50, attempts: 1 })).rejects.toMatchObject({
      code: 'MODEL_DOWNLOAD_FAILED',
    });
  });

  test('an error page is no model', async () => {
    respond = (_request, response) => response.end('<!doctype html><title>Sign in</title>');
    await expect(pullModel(manifest(), path, quick)).rejects.toMatchObject({ code: 'MODEL_NOT_ONNX' });
    expect(await readdir(join(folder, 'deep'))).toEqual([]);
  });

  test('wrong bytes never get the name, nor are they gone on from', async () => {
    const wrong = Buffer.from(OFFICIAL);
    wrong[1000] = (wrong[1000] ?? 0) ^ 1;
    respond = (request, response) => serve(request, response, wrong);
    await expect(pullModel(manifest(), path, quick)).rejects.toMatchObject({ code: 'MODEL_CHECKSUM_MISMATCH' });
    expect(await readdir(join(folder, 'deep'))).toEqual([]);
  });

  test('more bytes than promised are not written', async () => {
    respond = (_request, response) => response.end(Buffer.concat([OFFICIAL, OFFICIAL]));
    await expect(pullModel(manifest(), path, quick)).rejects.toMatchObject({ code: 'MODEL_DOWNLOAD_FAILED' });
    expect((await stat(`${path}.part`)).size).toBeLessThanOrEqual(OFFICIAL.length);
  });

  test('--from takes the official file and the accepted one, nothing else', async () => {
    const from = join(folder, 'local.onnx');
    for (const bytes of [OFFICIAL, ALTERNATE]) {
      await writeFile(from, bytes);
      expect(await pullModel(manifest([]), path, { from })).toMatchObject({ sha256: sha256(bytes) });
      expect(await readFile(path)).toEqual(bytes);
    }
    await writeFile(from, '<html>');
    await expect(pullModel(manifest(), path, { from })).rejects.toMatchObject({ code: 'MODEL_NOT_ONNX' });
    await writeFile(from, Buffer.from([0x08, 0x07, 1, 2]));
    await expect(pullModel(manifest(), path, { from })).rejects.toMatchObject({ code: 'MODEL_CHECKSUM_MISMATCH' });
    await expect(pullModel(manifest(), path, { from: join(folder, 'none') })).rejects.toMatchObject({ code: 'USAGE' });
    expect(await readFile(path)).toEqual(ALTERNATE);
  });

  test('a manifest without URL says how else', async () => {
    await expect(pullModel(manifest([]), path, quick)).rejects.toMatchObject({
      code: 'MODEL_DOWNLOAD_FAILED',
      message: expect.stringContaining('--from'),
    });
  });
});
