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
  readonly #cameras = new Map<string, CameraRecord>();
  readonly #rules = new Map<string, RuleRecord>();
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

  /** @returns null for a camera that is not configured (any more). */
  of(site: string, camera: string): CameraRules | null {
    const key = cameraKey(site, camera);
    const record = this.#cameras.get(key);
    if (!record) return null;
    let compiled = this.#compiled.get(key);
    if (!compiled) {
      const rules = [...this.#rules.values()]
        .filter((rule) => rule.site === site && rule.cameras.includes(camera))
        .sort((a, b) => (a.rule < b.rule ? -1 : 1));
      compiled = { camera: record, rules, lostS: this.#lostS };
      this.#compiled.set(key, compiled);
    }
    return compiled;
  }

  /** A record that does not parse leaves the one before it in force. */
  #take(topic: 'cameras.v1', message: Message, into: Map<string, CameraRecord>): void;
  #take(topic: 'rules.v1', message: Message, into: Map<string, RuleRecord>): void;
  #take(topic: 'cameras.v1' | 'rules.v1', message: Message, into: Map<string, unknown>): void {
    this.#compiled.clear();
    if (message.value === null) {
      into.delete(message.key);
      return;
    }
    try {
      into.set(message.key, parseMessage(topic, message));
    } catch (error) {
      this.#log.error(
        { code: 'MESSAGE_INVALID', err: asError(error), key: message.key },
        'configuration record ignored',
      );
    }
  }
}
