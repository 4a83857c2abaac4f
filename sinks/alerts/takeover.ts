import type { ChannelConfig } from '../../config/site_alerts.ts';
import type { Bus } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { asError, BanksmanError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import { TOPICS } from '../../runtime/messages/topics.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { Trouble } from '../trouble.ts';
import type { AlertMemory, Owed } from './memory.ts';
import { idempotencyKey, messageBody } from './message.ts';
import type { Outbox } from './outbox.ts';
import type { Adopted } from './outbox_enter.ts';
import { placeOf, RETRY_FOR_MS } from './outbox_silence.ts';

export interface TakeoverOptions {
  bus: Bus;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  outbox: Outbox;
  memory: AlertMemory;
  /** What other sinks know this one by. */
  self: string;
  channels: readonly ChannelConfig[];
  version: string;
  /** Epoch ms that never steps. */
  now: () => number;
  /** There is something new to send. */
  onTaken: (channel: string) => void;
}

const LOOK_EVERY_MS = 10_000;
/** A sink says that it lives at each look; who missed three is silent, */
const LIVES_MS = 3 * LOOK_EVERY_MS;
/** and who is silent for so long, as this one has seen it without a break, is gone: Redis may have been away for all. */
const GONE_AFTER_MS = 30_000;
/** At a look: as many as one sink keeps for a channel. */
const MOST = 10_000;
const LIVES_EVERY = 100;

/**
 * What a sink owed that is gone, perhaps with its disk, is sent by one of those that are left: found in the shared
 * record, read again from `incidents.v1`, under the keys that it had. A sink that comes back leaves it to who has it.
 */
export class Takeover {
  readonly #options: TakeoverOptions;
  readonly #trouble: Trouble;
  readonly #stopping = new AbortController();
  /** By sink, since when nothing is heard of it; monotonic ms. */
  readonly #silent = new Map<string, number>();
  #loop: Promise<void> | undefined;

  constructor(options: TakeoverOptions) {
    this.#options = options;
    this.#trouble = new Trouble(options.log, 'sending what other sinks owed');
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { memory, self, clock } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await memory.live(self, LIVES_MS);
      try {
        await this.#look();
        this.#trouble.end();
      } catch (error) {
        this.#trouble.begin(error instanceof BanksmanError ? error.code : 'INTERNAL', { err: asError(error) });
      }
      await clock.sleep(LOOK_EVERY_MS, signal);
    }
  }

  async #look(): Promise<void> {
    const { memory, self, outbox, metrics, log, now, onTaken } = this.#options;
    const owed = await memory.owed();
    const gone = owed && (await this.#gone(owed));
    if (!gone) return this.#silent.clear();
    // A crash between taking and writing left some of its own unwritten.
    const left = owed.filter((one) => gone.has(one.by) || (one.by === self && !this.#isHere(one)));
    left.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
    const found: Adopted[] = [];
    for (const [index, one] of left.slice(0, MOST).entries()) {
      if (this.#stopping.signal.aborted) return;
      // Of very many each takes its time.
      if (index % LIVES_EVERY === 0) await memory.live(self, LIVES_MS);
      if (one.by !== self && !(await memory.take(one, self))) continue;
      const adopted = await this.#find(one);
      if (adopted) found.push(adopted);
      else if (!this.#isHere(one)) await memory.settled(one);
    }
    const taken = outbox.adopt(found, now());
    if (taken === 0) return;
    for (const { channel } of found) onTaken(channel.id);
    metrics.inc('alerts_taken_over_total', {}, taken);
    log.warn({ messages: taken }, 'a sink is gone: what it had still to send is sent from here');
  }

  /** Undefined: Redis does not say who lives. */
  async #gone(owed: readonly Owed[]): Promise<Set<string> | undefined> {
    const { memory, self, clock } = this.#options;
    const others = [...new Set(owed.map(({ by }) => by))].filter((by) => by !== self);
    const silent = await memory.silent(others);
    if (!silent) return undefined;
    for (const id of this.#silent.keys()) if (!silent.includes(id)) this.#silent.delete(id);
    const now = clock.monotonic();
    for (const id of silent) if (!this.#silent.has(id)) this.#silent.set(id, now);
    return new Set(silent.filter((id) => now - (this.#silent.get(id) ?? now) >= GONE_AFTER_MS));
  }

  #isHere({ webhook, key }: Owed): boolean {
    const { incident, revision } = partsOf(key);
    return this.#options.outbox.owes(webhook, incident, revision);
  }

  /** Undefined where there is nothing to send any more. */
  async #find(one: Owed): Promise<Adopted | undefined> {
    const { memory, outbox, channels, version, now } = this.#options;
    const channel = channels.find(({ id }) => id === one.webhook);
    if (!channel || now() - one.at > RETRY_FOR_MS) return undefined;
    const found = await this.#read(one);
    if (!found) return undefined;
    const { incident, key } = found;
    const recalled = await memory.recall(incident.id, placeOf(incident));
    // Later word of it has reached people: what was before that is past.
    const delivered = [...(recalled.get(channel.id)?.delivered ?? [])];
    if (delivered.some((revision) => revision >= incident.revision)) return undefined;
    if (outbox.has(channel.id, incident.id, incident.revision)) return undefined;
    const { partition, offset } = one;
    const body = messageBody(incident, version);
    const source = { key, partition, offset };
    return { channel, entry: { incident, body, source, muted: false, coolDownMs: 0, recalled } };
  }

  /** Undefined where the bus does not have it any more, or what is there is something else. */
  async #read({ partition, offset, key }: Owed): Promise<{ incident: Incident; key: string } | undefined> {
    const message = await this.#options.bus.read(TOPICS.incidents.name, partition, offset);
    if (!message) return undefined;
    try {
      const incident = parseMessage('incidents.v1', message);
      return idempotencyKey(incident) === key ? { incident, key: message.key } : undefined;
    } catch {
      return undefined;
    }
  }
}

function partsOf(key: string): { incident: string; revision: number } {
  const at = key.lastIndexOf('/');
  return { incident: key.slice(0, at), revision: Number(key.slice(at + 1)) };
}
