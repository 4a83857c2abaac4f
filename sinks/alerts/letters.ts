import { Backoff, type BackoffOptions } from '../../runtime/backoff.ts';
import type { Producer } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { asError, BanksmanError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { sendDeadLetter } from '../../runtime/messages/dead_letters.ts';
import { TOPICS } from '../../runtime/messages/topics.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { Trouble } from '../trouble.ts';
import type { AlertMemory } from './memory.ts';
import type { Letter, Outbox } from './outbox.ts';

export interface LettersOptions {
  outbox: Outbox;
  producer: Producer;
  clock: Clock;
  metrics: Metrics;
  log: Logger;
  now: () => number;
  retry: BackoffOptions;
  /** Ids of channels; who else there is, or was, is a webhook. */
  channels: ReadonlySet<string>;
  /** What other sinks know; null: there are none. */
  memory: AlertMemory | null;
}

const BATCH = 100;
const IDLE_MS = 60_000;

/**
 * Brings what was given up to `dead-letters.v1`. The outbox knows first, so that a crash loses no letter; it may
 * write one twice.
 */
export class Letters {
  readonly #options: LettersOptions;
  readonly #trouble: Trouble;
  readonly #stopping = new AbortController();
  #news = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: LettersOptions) {
    this.#options = options;
    this.#trouble = new Trouble(options.log, 'writing dead letters');
  }

  start(): void {
    this.#loop = this.#run();
  }

  notify(): void {
    this.#news.abort();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.notify();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { clock, retry } = this.#options;
    const backoff = new Backoff(retry);
    for (;;) {
      if (this.#news.signal.aborted) this.#news = new AbortController();
      let wait = IDLE_MS;
      try {
        if ((await this.#writeAll()) > 0) continue;
        backoff.reset();
        this.#trouble.end();
      } catch (error) {
        this.#trouble.begin(error instanceof BanksmanError ? error.code : 'INTERNAL', { err: asError(error) });
        if (this.#stopping.signal.aborted) return;
        await clock.sleep(backoff.next(), this.#stopping.signal);
        wait = 0;
      }
      if (this.#stopping.signal.aborted) return;
      await clock.sleep(wait, this.#news.signal);
    }
  }

  async #writeAll(): Promise<number> {
    const { outbox, now, memory } = this.#options;
    const letters = outbox.letters(BATCH);
    for (const letter of letters) {
      await this.#write(letter);
      outbox.posted(letter.seq, now());
      await memory?.settled({ webhook: letter.channel, key: letter.key });
    }
    return letters.length;
  }

  #write({ channel, key, body, reason, detail, source }: Letter): Promise<void> {
    const what = this.#options.channels.has(channel) ? 'channel' : 'webhook';
    const message = {
      topic: TOPICS.incidents.name,
      partition: source.partition,
      offset: source.offset,
      timestamp: this.#options.now(),
      key: source.key,
      headers: { webhook: channel, 'idempotency-key': key },
      value: Buffer.from(body),
    };
    const error = new BanksmanError(reason, { where: `${what} ${channel}`, message: `${what} ${channel}: ${detail}` });
    return sendDeadLetter(this.#options.producer, message, error, this.#options);
  }
}
