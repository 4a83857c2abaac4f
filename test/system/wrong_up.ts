import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { environment, processes } from '../processes.ts';

const CLI = join(import.meta.dirname, '../../cli.ts');

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  /** Without the log lines of the roles. */
  stderr: string;
  log: string;
}

/**
 * A command in a process group of its own, as a terminal gives it, for runs that are expected to end.
 * Every process below it carries a mark in its environment, also those that lost their parent.
 */
export class Command {
  output = '';
  readonly #mark = `BANKSMAN_TEST_MARK=${randomUUID()}`;
  readonly #child: ChildProcess;
  readonly #ended: Promise<Ended>;

  constructor(args: string[], env: Record<string, string | undefined> = {}) {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, ...args], {
      env: { ...process.env, NO_COLOR: '1', ...env, BANKSMAN_TEST_MARK: this.#mark.split('=')[1] },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child = child;
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      this.output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      this.output += text;
    });
    this.#ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        const lines = stderr.split('\n');
        const isLog = (line: string): boolean => line.startsWith('{"level"');
        resolve({
          code,
          signal,
          stdout,
          stderr: lines.filter((line) => !isLog(line)).join('\n'),
          log: lines.filter(isLog).join('\n'),
        });
      });
    });
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** To the whole group, as Ctrl-C does. */
  interrupt(): void {
    if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGINT');
  }

  /** To it alone, as a service manager or the kernel does. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** When it and whoever holds its output has ended. */
  ended(): Promise<Ended> {
    return this.#ended;
  }

  /** Pids that still carry the mark. */
  left(): number[] {
    return processes()
      .map(({ pid }) => pid)
      .filter((pid) => environment(pid).includes(this.#mark));
  }

  /** Whatever the test left behind. */
  kill(): void {
    for (const pid of this.left()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // gone meanwhile
      }
    }
  }
}
