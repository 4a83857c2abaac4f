import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { BanksmanError } from '../../runtime/errors.ts';
import type { Incident } from '../../runtime/messages/types.ts';

const CLI = join(import.meta.dirname, '../../cli.ts');
const KEPT_CHARACTERS = 20_000;

/** `banksman up` as a user runs it, in a process of its own. */
export class Product {
  /** `http://127.0.0.1:PORT`. */
  console = '';
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  /** The last of what it printed. */
  #said = '';

  /** @param env beside that of this process. */
  constructor(sitePath: string, env: Record<string, string> = {}) {
    this.#child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, 'up', '-c', sitePath], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', ...env },
    });
    this.#ended = once(this.#child, 'exit');
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#said = (this.#said + text).slice(-KEPT_CHARACTERS);
        this.console ||= /console\s+(http:\S+)/.exec(this.#said)?.[1] ?? '';
      });
    }
  }

  /** Resolves when the console answers. @throws BanksmanError ROLE_FAILED with what it said when it ended instead. */
  async ready(signal: AbortSignal): Promise<void> {
    while (!this.console && !signal.aborted) {
      this.mustRun();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** @throws BanksmanError ROLE_FAILED with its last words when it has ended. */
  mustRun(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) return;
    const lastWords = this.#said.trim().split('\n').slice(-10).join('\n');
    throw new BanksmanError('ROLE_FAILED', {
      where: 'banksman up',
      message: `it ended:\n${lastWords}`,
      mend: 'Do what it says, and call the demo again.',
    });
  }

  /** Whether every camera is watched; not where the console does not answer. */
  async isWatching(): Promise<boolean> {
    try {
      const response = await fetch(`${this.console}/api/v1/cameras`);
      const { cameras }: { cameras: { watched: boolean }[] } = JSON.parse(await response.text());
      return cameras.length > 0 && cameras.every(({ watched }) => watched);
    } catch {
      return false;
    }
  }

  /** Calls back for each incident as it is now, at every change. Goes on until aborted or the console is gone. */
  async follow(onIncident: (incident: Incident) => void, signal: AbortSignal): Promise<void> {
    const response = await fetch(`${this.console}/api/v1/events`, { signal });
    let rest = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const events = (rest + chunk).split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events) {
        if (!/^event: ?incident$/m.test(event)) continue;
        const data = [...event.matchAll(/^data: ?(.*)$/gm)].map((match) => match[1]).join('\n');
        onIncident(JSON.parse(data));
      }
    }
  }

  async stop(): Promise<void> {
    // Ctrl-C has reached it as well; the second asking would not wait for what is due.
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGTERM');
    await this.#ended;
  }
}
