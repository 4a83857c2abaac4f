/** For tests: an evidence sink on a bus and a store that are real, killed where a test wants it. */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { Bus, Delivery, OutgoingMessage, Position } from '../../runtime/bus/types.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import type { CameraRecord, Incident, RuleRecord } from '../../runtime/messages/types.ts';
import { LocalObjectStore } from '../../runtime/stores/objects/local.ts';
import type { ObjectStore, PutOptions, PutResult } from '../../runtime/stores/objects/types.ts';
import { readAll, type TestDeps } from '../testing.ts';
import { EvidenceSink, type EvidenceSinkOptions } from './evidence.ts';
import { evidenceKey } from './keys.ts';
import { type EvidenceRecord, parseRecord } from './record.ts';

export function sinkOn(deps: TestDeps, store: ObjectStore, over: Partial<EvidenceSinkOptions> = {}): EvidenceSink {
  return new EvidenceSink(deps, {
    store,
    retention: { clips_days: 36_500, records_days: 36_500, max_bytes: 1e12 },
    held: { held: async () => new Set(), close: async () => undefined },
    version: '1.2.3',
    retryMs: [20, 100],
    ...over,
  });
}

export async function configure(bus: Bus, camera: CameraRecord, ...rules: RuleRecord[]): Promise<void> {
  const producer = bus.producer();
  await producer.send('cameras.v1', { key: `${camera.site}/${camera.camera}`, value: encodeJson(camera) });
  for (const rule of rules) {
    await producer.send('rules.v1', { key: `${rule.site}/${rule.rule}`, value: encodeJson(rule) });
  }
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export async function readRecord(store: ObjectStore, incident: Incident): Promise<EvidenceRecord | undefined> {
  return parseRecord(await store.get(evidenceKey(incident, 'record')));
}

/**
 * Checks that what lies there of an incident is what its record says, no more and no less, and that the
 * news tell the same. @returns the record.
 */
export async function proveWhole(bus: Bus, store: ObjectStore, incident: Incident): Promise<EvidenceRecord> {
  const record = await readRecord(store, incident);
  if (!record) throw new Error(`no record of ${incident.id}`);
  const folder = evidenceKey(incident, 'record').replace('record.json', '');
  const keys = (await store.list({ prefix: folder })).map(({ key }) => key);
  expect(keys).toEqual([...record.files.map(({ key }) => key), `${folder}record.json`].sort());
  expect(record.incident.evidence).toEqual(
    record.files.map(({ kind, key, sha256: sum, bytes }) => ({ kind, key, sha256: sum, bytes })),
  );
  const told = new Map((await readAll(bus, 'evidence.v1')).map((evidence) => [evidence.key, evidence]));
  for (const key of keys) {
    const bytes = await store.get(key);
    if (!bytes) throw new Error(`${key} is listed and not there`);
    const news = told.get(key);
    expect(news, key).toMatchObject({ incident: incident.id, sha256: sha256(bytes), bytes: bytes.length });
    const file = record.files.find((one) => one.key === key);
    if (file) expect(file, key).toMatchObject({ sha256: sha256(bytes), bytes: bytes.length });
  }
  for (const key of [record.config.rule, record.config.camera]) {
    if (key !== null) expect(await store.head(key), key).toBeDefined();
  }
  return record;
}

/** A store that can be told what to do before and after each write. */
export class WatchedStore extends LocalObjectStore {
  before: (key: string) => Promise<void> = async () => undefined;
  after: (key: string) => Promise<void> = async () => undefined;

  override async put(key: string, bytes: Buffer, options: PutOptions): Promise<PutResult> {
    await this.before(key);
    const result = await super.put(key, bytes, options);
    await this.after(key);
    return result;
  }
}

/** Counts what leaves a process; from the given step on nothing does, and nothing comes back. */
export class Mortality {
  steps = 0;
  readonly #last: number;
  readonly #onDeath: () => void;

  constructor(last: number, onDeath: () => void = () => undefined) {
    this.#last = last;
    this.#onDeath = onDeath;
  }

  get dead(): boolean {
    return this.steps >= this.#last;
  }

  step(): Promise<void> {
    if (this.dead) return new Promise(() => undefined);
    this.steps += 1;
    if (!this.dead) return Promise.resolve();
    this.#onDeath();
    return new Promise(() => undefined);
  }

  store(root: string): WatchedStore {
    const store = new WatchedStore(root);
    store.before = () => this.step();
    store.after = () => this.step();
    return store;
  }

  bus(bus: Bus): Bus {
    return {
      table: (...args) => bus.table(...args),
      tail: (topic, from, options) => bus.tail(topic, from, options),
      read: (topic, partition, offset) => bus.read(topic, partition, offset),
      partitions: (topic) => bus.partitions(topic),
      lag: () => bus.lag(),
      silentMs: bus.silentMs,
      close: () => bus.close(),
      producer: () => {
        const producer = bus.producer();
        const send = async (topic: string, message: OutgoingMessage): Promise<Position> => {
          await this.step();
          const position = await producer.send(topic, message);
          await this.step();
          return position;
        };
        return { send, close: () => producer.close() };
      },
      consumer: (group, topics, handler, options) => {
        const deliver = (delivery: Delivery) =>
          handler({
            ...delivery,
            ack: () => {
              if (this.dead) return;
              void this.step();
              delivery.ack();
            },
          });
        return bus.consumer(group, topics, deliver, options);
      },
    };
  }
}
