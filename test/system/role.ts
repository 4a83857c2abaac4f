import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from '../../runtime/ports.ts';
import { family, isAlive } from '../processes.ts';
import { until } from '../wait.ts';
import type { SiteObject } from './up.ts';

const CLI = join(import.meta.dirname, '../../cli.ts');

export interface RoleOptions {
  role: 'ingest' | 'process' | 'sink';
  /** Of a machine: what it keeps lies under it. */
  dir: string;
  site: SiteObject;
  env: Record<string, string>;
}

/** One role of a fleet in a process of its own, as on a machine of its own: nobody starts it again when it ends. */
export class Role implements AsyncDisposable {
  /** What it logged. */
  output = '';
  readonly #child: ChildProcess;
  readonly #metrics: string;

  private constructor(child: ChildProcess, metrics: string) {
    this.#child = child;
    this.#metrics = metrics;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
  }

  /** @returns when it is ready. */
  static async start({ role, dir, site, env }: RoleOptions): Promise<Role> {
    await mkdir(dir, { recursive: true });
    const bind = `127.0.0.1:${await freePort()}`;
    const file = join(dir, 'site.yaml');
    const own = { site: 'test', data_dir: './data', media: { bind: '127.0.0.1:0' }, metrics: { bind } };
    await writeFile(file, stringify({ ...own, ...site }));
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, role, '-c', file], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const started = new Role(child, `http://${bind}`);
    await until(
      `${role} to be ready`,
      async () => {
        if (child.exitCode !== null) throw new Error(`${role} ended with ${child.exitCode}: ${started.output}`);
        return (await fetch(`http://${bind}/readyz`)).ok;
      },
      120_000,
    );
    return started;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.#metrics}/metrics`)).text();
  }

  /** As a machine that loses power: with all that it started. */
  async kill(): Promise<void> {
    const members = family(this.#child.pid ?? 0);
    for (const { pid } of members) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Ended by itself.
      }
    }
    await until('it to be gone', () => members.every(({ pid }) => !isAlive(pid)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
