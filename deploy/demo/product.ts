import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { BanksmanError } from '../../runtime/errors.ts';
import type { Incident } from '../../runtime/messages/types.ts';

const CLI = join(import.meta.dirname, '../../cli.ts');
const KEPT_CHARACTERS = 20_000;
const RETRY_MS = 250;
const ANSWER_LIMIT_MS = 5_000;

interface CameraAnswer {
  id: string;
  watched: boolean;
  state: string;
  reason: string | null;
}

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
      // A group of its own: Ctrl-C of the terminal would be the first asking and `stop` the second, which waits for nobody.
      detached: true,
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
    if (this.#isRunning()) return;
    const lastWords = this.#said.trim().split('\n').slice(-10).join('\n');
    throw new BanksmanError('ROLE_FAILED', {
      where: 'banksman up',
      message: `it ended:\n${lastWords}`,
      mend: 'Do what it says, and call the demo again.',
    });
  }

  /** Cameras that are not watched, each with why; null where the console does not answer. */
  async unwatched(): Promise<string[] | null> {
    try {
      const { cameras } = await this.#get<{ cameras: CameraAnswer[] }>('/api/v1/cameras');
      if (cameras.length === 0) return null;
      const blind = cameras.filter(({ watched }) => !watched);
      return blind.map(({ id, state, reason }) => `${id} (${[state, reason].filter(Boolean).join(', ')})`);
    } catch {
      return null;
    }
  }

  /**
   * Calls back for each incident as it is now, at every change, until aborted or it ends. A console that goes away (its role is
   * restarted when its part of the site file changes) is followed again, and asked for what changed meanwhile.
   */
  async follow(onIncident: (incident: Incident) => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#isRunning()) {
      await this.#followOnce(onIncident, signal).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** Ends, or fails, with the console. */
  async #followOnce(onIncident: (incident: Incident) => void, signal: AbortSignal): Promise<void> {
    const response = await fetch(`${this.console}/api/v1/events`, { signal });
    const { incidents } = await this.#get<{ incidents: Incident[] }>('/api/v1/incidents?limit=100').catch(
      async (error: unknown) => {
        await response.body?.cancel();
        throw error;
      },
    );
    for (const incident of incidents) onIncident(incident);
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

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(this.console + path, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
    return JSON.parse(await response.text());
  }

  /** Ends it without waiting for what is due. */
  kill(): void {
    if (this.#child.pid !== undefined && this.#isRunning()) process.kill(-this.#child.pid, 'SIGKILL');
  }

  #isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when all of it is gone. @returns whether it ended in order. */
  async stop(): Promise<boolean> {
    if (this.#isRunning()) this.#child.kill('SIGTERM');
    await this.#ended;
    return this.#child.exitCode === 0;
  }
}
