/** What stands in the topics now. Read once, then kept: a change reads what others wrote since, and nothing again. */
import type { Bus, Table } from '../runtime/bus/types.ts';
import { TOPICS } from '../runtime/messages/topics.ts';

/** Cameras and rules as they were when it was asked for; by key. */
export interface Standing {
  readonly cameras: Pick<Table, 'get' | 'entries'>;
  readonly rules: Pick<Table, 'get' | 'entries'>;
}

/** Its tables follow from the first question on, until it or the bus is closed. */
export class StandingSite {
  readonly #cameras: KeptTable;
  readonly #rules: KeptTable;

  constructor(bus: Bus) {
    this.#cameras = new KeptTable(bus, TOPICS.cameras.name);
    this.#rules = new KeptTable(bus, TOPICS.rules.name);
  }

  /** With everything that was written before the call. Rejects when the bus does; the next question begins anew. */
  async now(): Promise<Standing> {
    const [cameras, rules] = await Promise.all([this.#cameras.now(), this.#rules.now()]);
    return { cameras, rules };
  }

  async close(): Promise<void> {
    await Promise.all([this.#cameras.close(), this.#rules.close()]);
  }
}

class KeptTable {
  readonly #bus: Bus;
  readonly #topic: string;
  #table: Promise<Table> | undefined;

  constructor(bus: Bus, topic: string) {
    this.#bus = bus;
    this.#topic = topic;
  }

  async now(): Promise<Table> {
    this.#table ??= this.#start();
    const kept = this.#table;
    try {
      const table = await kept;
      await table.caughtUp();
      return table;
    } catch (error) {
      if (this.#table === kept) await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const kept = this.#table;
    this.#table = undefined;
    const table = await kept?.catch(() => undefined);
    await table?.stop();
  }

  async #start(): Promise<Table> {
    const table = this.#bus.table(this.#topic);
    try {
      await table.start();
      return table;
    } catch (error) {
      await table.stop();
      throw error;
    }
  }
}
