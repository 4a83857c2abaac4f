/** For tests: a bus on disk in this process, and an alerts sink beside it that is killed and started again. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChannelConfig, WebhookConfig } from '../../config/site_alerts.ts';
import { LocalBusServer } from '../../runtime/bus/local/server.ts';
import type { Bus } from '../../runtime/bus/types.ts';
import { until } from '../../test/wait.ts';
import { caughtUp } from '../testing.ts';

export class KilledSink {
  readonly #server: LocalBusServer;
  readonly #dataDir: string;
  readonly #webhooks: readonly WebhookConfig[];
  readonly #channels: readonly ChannelConfig[];
  #child: ChildProcess | undefined;

  private constructor(dataDir: string, webhooks: readonly WebhookConfig[], channels: readonly ChannelConfig[]) {
    this.#dataDir = dataDir;
    this.#webhooks = webhooks;
    this.#channels = channels;
    this.#server = new LocalBusServer({ dataDir });
  }

  static async make(webhooks: readonly WebhookConfig[], channels: readonly ChannelConfig[] = []): Promise<KilledSink> {
    const made = new KilledSink(await mkdtemp(join(tmpdir(), 'banksman-alerts-kill-')), webhooks, channels);
    await made.#server.start();
    return made;
  }

  get bus(): Bus {
    return this.#server.bus;
  }

  /** Resolves when it is ready, or has been killed on the way. */
  async start(): Promise<void> {
    const args = [this.#dataDir, JSON.stringify(this.#webhooks), JSON.stringify(this.#channels)];
    const options = { execArgv: ['--disable-warning=ExperimentalWarning'] };
    const child = fork(join(import.meta.dirname, 'sink_process.ts'), args, options);
    this.#child = child;
    await Promise.race([once(child, 'message'), once(child, 'exit')]);
  }

  get alive(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** SIGKILL, at once; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || !this.alive) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Until everything on the bus is judged and `done` says that it has arrived. */
  async settled(done: () => boolean): Promise<void> {
    await until('everything acknowledged', () => caughtUp(this.bus, 'alerts'), 60_000, 20);
    await until('everything delivered', done, 60_000, 20);
  }

  async remove(): Promise<void> {
    await this.kill();
    await this.#server.stop();
    await rm(this.#dataDir, { recursive: true });
  }
}
