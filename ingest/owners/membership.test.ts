import { beforeEach, describe, expect, it } from 'vitest';
import type { Bus, Message, OutgoingMessage } from '../../runtime/bus/types.ts';
import { FakeClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Membership } from './membership.ts';

/** A bus of which parts can be away: what is sent comes back only while the partition of the agents has a leader. */
class BusInParts {
  leads = true;
  /** As the clients measure it: nobody has answered for so long. */
  silentMs = 0;
  readonly #heard: Message[] = [];
  readonly #held: (() => void)[] = [];
  #wake: () => void = () => undefined;

  get bus(): Bus {
    const self = this;
    const producer = () => ({
      send: (_: string, message: OutgoingMessage) => self.#send(message),
      close: async () => {},
    });
    return {
      producer,
      tail: (_, __, { signal } = {}) => self.#tail(signal),
      get silentMs() {
        return self.silentMs;
      },
    } as Bus;
  }

  back(): void {
    this.leads = true;
    for (const go of this.#held.splice(0)) go();
  }

  async #send({ key, value }: OutgoingMessage) {
    if (!this.leads) await new Promise<void>((resolve) => this.#held.push(resolve));
    const position = { partition: 0, offset: this.#heard.length };
    this.#heard.push({ topic: 'agents.v1', ...position, timestamp: 0, key, headers: {}, value });
    this.#wake();
    return position;
  }

  async *#tail(signal: AbortSignal | undefined): AsyncIterable<Message> {
    signal?.addEventListener('abort', () => this.#wake());
    for (let at = 0; !signal?.aborted; ) {
      const message = this.#heard[at];
      if (message) {
        at += 1;
        yield message;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

let clock: FakeClock;
let parts: BusInParts;
let membership: Membership;

beforeEach(async () => {
  clock = new FakeClock();
  parts = new BusInParts();
  const { bus } = parts;
  membership = new Membership({
    ...{ bus, clock, site: 'yard', agentId: 'a', capacity: 4, alone: false, log: silentLogger },
    producer: bus.producer(),
    describe: () => ({ leads: false, cameras: {} }),
  });
  await membership.start(() => undefined);
  await pass(6);
  expect([membership.judges, membership.isCutOff()]).toEqual([true, false]);
  return async () => {
    parts.back();
    await membership.stop();
  };
});

/** Second by second, with what each sets going done before the next. */
async function pass(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(1_000);
  }
  await new Promise((resolve) => setImmediate(resolve));
}

describe('the lease', () => {
  it('ends after five seconds without an answer of anybody; then only its own words that come back end that', async () => {
    parts.leads = false;
    for (let second = 1; second <= 5; second++) {
      parts.silentMs = second * 1_000;
      expect(membership.isCutOff()).toBe(false);
      await pass(1);
    }
    await clock.advance(250);
    expect(membership.isCutOff()).toBe(true);
    // Others may have been given its cameras, and it has not read so yet.
    parts.silentMs = 0;
    expect(membership.isCutOff()).toBe(true);
    parts.back();
    await pass(2);
    expect(membership.isCutOff()).toBe(false);
  });

  it('is not needed for a minute while brokers answer: nobody can hear anybody then', async () => {
    parts.leads = false;
    for (let second = 1; second < 59; second++) {
      await pass(1);
      expect(membership.isCutOff()).toBe(false);
    }
    await pass(3);
    expect(membership.isCutOff()).toBe(true);
  });
});

it('judges nobody dead for ten seconds after it heard nobody: others may find the new leader later', async () => {
  parts.leads = false;
  await pass(9);
  expect(membership.judges).toBe(false);
  parts.back();
  await pass(2);
  expect(membership.judges).toBe(false);
  await pass(7);
  expect(membership.judges).toBe(false);
  await pass(4);
  expect(membership.judges).toBe(true);
});
