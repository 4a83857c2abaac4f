import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectKafkaBus } from '../../runtime/bus/kafka/connect.ts';
import { connectLocalBus } from '../../runtime/bus/local/client.ts';
import { busSocketPath } from '../../runtime/bus/local/paths.ts';
import type { Bus } from '../../runtime/bus/types.ts';

/** Where a process of the benchmark finds its bus. */
export type BusAt = { engine: 'kafka'; address: string; prefix: string } | { engine: 'local'; dataDir: string };

export function openBus(at: BusAt): Promise<Bus> {
  if (at.engine === 'local') return connectLocalBus(busSocketPath(at.dataDir));
  return connectKafkaBus({ brokers: [at.address], client: 'platformatic', prefix: at.prefix, clientId: 'bench' });
}

/** The local bus in a process of its own, as the supervisor hosts it. */
export class LocalBroker {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'bench-local-'));
  #process: ChildProcess | undefined;

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('the local bus was not started');
    return pid;
  }

  async start(): Promise<this> {
    const child = fork(join(import.meta.dirname, 'local_broker.ts'), [this.dataDir], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#process = child;
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', (code) => reject(new Error(`the local bus ended with ${code}`)));
    });
    return this;
  }

  end(): void {
    this.#process?.kill('SIGKILL');
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
