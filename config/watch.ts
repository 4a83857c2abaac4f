/** Tells when the site file was edited. */
import { createHash } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import type { Component } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/log.ts';

export interface WatchOptions {
  path: string;
  /** Called when the file has changed, never twice at a time; the last state always gets its call. */
  onChange: () => void | Promise<void>;
  /** Of the text that is in use (`LoadedSite.sourceHash`): an edit since it was read is told at once. */
  sourceHash?: string;
  log: Logger;
  clock?: Clock;
  /** The file must lie unchanged for so long: editors write in several steps. */
  debounceMs?: number;
  /** Also look by itself so often: network file systems send no events. */
  pollMs?: number;
}

/**
 * Watches the folder rather than the file, because editors replace a file by renaming another over it
 * and mounted configuration swaps a link above it; what counts is whether the content differs.
 */
export class SiteWatcher implements Component {
  readonly name = 'site file watcher';
  readonly #path: string;
  readonly #options: Required<Omit<WatchOptions, 'sourceHash'>> & Pick<WatchOptions, 'sourceHash'>;
  #watcher: FSWatcher | undefined;
  #stopping = new AbortController();
  #loop: Promise<void> | undefined;
  #wake: () => void = () => undefined;
  #known = '';
  /** Something happened in the folder since the last look. */
  #dirty = false;

  constructor(options: WatchOptions) {
    this.#options = { clock: systemClock, debounceMs: 150, pollMs: 2_000, ...options };
    this.#path = resolve(options.path);
  }

  /** Without a `sourceHash` what the file holds now counts as known. */
  async start(): Promise<void> {
    if (this.#loop) return;
    this.#stopping = new AbortController();
    // First the watch, then the look: an edit between the two is seen by one of them.
    this.#watchFolder();
    this.#known = this.#options.sourceHash ?? (await this.#fingerprint());
    this.#dirty = true;
    this.#loop = this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    this.#watcher?.close();
    this.#watcher = undefined;
    await this.#loop;
    this.#loop = undefined;
  }

  #watchFolder(): void {
    try {
      this.#watcher = watch(dirname(this.#path), { persistent: false }, () => {
        this.#dirty = true;
        this.#wake();
      });
      this.#watcher.on('error', (error) => this.#pollOnly(error));
    } catch (error) {
      this.#pollOnly(error);
    }
  }

  #pollOnly(error: unknown): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    const { log, pollMs } = this.#options;
    log.warn({ err: asError(error), pollMs }, 'cannot watch the folder of the site file; looking now and then');
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, debounceMs, onChange, log } = this.#options;
    while (!signal.aborted) {
      await this.#eventOrPoll(signal);
      this.#dirty = false;
      let seen = await this.#fingerprint();
      while (!signal.aborted && seen !== this.#known) {
        await clock.sleep(debounceMs, signal);
        const again = await this.#fingerprint();
        if (again !== seen) {
          seen = again;
          continue;
        }
        if (signal.aborted) return;
        this.#known = seen;
        try {
          await onChange();
        } catch (error) {
          log.error({ err: asError(error) }, 'the edit of the site file could not be handled');
        }
        seen = await this.#fingerprint();
      }
    }
  }

  /** Resolves at the next event of the folder, or when it is time to look anyway. */
  async #eventOrPoll(signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    if (signal.aborted || this.#dirty) return;
    await this.#options.clock.sleep(this.#options.pollMs, woken.signal);
    this.#wake = () => undefined;
  }

  async #fingerprint(): Promise<string> {
    try {
      return createHash('sha256')
        .update(await readFile(this.#path))
        .digest('hex');
    } catch {
      return 'missing';
    }
  }
}
