import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import type { CameraStatus, Incident } from '../../runtime/messages/types.ts';
import { YOLOX_NANO } from '../data.ts';
import { environment, family, isAlive, type ProcessInfo, processes } from '../processes.ts';
import { until } from '../wait.ts';

const ROOT = join(import.meta.dirname, '../..');
const CLI = join(ROOT, 'cli.ts');
const exec = promisify(execFile);

/** What a site file holds, as an object; `site`, `data_dir` and free ports are filled in. */
export type SiteObject = Record<string, unknown>;

export type RoleName = 'sink' | 'process' | 'console' | 'ingest' | 'camera';

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command of the product in a process of its own. */
export async function banksman(args: string[], env: Record<string, string> = {}): Promise<CommandResult> {
  try {
    const { stdout, stderr } = await exec(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, ...args], {
      env: { ...process.env, ...env },
      maxBuffer: 64 * 1024 * 1024,
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const failed = error as { code?: number; stdout?: string; stderr?: string };
    return { code: failed.code ?? -1, stdout: failed.stdout ?? '', stderr: failed.stderr ?? '' };
  }
}

/** A running `banksman up` on a site of its own, in a temporary folder. */
export class Up {
  readonly dir: string;
  readonly configPath: string;
  readonly env: Record<string, string>;
  /** Everything that it printed, both streams. */
  output = '';
  #child: ChildProcess | undefined;
  #console: string | undefined;
  #metrics: string | undefined;

  private constructor(dir: string, env: Record<string, string>) {
    this.dir = dir;
    this.configPath = join(dir, 'site.yaml');
    this.env = env;
  }

  /**
   * Writes the site file, pulls the model from the test data, starts and waits until all roles are ready.
   * @param prepare what else must lie in its folder before.
   */
  static async start(
    site: SiteObject,
    env: Record<string, string> = {},
    prepare: (dir: string) => Promise<void> = async () => undefined,
  ): Promise<Up> {
    const dir = await mkdtemp(join(tmpdir(), 'banksman-'));
    const up = new Up(dir, { BANKSMAN_MODELS_DIR: join(dir, 'models'), NO_COLOR: '1', ...env });
    const pulled = await banksman(['models', 'pull', 'yolox-nano', '--from', YOLOX_NANO], up.env);
    if (pulled.code !== 0) throw new Error(`models pull: ${pulled.stderr}`);
    await prepare(dir);
    await up.write(site);
    await up.launch();
    return up;
  }

  /** Replaces the site file. */
  async write(site: SiteObject): Promise<void> {
    await writeFile(
      this.configPath,
      stringify({
        site: 'test',
        data_dir: './data',
        console: { bind: '127.0.0.1:0' },
        metrics: { bind: '127.0.0.1:0' },
        media: { bind: '127.0.0.1:0' },
        ...site,
      }),
    );
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('not running');
    return pid;
  }

  get dataDir(): string {
    return join(this.dir, 'data');
  }

  async launch(args: string[] = []): Promise<void> {
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', CLI, 'up', '-c', this.configPath, ...args],
      { env: { ...process.env, ...this.env }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#child = child;
    this.#console = undefined;
    const from = this.output.length;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    await until(
      'banksman up to be ready',
      () => {
        if (child.exitCode !== null) throw new Error(`up ended with ${child.exitCode}: ${this.output.slice(-3_000)}`);
        const said = this.output.slice(from);
        this.#console = /console\s+(http:\S+)/.exec(said)?.[1];
        this.#metrics = /metrics\s+(http:\S+)/.exec(said)?.[1];
        return this.#console !== undefined && this.#metrics !== undefined;
      },
      120_000,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.output.slice(-3_000)}`);
    });
  }

  /** `http://127.0.0.1:PORT` of the console. */
  get console(): string {
    if (this.#console === undefined) throw new Error('not ready');
    return this.#console;
  }

  /** Of `/metrics`, `HOST:PORT`. */
  get metricsHost(): string {
    return new URL(this.#metrics ?? '').host;
  }

  /** What `/metrics` answers. @param token the fleet token, where there is one. */
  async metrics(token?: string): Promise<string> {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(this.#metrics ?? '', { headers });
    return response.text();
  }

  async incidents(): Promise<Incident[]> {
    const result = await banksman(['incidents', '-c', this.configPath, '--json', '--limit', '1000'], this.env);
    if (result.code !== 0) throw new Error(result.stderr);
    const incidents: Incident[] = JSON.parse(result.stdout);
    return incidents;
  }

  async camera(id: string): Promise<CameraStatus & { id: string }> {
    const result = await banksman(['status', '-c', this.configPath, '--json'], this.env);
    if (result.code !== 0) throw new Error(result.stderr);
    const { cameras }: { cameras: (CameraStatus & { id: string })[] } = JSON.parse(result.stdout);
    const camera = cameras.find((one) => one.id === id);
    if (!camera) throw new Error(`no camera ${id} in ${result.stdout}`);
    return camera;
  }

  /** Every process of this `up`, itself first. */
  family(): ProcessInfo[] {
    return family(this.pid);
  }

  /** Everything that was started for this site and still lives, also what has lost its parent. */
  left(): number[] {
    return processes()
      .map(({ pid }) => pid)
      .filter((pid) => pid !== process.pid && environment(pid).includes(this.dir));
  }

  /** The processes of a role: one, or as many as there are cameras. */
  roles(name: RoleName): ProcessInfo[] {
    return this.family().filter(({ args }) =>
      name === 'camera'
        ? args.some((arg) => arg.endsWith('ingest/camera.ts'))
        : args.includes(name) && args.includes(CLI),
    );
  }

  /** The process of a role, or the first camera process for `camera`. */
  role(name: RoleName): ProcessInfo | undefined {
    return this.roles(name)[0];
  }

  /** SIGTERM and wait. @returns the exit code. */
  async stop(): Promise<number | null> {
    const child = this.#child;
    if (!child || child.exitCode !== null) return child?.exitCode ?? null;
    const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    child.kill('SIGTERM');
    return exited;
  }

  /** SIGKILL of the supervisor alone. */
  async kill(): Promise<void> {
    const { pid } = this;
    process.kill(pid, 'SIGKILL');
    await until('the supervisor to be gone', () => !isAlive(pid));
  }

  /** Stops what still runs and removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child?.pid !== undefined) {
      await Promise.race([this.stop(), new Promise((resolve) => setTimeout(resolve, 15_000))]);
      for (const pid of this.left()) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // gone, as it should be
        }
      }
    }
    await rm(this.dir, { recursive: true, force: true });
  }
}
