import { canonicalJson, hashOf } from '../../config/hash.ts';
import type { Bus, Message, Table } from '../../runtime/bus/types.ts';
import type { Logger } from '../../runtime/log.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import type { CameraRecord } from '../../runtime/messages/types.ts';
import type { ObjectStore } from '../../runtime/stores/objects/types.ts';
import type { EvidenceCounts } from './counts.ts';
import { configKey } from './keys.ts';
import type { Put } from './put.ts';
import { orUnknown } from './unknown.ts';
import type { WorkQueue } from './work_queue.ts';

/** Configurations not written yet; an edit a minute for a day of a full disk is 1440 of about 2 KB. */
const MAX_PENDING = 5000;
/** Hashes known to lie in the store. */
const MAX_KNOWN = 50_000;

export interface ConfigArchiveDeps {
  bus: Bus;
  store: ObjectStore;
  put: Put;
  /** Counts by the cameras that are configured. */
  counts: EvidenceCounts;
  queue: WorkQueue;
  log: Logger;
}

/**
 * Every camera's and rule's configuration that was ever active, under its hash: `configs/<hash>.json`
 * is the canonical JSON that the hash is of, so that the file proves itself.
 */
export class ConfigArchive {
  readonly #store: ObjectStore;
  readonly #put: Put;
  readonly #counts: EvidenceCounts;
  readonly #queue: WorkQueue;
  readonly #log: Logger;
  readonly #cameraTable: Table;
  readonly #ruleTable: Table;
  readonly #cameras = new Map<string, CameraRecord>();
  readonly #pending = new Map<string, Buffer>();
  readonly #known = new Set<string>();
  readonly #unsubscribe: (() => void)[] = [];

  constructor({ bus, store, put, counts, queue, log }: ConfigArchiveDeps) {
    this.#store = store;
    this.#put = put;
    this.#counts = counts;
    this.#queue = queue;
    this.#log = log;
    this.#cameraTable = bus.table('cameras.v1');
    this.#ruleTable = bus.table('rules.v1');
  }

  async start(): Promise<void> {
    for (const [table, topic] of [
      [this.#cameraTable, 'cameras.v1'],
      [this.#ruleTable, 'rules.v1'],
    ] as const) {
      await table.start();
      for (const [, message] of table.entries()) this.#take(topic, message);
      this.#unsubscribe.push(table.onChange((message) => this.#take(topic, message)));
    }
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    await Promise.all([this.#cameraTable.stop(), this.#ruleTable.stop()]);
  }

  /** The camera as it is configured now. */
  camera(site: string, camera: string): CameraRecord | undefined {
    return this.#cameras.get(cameraKey(site, camera));
  }

  /**
   * Makes sure that the configuration lies in the store.
   * @returns its key, or null when nobody has it any more.
   * @throws what the store throws.
   */
  async ensure(hash: string): Promise<string | null> {
    const key = configKey(hash);
    if (this.#known.has(hash)) return key;
    if (await orUnknown(this.#store.head(key))) {
      this.#learn(hash);
      return key;
    }
    const bytes = this.#pending.get(hash);
    // Somebody else may have put it there meanwhile.
    if (!bytes) return this.#known.has(hash) ? key : null;
    await this.#put(key, bytes, { kind: 'config', camera: null, replaced: 0 }, { ifAbsent: true });
    this.#learn(hash);
    return key;
  }

  #learn(hash: string): void {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.add(hash);
    this.#pending.delete(hash);
  }

  #take(topic: 'cameras.v1' | 'rules.v1', message: Message): void {
    if (message.value === null) {
      // Its last incidents may still be on their way here: what it was stays known until it is stored.
      if (topic === 'cameras.v1') this.#removed(message.key);
      return;
    }
    try {
      const record = topic === 'cameras.v1' ? parseMessage(topic, message) : parseMessage(topic, message);
      if ('url' in record) {
        this.#cameras.set(message.key, record);
        this.#counts.begin(record.camera);
      }
      this.#archive(record.configHash, JSON.parse(message.value.toString('utf8')));
    } catch (err) {
      this.#log.error({ code: 'MESSAGE_INVALID', err, key: message.key }, 'configuration record ignored');
    }
  }

  #removed(key: string): void {
    const record = this.#cameras.get(key);
    this.#cameras.delete(key);
    // Another site on this bus may have one of the same name.
    if (record && ![...this.#cameras.values()].some(({ camera }) => camera === record.camera)) {
      this.#counts.end(record.camera);
    }
  }

  #archive(hash: string, raw: Record<string, unknown>): void {
    if (this.#known.has(hash) || this.#pending.has(hash)) return;
    const { configHash, ...content } = raw;
    const safe = withoutSecrets(content);
    const proves = hashOf(safe) === configHash;
    this.#pending.set(hash, Buffer.from(canonicalJson(proves ? safe : { ...safe, configHash })));
    const [oldest] = this.#pending.keys();
    if (this.#pending.size > MAX_PENDING && oldest !== undefined) this.#pending.delete(oldest);
    this.#queue.add({
      lane: `config ${hash}`,
      run: async () => {
        await this.ensure(hash);
      },
    });
  }
}

/** References to secrets stay, they tell nothing; a password that was written out does not. */
function withoutSecrets(content: Record<string, unknown>): Record<string, unknown> {
  const { password } = content;
  const written = typeof password === 'object' && password !== null && 'text' in password;
  return written ? { ...content, password: { text: '(not kept)' } } : content;
}
