import { busSocketPath } from '../../runtime/bus/local/paths.ts';
import { type BusAddress, openBus } from '../../runtime/bus/open.ts';
import type { Bus, Message } from '../../runtime/bus/types.ts';
import { silentLogger } from '../../runtime/log.ts';
import { type JsonTopic, parseMessage, type ValueOf } from '../../runtime/messages/schemas.ts';
import type { Up } from './up.ts';

/** A client of a running `up`'s bus that remembers what the topics it follows hold. */
export class BusWatch {
  readonly bus: Bus;
  readonly #abort = new AbortController();
  readonly #tails: Promise<void>[] = [];

  /** @param bus that it closes */
  constructor(bus: Bus) {
    this.bus = bus;
  }

  static async connect(up: Up, address?: BusAddress): Promise<BusWatch> {
    const at: BusAddress = address ?? { type: 'local', socket: busSocketPath(up.dataDir) };
    const options = { clientId: 'test', log: silentLogger, onLost: () => undefined };
    return new BusWatch(await openBus(at, options));
  }

  /** @returns the values of the topic, growing. Those that do not parse are left out. */
  follow<Topic extends JsonTopic>(topic: Topic, from: 'earliest' | 'latest' = 'earliest'): ValueOf<Topic>[] {
    const values: ValueOf<Topic>[] = [];
    this.each(topic, from, (message) => {
      try {
        values.push(parseMessage(topic, message));
      } catch {
        // A removal, or the test put it there.
      }
    });
    return values;
  }

  each(topic: string, from: 'earliest' | 'latest', onMessage: (message: Message) => void): void {
    const run = async (): Promise<void> => {
      for await (const message of this.bus.tail(topic, from, { signal: this.#abort.signal })) onMessage(message);
    };
    // The bus ends with its `up`.
    this.#tails.push(run().catch(() => undefined));
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.bus.close().catch(() => undefined);
    await Promise.all(this.#tails);
  }
}

/** Sum of a metric's series whose labels hold all of `labels`; 0 where there is none. */
export function metricSum(text: string, name: string, labels: Record<string, string> = {}): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    const match = /^(\w+)(?:\{(.*)\})? (\S+)/.exec(line);
    if (match?.[1] !== `banksman_${name}`) continue;
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    if (wanted.every((one) => (match[2] ?? '').includes(one))) sum += Number(match[3]);
  }
  return sum;
}
