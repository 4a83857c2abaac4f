import type { ChannelConfig } from '../../config/site_alerts.ts';
import { Backoff, type BackoffOptions } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { BanksmanError, type ErrorCode } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { Trouble } from '../trouble.ts';
import type { Adapter, Sending } from './channels/types.ts';
import { compose } from './compose.ts';
import type { AlertMemory, Recalled } from './memory.ts';
import type { Outbox, Waiting } from './outbox.ts';
import { type Present, placeOf } from './outbox_silence.ts';
import type { Pictures } from './pictures.ts';
import { holds, type Policy, plan, policyOf } from './plan.ts';
import type { Outcome } from './post.ts';
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
  /** What they know this one by. */
  self: string;
  traces: AlertTraces;
  /** A message was given up: its letter has to be written. */
  onGivenUp: () => void;
  /** Whether a mute holds now, and how long the cool-down of a rule is. */
  present: Pick<Present, 'muted' | 'coolDownMs'>;
  /** Whether somebody has judged the incident. */
  acknowledged: (incident: string) => boolean;
  /** How people reach the console; null: nobody said. */
  consoleUrl: string | null;
  /** Null: no channel wants any. */
  pictures: Pictures | null;
}

interface Look {
  waiting: Waiting | undefined;
  nextMs: number;
  /** Keys of what is not worth telling any more. */
  dropped?: string[];
}

/** Nothing waits longer unlooked at. */
const IDLE_MS = 60_000;
/** Of a channel that holds things: a burst is looked at as one, not after each of its transitions. */
const LOOK_EVERY_MS = 100;
/** Of a channel that fails: a message that fails for its own reasons must not hold up the others for longer. */
const LONGEST_PAUSE_MS = 10_000;
/** Share of the role's stopping time in which what is due still goes out. */
const DRAIN_MS = 2_000;

/** Delivers to one channel, one message at a time, and waits for nobody else. */
export class Channel {
  readonly #config: ChannelConfig;
  readonly #adapter: Adapter;
  readonly #deps: ChannelDeps;
  readonly #policy: Policy | null;
  readonly #trouble: Trouble;
  /** Of some receivers of the channel. */
  readonly #someTrouble: Trouble;
  readonly #disk: Trouble;
  readonly #backoff: Backoff;
  readonly #stopping = new AbortController();
  readonly #abandoning = new AbortController();
  #news = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(config: ChannelConfig, adapter: Adapter, deps: ChannelDeps) {
    this.#config = config;
    this.#adapter = adapter;
    this.#deps = deps;
    this.#policy = policyOf(config);
    const what = config.type === 'webhook' ? 'webhook' : 'channel';
    const log = deps.log.child({ [what]: config.id });
    this.#trouble = new Trouble(log, `delivery to the ${what}`);
    this.#someTrouble = new Trouble(log, `delivery to some receivers of the ${what}`);
    this.#disk = new Trouble(log, `the outbox of the ${what}`);
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
      // Renewed first: what comes in from here on is noticed.
      if (this.#news.signal.aborted) this.#news = new AbortController();
      const recalled = await this.#recall();
      const found = await this.#persist(() => this.#look(recalled));
      if (found === 'stopped' || this.#abandoning.signal.aborted) return;
      const { waiting, nextMs, dropped = [] } = found;
      for (const key of dropped) await this.#deps.memory?.settled({ webhook: this.#config.id, key });
      const wait = nextMs - this.#deps.now();
      if (waiting && wait <= 0) {
        const pause = await this.#deliver(waiting);
        if (pause > 0) await this.#deps.clock.sleep(pause, this.#stopping.signal);
        if (pause > 0 && this.#stopping.signal.aborted) return;
        continue;
      }
      if (this.#stopping.signal.aborted) return;
      await this.#deps.clock.sleep(Math.max(1, Math.min(wait, IDLE_MS)), this.#news.signal);
      if (this.#policy && this.#news.signal.aborted) await this.#deps.clock.sleep(LOOK_EVERY_MS, this.#stopping.signal);
    }
  }

  /** What other sinks know of what lasts and has to be looked at. */
  async #recall(): Promise<ReadonlyMap<string, Recalled>> {
    const { outbox, memory, now } = this.#deps;
    const { id } = this.#config;
    const recalled = new Map<string, Recalled>();
    const due = memory ? await this.#persist(() => outbox.due(id, now())) : [];
    for (const incident of due === 'stopped' ? [] : due) {
      const one = (await memory?.recall(incident.id, placeOf(incident)))?.get(id);
      if (one) recalled.set(incident.id, one);
    }
    return recalled;
  }

  #look(recalled: ReadonlyMap<string, Recalled>): Look {
    const { outbox, metrics, now, present } = this.#deps;
    const { id } = this.#config;
    const remindMs = outbox.remind(this.#config, { ...present, now: now(), recalled });
    metrics.set('alerts_pending', outbox.pending(id), { channel: id });
    if (this.#policy) return this.#plan(this.#policy, remindMs);
    const waiting = outbox.next(id);
    return { waiting, nextMs: Math.min(waiting?.nextMs ?? Number.POSITIVE_INFINITY, remindMs) };
  }

  #plan(policy: Policy, remindMs: number): Look {
    const { outbox, metrics, acknowledged } = this.#deps;
    const { id, max_per_hour } = this.#config;
    const now = this.#deps.now();
    const sends = max_per_hour === null ? [] : outbox.sends(id, now);
    const planned = plan(outbox.waiting(id), policy, { now, sends, acknowledged });
    const acts = planned.send.length > 0 || planned.drop.length > 0;
    const waiting = acts ? outbox.begin(planned, now) : undefined;
    for (const { why } of planned.drop) metrics.inc('alerts_silenced_total', { reason: why });
    const dropped = outbox.keysOf(planned.drop.map(({ seq }) => seq));
    return { waiting, nextMs: acts ? now : Math.min(planned.nextMs, remindMs), dropped };
  }

  /** @returns ms in which nothing is sent to this channel. */
  async #deliver(found: Waiting): Promise<number> {
    const { outbox, now, metrics } = this.#deps;
    const channel = this.#config.id;
    const waiting = await this.#withoutDelivered(found);
    if (!waiting) return 0;
    const seqs = waiting.rows.map(({ seq }) => seq);
    const key = waiting.rows[0]?.key;
    const outcome = await this.#attempt(waiting);
    const { rest } = waiting;
    const trouble = rest ? this.#someTrouble : this.#trouble;
    switch (outcome.kind) {
      case 'abandoned':
        return 0;
      case 'delivered':
        this.#backoff.reset();
        this.#trouble.end();
        if (outcome.left) await this.#someLeft(waiting, outcome.left);
        else {
          if (rest) this.#someTrouble.end();
          await this.#persist(() => outbox.sent(this.#config, seqs, now(), { limited: this.#limited && !rest }));
        }
        if (!rest) await this.#delivered(waiting);
        return 0;
      case 'refused':
        // The receiver answers; it is this message that it does not want.
        this.#backoff.reset();
        metrics.inc('alerts_failed_total', { channel, reason: outcome.reason });
        trouble.begin('ALERT_REFUSED', { key, reason: outcome.detail });
        await this.#giveUp(seqs, 'ALERT_REFUSED', outcome.detail);
        return 0;
      case 'failed': {
        metrics.inc('alerts_failed_total', { channel, reason: outcome.reason });
        trouble.begin(outcome.reason === 'secret' ? 'CONFIG_SECRET_MISSING' : 'ALERT_FAILED', {
          key,
          reason: outcome.detail,
        });
        if (now() >= waiting.deadlineMs) await this.#giveUp(seqs, 'ALERT_FAILED', outcome.detail);
        else {
          const nextMs = now() + Math.max(this.#delay(waiting.attempts), outcome.retryAfterMs);
          await this.#persist(() => outbox.failed(seqs, outcome.detail, nextMs, now()));
        }
        // Who was left out holds up nobody else.
        return rest ? 0 : Math.max(this.#backoff.next(), outcome.retryAfterMs);
      }
    }
  }

  async #delivered({ rows }: Waiting): Promise<void> {
    const { now, metrics, memory, traces } = this.#deps;
    const channel = this.#config.id;
    for (const row of rows) {
      await memory?.delivered(channel, row.key);
      metrics.inc('alerts_sent_total', { channel });
      traces.delivered(channel, row.key);
      // What was held on purpose says nothing of how fast anything is.
      if (row.reminder || (this.#policy && holds(this.#policy, row))) continue;
      metrics.observe('stage_seconds', Math.max(0, now() - row.capturedMs) / 1000, { stage: 'alerts' });
    }
  }

  /** Some of the receivers have it: it is told, and goes to the others by itself. */
  async #someLeft(
    { rows, rest, attempts, deadlineMs }: Waiting,
    { reason, detail }: { reason: string; detail: string },
  ): Promise<void> {
    const { outbox, now, metrics } = this.#deps;
    const seqs = rows.map(({ seq }) => seq);
    metrics.inc('alerts_failed_total', { channel: this.#config.id, reason });
    this.#someTrouble.begin('ALERT_FAILED', { key: rows[0]?.key, reason: detail });
    const nextMs = now() + this.#delay(attempts);
    if (!rest) {
      const options = { limited: this.#limited, leftMs: nextMs };
      await this.#persist(() => outbox.sent(this.#config, seqs, now(), options));
    } else if (now() >= deadlineMs) await this.#giveUp(seqs, 'ALERT_FAILED', detail);
    else await this.#persist(() => outbox.failed(seqs, detail, nextMs, now()));
  }

  get #limited(): boolean {
    return this.#config.max_per_hour !== null;
  }

  /** Less what a receiver took from another sink, and what another has to send. */
  async #withoutDelivered(waiting: Waiting): Promise<Waiting | undefined> {
    const { outbox, now, metrics, memory, self } = this.#deps;
    const { id } = this.#config;
    // Of what is left others know only that some have it.
    if (!memory || waiting.rest) return waiting;
    const rows: Waiting['rows'][number][] = [];
    for (const row of waiting.rows) {
      const where = await memory.elsewhere(id, row.key, self);
      if (where === 'here') {
        rows.push(row);
        continue;
      }
      const { seq } = row;
      await this.#persist(() =>
        where === 'told' ? outbox.sent(this.#config, [seq], now()) : outbox.leave(id, [seq], now()),
      );
      metrics.inc('alerts_silenced_total', { reason: 'delivered_elsewhere' });
    }
    return rows.length > 0 ? { ...waiting, rows } : undefined;
  }

  async #attempt({ rows }: Waiting): Promise<Outcome> {
    const { clock, version, consoleUrl } = this.#deps;
    const { template, timeout_s } = this.#config;
    const { signal } = this.#abandoning;
    const sending = compose(
      rows.map(({ body }) => body),
      { version, template, consoleUrl },
    );
    const dressed = await this.#withPicture(sending, signal);
    return this.#adapter.deliver(dressed, { clock, timeoutMs: timeout_s * 1000, signal });
  }

  async #withPicture(sending: Sending, signal: AbortSignal): Promise<Sending> {
    const { pictures } = this.#deps;
    const { snapshot, type } = this.#config;
    const incident = sending.messages[0]?.incident;
    if (!pictures || !incident || snapshot === 'none') return sending;
    const picture = snapshot === 'attached' ? await pictures.bytes(incident, signal) : null;
    // These show what they fetch.
    const fetched = type === 'slack' || type === 'teams';
    return { ...sending, picture, pictureLink: picture && !fetched ? null : await pictures.link(incident) };
  }

  async #giveUp(seqs: readonly number[], reason: ErrorCode, detail: string): Promise<void> {
    await this.#persist(() => this.#deps.outbox.giveUp(seqs, reason, detail, this.#deps.now()));
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
