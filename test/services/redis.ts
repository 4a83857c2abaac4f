import { type ChildProcess, spawn } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRedis } from '../../deploy/services/find.ts';
import { freePort } from '../../runtime/ports.ts';
import { makeCertificate } from '../../simulator/rtsp/certificate.ts';
import { until } from '../wait.ts';

export interface RedisServerOptions {
  password?: string;
  /** TLS only, with a certificate of its own making: `certFile` is the authority. */
  tls?: boolean;
  cluster?: boolean;
  /** Follows the server on this port. */
  replicaOf?: number;
  /** A Sentinel that watches `master` under this name; it alone decides. */
  sentinel?: { name: string; master: number };
  /** What was acknowledged survives a kill. Default true. */
  durable?: boolean;
  /** Of redis.conf, as `maxmemory 10mb`. */
  more?: readonly string[];
}

/** Redis answers within this time even on a loaded machine. */
const READY_MS = 30_000;

/** A real redis-server on loopback in a temporary folder. Started again it has the same port and data. */
export class RedisServer {
  readonly #options: RedisServerOptions;
  #folder: string | undefined;
  #process: ChildProcess | undefined;
  #port = 0;
  #certFile = '';
  #keyFile = '';

  constructor(options: RedisServerOptions = {}) {
    this.#options = options;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `${this.#options.tls ? 'rediss' : 'redis'}://127.0.0.1:${this.#port}`;
  }

  get certFile(): string {
    return this.#certFile;
  }

  get keyFile(): string {
    return this.#keyFile;
  }

  /** `more`: arguments of this start. */
  async start(more: readonly string[] = []): Promise<this> {
    if (this.#folder === undefined) {
      this.#folder = await mkdtemp(join(tmpdir(), 'banksman-redis-'));
      this.#port = await freePort();
      if (this.#options.tls) {
        const { certFile, keyFile } = makeCertificate(this.#folder);
        this.#certFile = certFile;
        this.#keyFile = keyFile;
      }
      // A Sentinel writes what it learns into its file: once only.
      await writeFile(join(this.#folder, 'redis.conf'), await this.#configuration(this.#folder));
    }
    const file = join(this.#folder, 'redis.conf');
    const mode = this.#options.sentinel ? ['--sentinel'] : [];
    const child = spawn(findRedis().program, [file, ...mode, ...more], { stdio: 'ignore', cwd: this.#folder });
    this.#process = child;
    await until(
      `redis on port ${this.#port}`,
      async () => {
        if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
        return this.#listens();
      },
      READY_MS,
      25,
    );
    // On a busy machine it stands still for a moment. It would then trust nothing for half a minute, after which no
    // replica is recent enough for it, and never name another master.
    if (this.#options.sentinel) await this.command('SENTINEL', 'DEBUG', 'tilt-trigger', '600000');
    return this;
  }

  /** Waits until it is gone; data and port are kept for another start. */
  async halt(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGCONT');
    child.kill(signal);
    await gone;
  }

  kill(): Promise<void> {
    return this.halt('SIGKILL');
  }

  /** Holds it where it is: connections stay open, nothing is answered. */
  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  /** A copy of its data as they are now, for `restore`. */
  async snapshot(): Promise<string> {
    const file = join(this.#folderMade(), `copy-${Date.now()}.rdb`);
    await this.command('SAVE');
    await copyFile(join(this.#folderMade(), 'dump.rdb'), file);
    return file;
  }

  /** Starts again with the data of a copy and none that came after it. */
  async restore(snapshot: string): Promise<void> {
    await this.kill();
    await rm(join(this.#folderMade(), 'appendonlydir'), { recursive: true, force: true });
    await copyFile(snapshot, join(this.#folderMade(), 'dump.rdb'));
    // With an append-only file that is not there yet it would begin empty: it reads the copy, then appends.
    await this.start(['--appendonly', 'no']);
    if (this.#options.durable !== false) await this.command('CONFIG', 'SET', 'appendonly', 'yes');
  }

  #folderMade(): string {
    if (this.#folder === undefined) throw new Error('the server was not started');
    return this.#folder;
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    await this.kill();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }

  /** One command on a connection of its own, without TLS. @returns the first reply as text. @throws its error */
  async command(...parts: string[]): Promise<string> {
    const { password } = this.#options;
    const auth = password === undefined ? '' : encode(['AUTH', password]);
    const socket = connect(this.#port, '127.0.0.1');
    try {
      socket.write(auth + encode(parts));
      return await reply(socket, password === undefined ? 0 : 1);
    } finally {
      socket.destroy();
    }
  }

  async #listens(): Promise<boolean> {
    const socket = connect(this.#port, '127.0.0.1');
    const opened = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (!opened || this.#options.tls) return opened;
    return (await this.command('PING')) === 'PONG';
  }

  async #configuration(folder: string): Promise<string> {
    const { password, tls, cluster, replicaOf, sentinel, durable = true, more = [] } = this.#options;
    const port = tls
      ? ['port 0', `tls-port ${this.#port}`, `tls-cert-file ${this.#certFile}`, `tls-key-file ${this.#keyFile}`]
      : [`port ${this.#port}`];
    if (tls) port.push(`tls-ca-cert-file ${this.#certFile}`, 'tls-auth-clients no');
    const common = ['bind 127.0.0.1', `dir ${folder}`, 'loglevel warning', `logfile ${join(folder, 'redis.log')}`];
    const lines = [...common, ...port];
    if (sentinel) {
      const { name, master } = sentinel;
      lines.push(`sentinel monitor ${name} 127.0.0.1 ${master} 1`);
      lines.push(`sentinel down-after-milliseconds ${name} 1000`, `sentinel failover-timeout ${name} 5000`);
    } else {
      lines.push('save ""', `appendonly ${durable ? 'yes' : 'no'}`, 'enable-debug-command yes');
      // With everysec a kill loses up to two seconds of what was acknowledged while the disk is busy.
      lines.push('appendfsync always');
      if (password !== undefined) lines.push(`requirepass ${JSON.stringify(password)}`);
      if (replicaOf !== undefined) lines.push(`replicaof 127.0.0.1 ${replicaOf}`, 'repl-diskless-sync-delay 0');
      if (cluster) {
        // Its second port would be 10,000 higher, which may be taken or past the last.
        lines.push('cluster-enabled yes', 'cluster-node-timeout 3000', `cluster-port ${await freePort()}`);
        lines.push('cluster-require-full-coverage no');
      }
    }
    return [...lines, ...more, ''].join('\n');
  }
}

/** Masters without replicas that share the slots. */
export class RedisCluster {
  readonly nodes: readonly RedisServer[];

  constructor(size = 3) {
    this.nodes = Array.from({ length: size }, () => new RedisServer({ cluster: true }));
  }

  get urls(): string[] {
    return this.nodes.map((node) => node.url);
  }

  async start(): Promise<this> {
    await Promise.all(this.nodes.map((node) => node.start()));
    const [first, ...others] = this.nodes;
    if (!first) return this;
    for (const [index, node] of this.nodes.entries()) {
      const [from, to] = [index, index + 1].map((n) => Math.round((n * 16_384) / this.nodes.length));
      await node.command('CLUSTER', 'ADDSLOTSRANGE', String(from), String((to ?? 0) - 1));
      await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
    }
    for (const node of others) {
      await first.command('CLUSTER', 'MEET', '127.0.0.1', String(node.port), await busPort(node));
    }
    for (const node of this.nodes) {
      await until(
        'the cluster to agree',
        async () => {
          const info = await node.command('CLUSTER', 'INFO');
          const known = (await node.command('CLUSTER', 'NODES')).match(/ connected/g)?.length ?? 0;
          return info.includes('cluster_state:ok') && known === this.nodes.length;
        },
        READY_MS,
        50,
      );
    }
    return this;
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}

/** `id 127.0.0.1:port@busport myself,master …` */
async function busPort(node: RedisServer): Promise<string> {
  return /@(\d+)/.exec(await node.command('CLUSTER', 'NODES'))?.[1] ?? '';
}

function encode(parts: readonly string[]): string {
  return `*${parts.length}\r\n${parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`;
}

/** Simple, bulk and error replies, and integers; anything else as it came. */
async function reply(socket: Socket, skip: number): Promise<string> {
  let text = '';
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('redis does not answer')), 10_000);
    const end = (finish: () => void): void => {
      clearTimeout(timer);
      finish();
    };
    socket.on('error', (error) => end(() => reject(error)));
    socket.on('close', () => end(() => reject(new Error('redis closed the connection'))));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      let rest = text;
      for (let n = 0; n <= skip; n += 1) {
        const line = /^([^\r\n]*)\r\n/.exec(rest);
        if (!line) return;
        const head = line[1] ?? '';
        rest = rest.slice(line[0].length);
        let value = head.slice(1);
        if (head.startsWith('$') && value !== '-1') {
          const length = Number(value);
          if (rest.length < length + 2) return;
          value = rest.slice(0, length);
          rest = rest.slice(length + 2);
        }
        if (head.startsWith('-')) return end(() => reject(new Error(value)));
        if (n === skip) return end(() => resolve(value));
      }
    });
  });
}
