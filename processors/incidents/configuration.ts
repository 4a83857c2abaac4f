import type { Bus, Message, Table } from '../../runtime/bus/types.ts';
import { asError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import type { CameraRecord, RuleRecord } from '../../runtime/messages/types.ts';
import type { CameraRules } from './engine.ts';

/** `cameras.v1` and `rules.v1` as the rules of each camera, kept up to date. */
export class Configuration {
  readonly #log: Logger;
  readonly #lostS: number;
  readonly #cameraTable: Table;
  readonly #ruleTable: Table;
  /** By key; null where there is a record that nobody can read, and none was known before it. */
  readonly #cameras = new Map<string, CameraRecord | null>();
  readonly #rules = new Map<string, RuleRecord | null>();
  /** Put together on demand; emptied by every change. */
  readonly #compiled = new Map<string, CameraRules>();
  readonly #unsubscribe: (() => void)[] = [];

  constructor(bus: Bus, log: Logger, lostS: number) {
    this.#log = log;
    this.#lostS = lostS;
    this.#cameraTable = bus.table('cameras.v1');
    this.#ruleTable = bus.table('rules.v1');
  }

  /** Resolves when everything that was on the bus at the call is known; `onChange` follows what comes later. */
  async start(onChange: () => void): Promise<void> {
    const camera = (message: Message) => this.#take('cameras.v1', message, this.#cameras);
    const rule = (message: Message) => this.#take('rules.v1', message, this.#rules);
    for (const [table, take] of [
      [this.#cameraTable, camera],
      [this.#ruleTable, rule],
    ] as const) {
      await table.start();
      for (const [, message] of table.entries()) take(message);
      this.#unsubscribe.push(
        table.onChange((message) => {
          take(message);
          onChange();
        }),
      );
    }
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    await Promise.all([this.#cameraTable.stop(), this.#ruleTable.stop()]);
  }

  /** @returns null for a camera that is not configured (any more); `unreadable`: it is, and nobody knows how. */
  of(site: string, camera: string): CameraRules | 'unreadable' | null {
    const key = cameraKey(site, camera);
    const record = this.#cameras.get(key);
    if (!record) return record === null ? 'unreadable' : null;
    let compiled = this.#compiled.get(key);
    if (!compiled) {
      const rules = [...this.#rules.values()]
        .filter((rule) => rule !== null)
        .filter((rule) => rule.site === site && rule.cameras.includes(camera))
        .sort((a, b) => (a.rule < b.rule ? -1 : 1));
      const prefix = cameraKey(site, '');
      const unreadable = [...this.#rules].flatMap(([name, rule]) =>
        rule === null && name.startsWith(prefix) ? name.slice(prefix.length) : [],
      );
      compiled = { camera: record, rules, unreadable, lostS: this.#lostS };
      this.#compiled.set(key, compiled);
    }
    return compiled;
  }

  /** A record that does not parse leaves the one before it in force. */
  #take(topic: 'cameras.v1', message: Message, into: Map<string, CameraRecord | null>): void;
  #take(topic: 'rules.v1', message: Message, into: Map<string, RuleRecord | null>): void;
  #take(topic: 'cameras.v1' | 'rules.v1', message: Message, into: Map<string, unknown>): void {
    this.#compiled.clear();
    if (message.value === null) {
      into.delete(message.key);
      return;
    }
    try {
      into.set(message.key, parseMessage(topic, message));
    } catch (error) {
      if (!into.has(message.key)) into.set(message.key, null);
      this.#log.error(
        { code: 'MESSAGE_INVALID', err: asError(error), key: message.key },
        'configuration record ignored',
      );
    }
  }
}
