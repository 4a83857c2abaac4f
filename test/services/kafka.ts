import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findKafka } from '../../deploy/services/find.ts';
import { freePort } from '../../runtime/ports.ts';
import { until } from '../wait.ts';

export interface KafkaServerOptions {
  /** Of server.properties, over what is set here. */
  properties?: Readonly<Record<string, string>>;
  /** Ports by protocol, beside the plain one. */
  listeners?: Readonly<Record<string, number>>;
  /** Of a cluster of several, as `KafkaCluster` starts them. Default: alone, as number 1. */
  node?: KafkaNode;
}

export interface KafkaNode {
  readonly id: number;
  readonly controllerPort: number;
  /** `controller.quorum.voters`. */
  readonly voters: string;
}

/** A JVM on a loaded machine. */
const READY_MS = 120_000;
const CLUSTER = 'AAAAAAAAAAAAAAAAAAAAAA';
const PROPERTIES = fileURLToPath(new URL('../../deploy/services/kafka.properties', import.meta.url));
/** A formatted log directory is the same for everybody; formatting one takes a JVM. */
const TEMPLATE = fileURLToPath(new URL('../../.cache/services/kafka-formatted', import.meta.url));

/** A real Kafka broker (KRaft, its own controller) on loopback in a temporary folder. Started again it has the same port and data. */
export class KafkaServer {
  readonly #options: KafkaServerOptions;
  #folder: string | undefined;
  #process: ChildProcess | undefined;
  #port = 0;
  #controllerPort = 0;
  #said = '';
  #frozen = false;

  constructor(options: KafkaServerOptions = {}) {
    this.#options = options;
  }

  /** `127.0.0.1:PORT`. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Where its log lies. */
  get folder(): string {
    if (this.#folder === undefined) throw new Error('the broker was not started');
    return this.#folder;
  }

  async start(): Promise<this> {
    const { program, classpath, broker } = findKafka();
    if (this.#folder === undefined) {
      this.#folder = mkdtempSync(join(tmpdir(), 'banksman-kafka-'));
      const { node } = this.#options;
      [this.#port, this.#controllerPort] = [await freePort(), node?.controllerPort ?? (await freePort())];
      cpSync(formatted(), this.#logDir, { recursive: true });
      if (node) nameNode(join(this.#logDir, 'meta.properties'), node.id);
      this.#configure();
    }
    const args = ['-Xmx512m', '-Xms128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', classpath];
    const child = spawn(program, [...args, broker, join(this.#folder, 'server.properties')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    this.#frozen = false;
    this.#said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        this.#said = (this.#said + data.toString()).slice(-20_000);
      });
    }
    await until(
      'Kafka to have started',
      async () => {
        if (child.exitCode !== null) throw new Error(`Kafka ended with ${child.exitCode}: ${this.#said.slice(-2_000)}`);
        return this.#said.includes('Kafka Server started') || (await answers(this.#port));
      },
      READY_MS,
    );
    return this;
  }

  /** Of the broker's process. */
  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('the broker was not started');
    return pid;
  }

  /** False also when it ended by itself, as a broker does whose disk is full. */
  get running(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** It runs, and is not frozen. */
  get awake(): boolean {
    return this.running && !this.#frozen;
  }

  get #logDir(): string {
    return this.#options.properties?.['log.dirs'] ?? join(this.folder, 'log');
  }

  /** As an operator does. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** It holds its connections and answers nothing. */
  freeze(on: boolean): void {
    this.#frozen = on;
    this.#process?.kill(on ? 'SIGSTOP' : 'SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGKILL');
    if (this.#folder) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGCONT');
    child.kill(signal);
    await ended;
  }

  #configure(): void {
    const { node } = this.#options;
    const open = Object.entries({ PLAINTEXT: this.#port, ...this.#options.listeners });
    const listeners = open.map(([protocol, port]) => `${protocol}://127.0.0.1:${port}`).join(',');
    writeProperties(join(this.folder, 'server.properties'), {
      ...brokerProperties(this.#port, this.#controllerPort, join(this.folder, 'log')),
      ...OWN,
      ...(node && { 'node.id': String(node.id), 'controller.quorum.voters': node.voters }),
      listeners: `${listeners},CONTROLLER://127.0.0.1:${this.#controllerPort}`,
      'advertised.listeners': listeners,
      ...this.#options.properties,
    });
  }
}

/** Of brokers that a test starts for itself: whatever a listener may speak, less memory, less waiting. */
const OWN = {
  'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT',
  'log.cleaner.dedupe.buffer.size': '33554432',
  'file.delete.delay.ms': '1000',
};

/** Of `deploy/services/kafka.properties`, filled in as `deploy/services/up` does. */
function brokerProperties(port: number, controllerPort: number, data: string): Record<string, string> {
  const text = readFileSync(PROPERTIES, 'utf8')
    .replaceAll('@HOST@', '127.0.0.1')
    .replaceAll('@PORT@', String(port))
    .replaceAll('@CONTROLLER_PORT@', String(controllerPort))
    .replaceAll('@DATA@', data);
  const set = text.split('\n').filter((line) => /^[a-z]/.test(line));
  return Object.fromEntries(set.map((line) => line.split(/=(.*)/, 2)));
}

function writeProperties(file: string, properties: Readonly<Record<string, string>>): void {
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(file, lines.join(''));
}

/** The template is of number 1; each node's directory has an id of its own. */
function nameNode(file: string, id: number): void {
  const named = readFileSync(file, 'utf8')
    .replace(/^node\.id=.*$/m, `node.id=${id}`)
    .replace(/^directory\.id=.*$/m, `directory.id=${randomBytes(16).toString('base64url')}`);
  writeFileSync(file, named);
}

function formatted(): string {
  if (existsSync(TEMPLATE)) return TEMPLATE;
  const { program, classpath, storageTool } = findKafka();
  const folder = mkdtempSync(join(tmpdir(), 'banksman-kafka-format-'));
  const log = join(folder, 'log');
  const file = join(folder, 'server.properties');
  writeProperties(file, { ...brokerProperties(1, 2, log), ...OWN });
  const done = spawnSync(program, ['-Xmx256m', '-cp', classpath, storageTool, 'format', '-t', CLUSTER, '-c', file], {
    encoding: 'utf8',
  });
  if (done.status !== 0) throw new Error(`Kafka's log directory cannot be formatted: ${done.stderr}${done.stdout}`);
  mkdirSync(join(TEMPLATE, '..'), { recursive: true });
  try {
    renameSync(log, TEMPLATE);
  } catch {
    // Another file system, or another test was faster.
    if (!existsSync(TEMPLATE)) cpSync(log, TEMPLATE, { recursive: true });
  }
  rmSync(folder, { recursive: true, force: true });
  return TEMPLATE;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
