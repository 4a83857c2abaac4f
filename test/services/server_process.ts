/** For tests: a server of its own process in a temporary folder; started again it has the same port. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../runtime/ports.ts';
import { until } from '../wait.ts';

export abstract class ServerProcess {
  readonly #program: string;
  #folder: string | undefined;
  #child: ChildProcess | undefined;
  protected port = 0;

  /** @param program as it is called on the PATH */
  constructor(program: string) {
    this.#program = program;
  }

  /** Writes what it is set up with. */
  protected abstract prepare(folder: string): Promise<void>;
  /** Of the command line. */
  protected abstract args(folder: string): string[];
  protected abstract isReady(): Promise<boolean>;

  async start(): Promise<this> {
    if (this.#folder === undefined) {
      this.#folder = await mkdtemp(join(tmpdir(), `banksman-${this.#program}-`));
      this.port = await freePort();
      await this.prepare(this.#folder);
    }
    const options: SpawnOptions = { stdio: 'ignore', env: { PATH: SERVER_PATH } };
    const child = spawn(this.#program, this.args(this.#folder), options);
    this.#child = child;
    // A test that ends without stopping it leaves nothing running.
    process.once('exit', () => child.kill('SIGKILL'));
    let failed: Error | undefined;
    child.once('error', (error) => {
      failed = new Error(`there is no ${this.#program}: run ./setup --test (${error.message})`);
    });
    await until(
      `${this.#program} to be ready`,
      async () => failed !== undefined || child.exitCode !== null || (await this.isReady()),
    );
    if (failed) throw failed;
    if (child.exitCode !== null) throw new Error(`${this.#program} ended with ${child.exitCode}`);
    return this;
  }

  freeze(on: boolean): void {
    this.#child?.kill(on ? 'SIGSTOP' : 'SIGCONT');
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    await gone;
  }

  async remove(): Promise<void> {
    await this.stop();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Debian has some servers outside of the PATH of users. */
export const SERVER_PATH = `${process.env['PATH'] ?? ''}:/usr/sbin`;
