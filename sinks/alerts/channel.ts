import type { WebhookConfig } from '../../config/site.ts';
import { Backoff, type BackoffOptions } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { BanksmanError, type ErrorCode } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { resolveSecret } from '../../runtime/secrets.ts';
import { Trouble } from '../trouble.ts';
import type { AlertMemory } from './memory.ts';
import { signature } from './message.ts';
import type { Outbox, Waiting } from './outbox.ts';
import { type Outcome, post } from './post.ts';
import type { AlertTraces } from './traces.ts';

export interface ChannelDeps {
  outbox: Outbox;
  clock: Clock;
  metrics: Metrics;
  log: Logger;
  /** Epoch ms that never steps. */
  now: () => number;
  version: string;
  retry: BackoffOptions;
  /** What other sinks have delivered. */
  memory: AlertMemory | null;
  traces: AlertTraces;
  /** A message was given up: its letter has to be written. */
  onGivenUp: () => void;
}

/** Nothing waits longer unlooked at. */
const IDLE_MS = 60_000;
/** Of a channel that fails: a message that fails for its own reasons must not hold up the others for longer. */
const LONGEST_PAUSE_MS = 10_000;
/** Share of the role's stopping time in which what is due still goes out. */
const DRAIN_MS = 2_000;

/** Delivers to one webhook, one message at a time, and waits for nobody else. */
export class Channel {
  readonly #webhook: WebhookConfig;
  readonly #deps: ChannelDeps;
  readonly #trouble: Trouble;
  readonly #disk: Trouble;
  readonly #backoff: Backoff;
  readonly #stopping = new AbortController();
  readonly #abandoning = new AbortController();
  #news = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(webhook: WebhookConfig, deps: ChannelDeps) {
    this.#webhook = webhook;
    this.#deps = deps;
    const log = deps.log.child({ webhook: webhook.id });
    this.#trouble = new Trouble(log, 'delivery to the webhook');
    this.#disk = new Trouble(log, 'the outbox of the webhook');
    this.#backoff = new Backoff({ ...deps.retry, maxMs: Math.min(deps.retry.maxMs, LONGEST_PAUSE_MS) });
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** There may be something new to send. */
  notify(): void {
    this.#news.abort();
  }

  /** What is due and goes through is still sent, for a short while; the rest stays in the outbox. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.notify();
    const done = new AbortController();
    const late = this.#deps.clock.sleep(DRAIN_MS, done.signal).then(() => this.#abandoning.abort());
    await this.#loop;
    done.abort();
    await late;
  }

  async #run(): Promise<void> {
    for (;;) {
      const waiting = await this.#persist(() => this.#look());
      if (waiting === 'stopped' || this.#abandoning.signal.aborted) return;
      const wait = waiting ? waiting.nextMs - this.#deps.now() : IDLE_MS;
      if (waiting && wait <= 0) {
        const pause = await this.#deliver(waiting);
        if (pause > 0) await this.#deps.clock.sleep(pause, this.#stopping.signal);
        if (pause > 0 && this.#stopping.signal.aborted) return;
        continue;
      }
      if (this.#stopping.signal.aborted) return;
      await this.#deps.clock.sleep(Math.min(wait, IDLE_MS), this.#news.signal);
    }
  }

  #look(): Waiting | undefined {
    // Renewed first: what comes in from here on is noticed.
    if (this.#news.signal.aborted) this.#news = new AbortController();
    const { outbox, metrics } = this.#deps;
    metrics.set('alerts_pending', outbox.pending(this.#webhook.id), { channel: this.#webhook.id });
    return outbox.next(this.#webhook.id);
  }

  /** @returns ms in which nothing is sent to this webhook. */
  async #deliver(waiting: Waiting): Promise<number> {
    const { outbox, now, metrics, memory } = this.#deps;
    const channel = this.#webhook.id;
    const { seq, key } = waiting;
    if (await memory?.wasDelivered(channel, key)) {
      await this.#persist(() => outbox.sent(seq, now()));
      metrics.inc('alerts_silenced_total', { reason: 'delivered_elsewhere' });
      return 0;
    }
    const outcome = await this.#attempt(waiting);
    switch (outcome.kind) {
      case 'abandoned':
        return 0;
      case 'delivered':
        this.#backoff.reset();
        this.#trouble.end();
        await this.#persist(() => outbox.sent(seq, now()));
        await memory?.delivered(channel, key);
        metrics.inc('alerts_sent_total', { channel });
        this.#deps.traces.delivered(channel, key);
        metrics.observe('stage_seconds', Math.max(0, now() - waiting.capturedMs) / 1000, { stage: 'alerts' });
        return 0;
      case 'refused':
        // The receiver answers; it is this message that it does not want.
        this.#backoff.reset();
        metrics.inc('alerts_failed_total', { channel, reason: outcome.reason });
        this.#trouble.begin('ALERT_REFUSED', { key, reason: outcome.detail });
        await this.#giveUp(seq, 'ALERT_REFUSED', outcome.detail);
        return 0;
      case 'failed': {
        metrics.inc('alerts_failed_total', { channel, reason: outcome.reason });
        this.#trouble.begin(outcome.reason === 'secret' ? 'CONFIG_SECRET_MISSING' : 'ALERT_FAILED', {
          key,
          reason: outcome.detail,
        });
        const pause = Math.max(this.#backoff.next(), outcome.retryAfterMs);
        if (now() >= waiting.deadlineMs) await this.#giveUp(seq, 'ALERT_FAILED', outcome.detail);
        else {
          const nextMs = now() + Math.max(this.#delay(waiting.attempts), outcome.retryAfterMs);
          await this.#persist(() => outbox.failed(seq, outcome.detail, nextMs, now()));
        }
        return pause;
      }
    }
  }

  async #attempt({ key, body }: Waiting): Promise<Outcome> {
    const { url, secret, timeout_s } = this.#webhook;
    const { clock, version } = this.#deps;
    const headers: Record<string, string> = { 'Idempotency-Key': key, 'User-Agent': `banksman/${version}` };
    try {
      if (secret) headers['Banksman-Signature'] = signature(await resolveSecret(secret), body, clock.now());
    } catch (error) {
      // Never unsigned where a signature is expected. The error names the reference, not the value.
      const detail = error instanceof BanksmanError ? error.message : 'the secret cannot be read';
      return { kind: 'failed', reason: 'secret', detail, retryAfterMs: 0 };
    }
    return post({ url, headers, body, clock, timeoutMs: timeout_s * 1000, signal: this.#abandoning.signal });
  }

  async #giveUp(seq: number, reason: ErrorCode, detail: string): Promise<void> {
    await this.#persist(() => this.#deps.outbox.giveUp(seq, reason, detail, this.#deps.now()));
    this.#deps.onGivenUp();
  }

  /** Of one message, as often as it has failed; the channel's own pause comes on top. */
  #delay(attempts: number): number {
    const { minMs, maxMs, factor = 2, random = Math.random } = this.#deps.retry;
    return Math.min(maxMs, minMs * factor ** attempts) * (0.5 + 0.5 * random());
  }

  /** Until the disk takes it: what was delivered must not be sent again because it could not be noted. */
  async #persist<T>(work: () => T): Promise<T | 'stopped'> {
    const backoff = new Backoff(this.#deps.retry);
    for (;;) {
      try {
        const result = work();
        this.#disk.end();
        return result;
      } catch (error) {
        const code = error instanceof BanksmanError ? error.code : 'INTERNAL';
        this.#deps.metrics.inc('store_errors_total', { store: 'alerts', reason: code });
        this.#disk.begin(code, { err: error });
        if (this.#stopping.signal.aborted) {
          // What is not noted must not go out again in what is left of the time.
          this.#abandoning.abort();
          return 'stopped';
        }
        await this.#deps.clock.sleep(backoff.next(), this.#stopping.signal);
      }
    }
  }
}
