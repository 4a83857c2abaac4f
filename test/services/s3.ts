/** For tests: a real S3 server (versitygw on a folder), and a proxy before it that misbehaves when told to. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findVersityGw } from '../../deploy/services/find.ts';
import { freePort } from '../../runtime/ports.ts';
import type { S3Options } from '../../runtime/stores/objects/s3.ts';
import { until } from '../wait.ts';

const ACCESS = 'test-access';
const SECRET = 'test-secret-key';

/** Whether the program is here; `./setup --test` brings it. */
export function hasS3(): boolean {
  try {
    findVersityGw();
    return true;
  } catch {
    return false;
  }
}

/** Each folder under `buckets` is a bucket. Sets the credentials of this process's environment. */
export class S3Server {
  readonly #folder: string;
  readonly #port: number;
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
    // A test that ends without stopping it leaves nothing running.
    process.once('exit', () => this.#child?.kill('SIGKILL'));
  }

  static async start(bucket = 'evidence'): Promise<S3Server> {
    const folder = await mkdtemp(join(tmpdir(), 'banksman-s3-'));
    const server = new S3Server(folder, await freePort());
    process.env['AWS_ACCESS_KEY_ID'] = ACCESS;
    process.env['AWS_SECRET_ACCESS_KEY'] = SECRET;
    await server.addBucket(bucket);
    await mkdir(join(folder, 'versions'), { recursive: true });
    await server.restart();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async addBucket(name: string): Promise<void> {
    await mkdir(this.folderOf(name), { recursive: true });
  }

  /** Its objects lie there as files, under their keys. */
  folderOf(bucket: string): string {
    return join(this.#folder, 'buckets', bucket);
  }

  /** On the same port and data. */
  async restart(): Promise<void> {
    await this.kill();
    const env = { ...process.env, ROOT_ACCESS_KEY: ACCESS, ROOT_SECRET_KEY: SECRET };
    const { program } = findVersityGw();
    const args = ['--port', `127.0.0.1:${this.#port}`, '--region', 'us-east-1', '--quiet', 'posix'];
    const folders = ['--versioning-dir', join(this.#folder, 'versions'), join(this.#folder, 'buckets')];
    const child = spawn(program, [...args, ...folders], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        this.#output = (this.#output + data.toString()).slice(-4_000);
      });
    }
    await until('the S3 server to answer', async () => {
      if (child.exitCode !== null) throw new Error(`versitygw ended: ${this.#output}`);
      return (await fetch(this.endpoint)).status > 0;
    });
  }

  /** Without a word to anybody, as a loss of power. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** Ends it and removes its data. */
  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

export function s3Options(endpoint: string, over: Partial<S3Options> = {}): S3Options {
  return {
    bucket: 'evidence',
    prefix: '',
    endpoint,
    region: 'us-east-1',
    path_style: true,
    sse: 'default',
    kms_key_id: null,
    object_lock: null,
    tags: {},
    link_endpoint: null,
    ...over,
  };
}

/** `cut`: the connection ends amid the request; `half`: amid the answer; a number: that status. */
export type Fault = 'none' | 'hang' | 'cut' | 'half' | number;

const ERROR_CODES: Readonly<Record<number, string>> = { 403: 'AccessDenied', 500: 'InternalError', 503: 'SlowDown' };

export interface SeenRequest {
  method: string;
  /** Decoded, without bucket and query. */
  key: string;
  status: number;
}

/** Before an S3 server; passes on what comes unless it has a fault. */
export class S3Faults {
  fault: Fault = 'none';
  /** Only requests of these have it; default all. */
  faultOf: (request: Pick<SeenRequest, 'method' | 'key'>) => boolean = () => true;
  onHeaders: (headers: IncomingMessage['headers']) => void = () => undefined;
  /** What got an answer, in order. */
  readonly seen: SeenRequest[] = [];
  readonly #target: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(target: number) {
    this.#target = target;
    this.#server = createServer((incoming, answer) => this.#serve(incoming, answer));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(incoming: IncomingMessage, answer: ServerResponse): void {
    const { method = '', url = '' } = incoming;
    const path = decodeURIComponent(url.split('?')[0] ?? '');
    const one = { method, key: path.split('/').slice(2).join('/') };
    this.onHeaders(incoming.headers);
    const fault = this.faultOf(one) ? this.fault : 'none';
    if (fault === 'hang') return;
    if (fault === 'cut') {
      incoming.socket.destroy();
      return;
    }
    if (typeof fault === 'number') {
      incoming.resume();
      this.seen.push({ ...one, status: fault });
      const code = ERROR_CODES[fault] ?? 'InternalError';
      answer.writeHead(fault, { 'content-type': 'application/xml' });
      answer.end(
        method === 'HEAD'
          ? undefined
          : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>told to</Message></Error>`,
      );
      return;
    }
    // The host is part of what was signed.
    const { headers } = incoming;
    const onward = request({ host: '127.0.0.1', port: this.#target, method, path: url, headers }, (reply) => {
      this.seen.push({ ...one, status: reply.statusCode ?? 0 });
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      if (fault === 'half') {
        reply.once('data', (piece: Buffer) => answer.write(piece.subarray(0, 1), () => answer.destroy()));
        return;
      }
      reply.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    incoming.pipe(onward);
  }
}
