/** For tests: a real Alertmanager on loopback in a temporary folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../runtime/ports.ts';
import { until } from '../wait.ts';

export interface Alert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
  fingerprint: string;
  generatorURL: string;
  status: { state: string };
}

/** Started again it has the same port. */
export class Alertmanager {
  #folder: string | undefined;
  #port = 0;
  #child: ChildProcess | undefined;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<this> {
    if (this.#folder === undefined) {
      this.#folder = await mkdtemp(join(tmpdir(), 'banksman-alertmanager-'));
      this.#port = await freePort();
      const config = 'route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n';
      await writeFile(join(this.#folder, 'alertmanager.yaml'), config);
    }
    const child = spawn(
      'prometheus-alertmanager',
      [
        `--config.file=${join(this.#folder, 'alertmanager.yaml')}`,
        `--storage.path=${join(this.#folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${this.#port}`,
        '--cluster.listen-address=',
        '--log.level=error',
      ],
      { stdio: 'ignore' },
    );
    this.#child = child;
    // A test that ends without stopping it leaves nothing running.
    process.once('exit', () => child.kill('SIGKILL'));
    let failed: Error | undefined;
    child.once('error', (error) => {
      failed = new Error(`there is no prometheus-alertmanager: run ./setup --test (${error.message})`);
    });
    await until('alertmanager to be ready', async () => {
      if (failed ?? child.exitCode !== null) return true;
      return (await fetch(`${this.url}/-/ready`)).ok;
    });
    if (failed) throw failed;
    if (child.exitCode !== null) throw new Error(`prometheus-alertmanager ended with ${child.exitCode}`);
    return this;
  }

  /** Those that fire now. */
  async firing(): Promise<Alert[]> {
    const alerts: Alert[] = JSON.parse(await (await fetch(`${this.url}/api/v2/alerts`)).text());
    return alerts;
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
