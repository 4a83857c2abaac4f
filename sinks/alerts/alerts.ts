import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type AlertsConfig, type ChannelConfig, type WebhookConfig, webhookChannel } from '../../config/site_alerts.ts';
import { Backoff, type BackoffOptions } from '../../runtime/backoff.ts';
import type { Consumer, Delivery, Producer, Table } from '../../runtime/bus/types.ts';
import { asError, BanksmanError } from '../../runtime/errors.ts';
import type { Component } from '../../runtime/lifecycle.ts';
import { sendDeadLetter } from '../../runtime/messages/dead_letters.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import { cameraKey, TOPICS } from '../../runtime/messages/topics.ts';
import type { Feedback, Incident } from '../../runtime/messages/types.ts';
import { toTimestamp } from '../../runtime/time.ts';
import type { SinkDeps } from '../deps.ts';
import { Trouble } from '../trouble.ts';
import { Acknowledgements } from './acknowledgements.ts';
import { Channel, type ChannelDeps } from './channel.ts';
import { makeAdapter } from './channels/registry.ts';
import { Heartbeat } from './heartbeat.ts';
import { Letters } from './letters.ts';
import type { AlertMemory, Decision } from './memory.ts';
import { idempotencyKey, messageBody } from './message.ts';
import { Mutes } from './mutes.ts';
import { Outbox } from './outbox.ts';
import type { Entered, Entry } from './outbox_enter.ts';
import { OUTBOX_FILE } from './outbox_schema.ts';
import { placeOf } from './outbox_silence.ts';
import type { Pictures } from './pictures.ts';
import { Takeover } from './takeover.ts';
import { AlertTraces } from './traces.ts';

export interface AlertsSinkOptions {
  webhooks: readonly WebhookConfig[];
  /** Beside the webhooks. Default: none. */
  channels?: readonly ChannelConfig[];
  /** How people reach the console; default null: links are left out. */
  consoleUrl?: string | null;
  /** Default null: none. */
  heartbeat?: AlertsConfig['heartbeat'];
  /** Closed at stop. Default null: no channel wants any. */
  pictures?: Pictures | null;
  /** Of banksman. */
  version: string;
  /** The bus does not deliver any more: the role has to end. */
  onError: (error: Error) => void;
  /** Between attempts, per message; a channel's pause is at most 10 s of it. Default 1 s doubling to 60 s. */
  retry?: BackoffOptions;
  /** What the other sinks of a fleet know; closed at stop. Null: there are none. */
  memory?: AlertMemory | null;
  /** Messages that may wait for one channel. Default 10000. */
  maxPending?: number;
}

const GROUP = 'alerts';
const RETAIN_EVERY_MS = 3_600_000;
const IN_FLIGHT = 500;

/**
 * Tells people about incidents. A transition is in the outbox before it is acknowledged; one loop a
 * channel takes it from there.
 */
export class AlertsSink implements Component {
  readonly name = 'alerts';
  readonly #deps: SinkDeps;
  readonly #options: AlertsSinkOptions;
  readonly #retry: BackoffOptions;
  readonly #outbox: Outbox;
  readonly #wanted: readonly ChannelConfig[];
  readonly #acknowledgements = new Acknowledgements();
  readonly #mutes: Mutes;
  readonly #trouble: Trouble;
  readonly #traces: AlertTraces;
  readonly #stopping = new AbortController();
  #channels = new Map<string, Channel>();
  #now: () => number = () => 0;
  #rules: Table | undefined;
  #letters: Letters | undefined;
  #consumer: Consumer | undefined;
  #producer: Producer | undefined;
  #retention: Promise<void> | undefined;
  #heartbeat: Heartbeat | undefined;
  #takeover: Takeover | undefined;
  #self = '';

  constructor(deps: SinkDeps, options: AlertsSinkOptions) {
    const log = deps.log.child({ sink: 'alerts' });
    this.#deps = { ...deps, log };
    this.#options = options;
    this.#retry = options.retry ?? { minMs: 1_000, maxMs: 60_000 };
    this.#outbox = new Outbox(deps.dataDir, { maxPending: options.maxPending ?? 10_000 });
    this.#wanted = [...options.webhooks.map(webhookChannel), ...(options.channels ?? [])];
    const onFeedback = (feedback: Feedback): void => this.#acknowledgements.take(feedback);
    this.#mutes = new Mutes({ ...deps, onError: options.onError, onFeedback });
    this.#trouble = new Trouble(log, 'the outbox of alerts');
    this.#traces = new AlertTraces(deps);
  }

  async start(): Promise<void> {
    const { bus, clock, metrics, log } = this.#deps;
    const { version, onError, memory = null, consoleUrl = null, pictures = null } = this.#options;
    // Wall time of the start carried on by a clock that never steps.
    const origin = clock.now() - clock.monotonic();
    this.#now = () => Math.round(origin + clock.monotonic());
    const traces = this.#traces;
    await this.#identify();
    const common = { outbox: this.#outbox, clock, metrics, log, now: this.#now, retry: this.#retry };

    this.#producer = bus.producer();
    const channels = new Set(this.#options.channels?.map(({ id }) => id));
    this.#letters = new Letters({ ...common, producer: this.#producer, channels, memory });
    const letters = this.#letters;
    const deps: ChannelDeps = {
      ...common,
      ...{ version, memory, self: this.#self, traces, consoleUrl, pictures },
      onGivenUp: () => letters.notify(),
      present: {
        muted: (incident) => this.#mutes.silence({ ...incident, updatedAt: toTimestamp(this.#now()) }),
        coolDownMs: (incident) => this.#coolDownMs(incident),
      },
      acknowledged: (incident) => this.#acknowledgements.has(incident),
    };
    this.#channels = new Map(
      await Promise.all(
        this.#wanted.map(async (config) => [config.id, new Channel(config, await makeAdapter(config), deps)] as const),
      ),
    );
    // Mutes and rules are known before the first incident is judged by them.
    this.#rules = bus.table('rules.v1');
    await Promise.all([this.#mutes.start(), this.#rules.start()]);
    this.#consumer = bus.consumer(GROUP, [TOPICS.incidents.name], (delivery) => this.#take(delivery), {
      maxInFlight: IN_FLIGHT,
      onError,
    });
    await this.#store(() => this.#outbox.recover(this.#now()), { once: true });
    this.#letters.start();
    for (const channel of this.#channels.values()) channel.start();
    this.#retention = this.#retain();
    this.#startTakeover();
    await this.#consumer.start();
    this.#startHeartbeat();
  }

  /** A file that is new on a machine that has told people before is said: nobody knows what waited in the old one. */
  async #identify(): Promise<void> {
    const found = await this.#store(() => this.#outbox.identity(), { once: true });
    this.#self = found?.id ?? randomUUID();
    if (!found?.isNew || this.#options.memory) return;
    const { bus, log, dataDir } = this.#deps;
    const read = (await bus.lag().catch(() => [])).some(({ group, committed }) => group === GROUP && committed > 0);
    if (!read) return;
    log.warn(
      { file: join(dataDir, OUTBOX_FILE) },
      'the outbox of alerts is new, though incidents were read before: messages that still waited in the old one are not known and not sent; banksman incidents shows what happened',
    );
  }

  #startTakeover(): void {
    const { memory, version } = this.#options;
    if (!memory) return;
    this.#takeover = new Takeover({
      ...this.#deps,
      ...{ memory, version, outbox: this.#outbox, self: this.#self, channels: this.#wanted, now: this.#now },
      onTaken: (channel) => this.#channels.get(channel)?.notify(),
    });
    this.#takeover.start();
  }

  /** Not before incidents can be taken. */
  #startHeartbeat(): void {
    const { heartbeat: config = null, version } = this.#options;
    if (config === null) return;
    const check = (): void => this.#outbox.check(this.#now());
    this.#heartbeat = new Heartbeat({ ...this.#deps, config, version, check });
    this.#heartbeat.start();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#heartbeat?.stop();
    await this.#consumer?.stop();
    await this.#takeover?.stop();
    await Promise.all([...this.#channels.values()].map((channel) => channel.stop()));
    await this.#letters?.stop();
    await this.#retention;
    await this.#mutes.stop();
    await this.#rules?.stop();
    await this.#producer?.close();
    await this.#options.memory?.close();
    await this.#options.pictures?.close();
    this.#outbox.close();
  }

  async #take(delivery: Delivery): Promise<void> {
    // One before it may be unwritten: a revision must not get in ahead of the one before it.
    if (this.#stopping.signal.aborted) return;
    let incident: Incident;
    try {
      incident = parseMessage('incidents.v1', delivery);
    } catch (error) {
      if (!this.#producer) return;
      await sendDeadLetter(this.#producer, delivery, error, this.#deps);
      return delivery.ack();
    }
    const { key, partition, offset } = delivery;
    const trace = this.#traces.follow(delivery.headers);
    const { memory } = this.#options;
    const entry: Entry = {
      recalled: (await memory?.recall(incident.id, placeOf(incident))) ?? new Map(),
      incident,
      body: messageBody(incident, this.#options.version),
      source: { key, partition, offset },
      muted: this.#mutes.silence(incident),
      coolDownMs: this.#coolDownMs(incident),
    };
    const entered = await this.#store(() => this.#outbox.enter(entry, this.#wanted, this.#now()));
    // Not on disk: it is delivered again.
    if (!entered) return;
    if (memory) {
      const decisions = await this.#store(() => this.#decisions(entry));
      if (decisions) await memory.remember(incident.id, placeOf(incident), decisions);
    }
    delivery.ack();
    if (trace) this.#traces.entered(trace, incident);
    for (const one of entered) this.#entered(one);
  }

  /** For the other sinks; `owed`: what they would have to send were this one gone. */
  #decisions({ incident, source: { partition, offset } }: Entry): Decision[] {
    const [key, by, at] = [idempotencyKey(incident), this.#self, this.#now()];
    return this.#outbox.decisions(incident, this.#wanted).map((decision) => {
      const { webhook } = decision;
      const owes = this.#outbox.owes(webhook, incident.id, incident.revision);
      return { ...decision, owed: owes ? { webhook, key, by, partition, offset, at } : undefined };
    });
  }

  #entered({ channel, action, crowded }: Entered): void {
    // What is silenced has to be looked at again.
    this.#channels.get(channel)?.notify();
    if (action !== 'send' && action !== 'nothing') this.#deps.metrics.inc('alerts_silenced_total', { reason: action });
    if (crowded > 0) this.#letters?.notify();
  }

  /** As the rule is now; a rule that is gone silences nothing. */
  #coolDownMs({ site, rule }: Incident): number {
    const record = this.#rules?.get(cameraKey(site, rule));
    if (!record) return 0;
    try {
      return parseMessage('rules.v1', record).cool_down_s * 1000;
    } catch {
      return 0;
    }
  }

  /** Until the disk takes it. @returns undefined when it had to give up: told to stop, or one try was asked for. */
  async #store<T>(work: () => T, { once = false } = {}): Promise<T | undefined> {
    const { clock, metrics } = this.#deps;
    const backoff = new Backoff({ minMs: 500, maxMs: 10_000 });
    for (;;) {
      try {
        const result = work();
        this.#trouble.end();
        return result;
      } catch (error) {
        const code = error instanceof BanksmanError ? error.code : 'INTERNAL';
        metrics.inc('store_errors_total', { store: 'alerts', reason: code });
        this.#trouble.begin(code, { err: asError(error) });
        if (once || this.#stopping.signal.aborted) return undefined;
        await clock.sleep(backoff.next(), this.#stopping.signal);
      }
    }
  }

  async #retain(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#store(() => this.#outbox.retain(this.#wanted, this.#now()), { once: true });
      this.#letters?.notify();
      await this.#deps.clock.sleep(RETAIN_EVERY_MS, this.#stopping.signal);
    }
  }
}
