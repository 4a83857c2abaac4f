import { Backoff } from '../../backoff.ts';
import type { Clock } from '../../clock.ts';
import { asError, BanksmanError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Metrics } from '../../metrics.ts';
import { sha256Hex } from '../sha256.ts';
import { assertKey } from './keys.ts';
import { Spool, type SpooledObject, troubleOf } from './spool.ts';
import {
  isAway,
  type ListOptions,
  type ObjectInfo,
  type ObjectStore,
  type PutOptions,
  type PutResult,
} from './types.ts';
import type { SpoolState } from './waiting.ts';

export interface SpooledOptions {
  /** Where everything is to lie. */
  remote: ObjectStore;
  dataDir: string;
  maxBytes: number;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  /** Order within a folder, from 1 up; what has 0 goes before everything else. */
  rank(key: string): number;
  /**
   * Something else lies under the key of what was to be written under a condition: what is to lie there, or
   * null where theirs is right. Asked again with its own answer it gives that.
   */
  merge(key: string, mine: Buffer, theirs: Buffer): Buffer | null;
  /** What lies in the store now is not what `put` was given. Awaited before it leaves the spool. */
  onMerged(key: string, bytes: Buffer): Promise<void>;
  /** First and longest delay between two looks whether the store is back. Default 500 and 10 000. */
  retryMs?: readonly [number, number];
}

/** Folders on their way at once, when the store answers. */
const WIDTH = 4;
const MERGES = 8;
const STORE = { store: 'evidence' };

/**
 * A store that may be away behind a spool on disk. While it answers, objects go straight to it. While it
 * does not, and until everything that waited has been sent in order, they go to the spool, and are read from
 * there. A full spool refuses with STORE_FULL: whoever writes has to wait.
 */
export class SpooledObjectStore implements ObjectStore {
  readonly #options: SpooledOptions;
  readonly #backoff: Backoff;
  #opened: Spool | undefined;
  /** Why the store cannot be used, as far as is known. */
  #away: BanksmanError | undefined;
  /** Folders of which something is refused for itself; tried again, after the others. */
  readonly #refused = new Set<string>();
  #stopping = new AbortController();
  #loop: Promise<void> | undefined;
  #wake: () => void = () => undefined;

  constructor(options: SpooledOptions) {
    this.#options = options;
    const [minMs, maxMs] = options.retryMs ?? [500, 10_000];
    this.#backoff = new Backoff({ minMs, maxMs });
  }

  /** Needs the disk of the spool, not the store. */
  async start(): Promise<void> {
    const { trouble } = this.#spool().state();
    // Until it is known better: what was wrong when it was stopped. The first thing done is to look.
    if (trouble) this.#away ??= new BanksmanError(trouble.code, { message: trouble.message });
    this.#options.metrics.set('store_available', trouble ? 0 : 1, STORE);
    this.#options.metrics.set('evidence_spool_max_bytes', this.#options.maxBytes);
    this.#say();
    this.#loop ??= this.#run(this.#stopping.signal);
  }

  /** Ends at once; what is in the spool stays there for the next start. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#options.remote.close();
    await this.#loop;
    this.#loop = undefined;
    this.#opened?.close();
    this.#opened = undefined;
    this.#stopping = new AbortController();
  }

  state(): SpoolState {
    return this.#spool().state();
  }

  async put(key: string, bytes: Buffer, options: PutOptions): Promise<PutResult> {
    assertKey(key);
    if (sha256Hex(bytes) !== options.sha256) {
      throw new BanksmanError('STORE_FAILED', { where: key, message: 'the bytes are not those of the checksum' });
    }
    const spool = this.#spool();
    if (!this.#away && spool.empty) {
      try {
        return await this.#options.remote.put(key, bytes, options);
      } catch (error) {
        this.#failed(error);
      }
    }
    const result = spool.put({ key, bytes, options }, this.#options.clock.now());
    this.#say();
    this.#wake();
    return result;
  }

  /** @throws one of `AWAY` where the store would have to be asked and is away: it may lie there or not. */
  async get(key: string): Promise<Buffer | undefined> {
    assertKey(key);
    return this.#spool().get(key)?.bytes ?? this.#ask(key, (remote) => remote.get(key));
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    assertKey(key);
    return this.#spool().head(key) ?? this.#ask(key, (remote) => remote.head(key));
  }

  async list(options: ListOptions = {}): Promise<ObjectInfo[]> {
    const { prefix = '', after = '', limit = 1000 } = options;
    const found = new Map<string, ObjectInfo>();
    for (const info of await this.#ask(prefix, (remote) => remote.list(options))) found.set(info.key, info);
    for (const info of this.#spool().list(prefix, after, limit)) found.set(info.key, info);
    return [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, limit);
  }

  async delete(key: string): Promise<void> {
    assertKey(key);
    this.#spool().remove(key);
    this.#say();
    await this.#ask(key, (remote) => remote.delete(key));
  }

  /** Null while it lies in the spool. */
  async presign(key: string, ttlS: number): Promise<string | null> {
    return this.#spool().head(key) ? null : this.#options.remote.presign(key, ttlS);
  }

  capacity(): ReturnType<ObjectStore['capacity']> {
    return this.#options.remote.capacity();
  }

  #spool(): Spool {
    const { dataDir, maxBytes, rank } = this.#options;
    this.#opened ??= new Spool(dataDir, maxBytes, rank);
    return this.#opened;
  }

  async #ask<T>(key: string, work: (remote: ObjectStore) => Promise<T>): Promise<T> {
    // Whoever asks does not wait for a time-out each time.
    if (this.#away) throw new BanksmanError(this.#away.code, { where: key, message: this.#away.message });
    try {
      return await work(this.#options.remote);
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** @throws again what is no sign of a store that is away. */
  #failed(error: unknown): void {
    if (!isAway(error)) throw error;
    const { log, metrics, clock } = this.#options;
    metrics.inc('store_errors_total', { ...STORE, reason: error.code });
    if (this.#away?.code === error.code) return;
    if (!this.#away) this.#backoff.reset();
    this.#away = error;
    metrics.set('store_available', 0, STORE);
    const { message, where, mend, code } = error;
    log.error({ code, where, mend }, `evidence waits in the spool: ${message}`);
    const before = this.#spool().state().trouble;
    this.#spool().say({ ...troubleOf(error, clock.now()), ...(before ? { since: before.since } : {}) });
    this.#wake();
  }

  #back(): void {
    const { log, metrics } = this.#options;
    const { trouble, objects, bytes } = this.#spool().state();
    metrics.set('store_available', 1, STORE);
    this.#away = undefined;
    this.#backoff.reset();
    if (!trouble) return;
    this.#spool().say(null);
    log.info({ since: trouble.since, objects, bytes }, 'the evidence store answers again; what waits is sent');
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    let checked = false;
    while (!signal.aborted) {
      try {
        const spool = this.#spool();
        if (spool.empty) {
          if (!checked || this.#away) await this.#options.remote.start();
          checked = true;
          this.#back();
          spool.shrink();
          await this.#idle(signal);
        } else if (await this.#drain(spool, signal)) {
          if (spool.empty) log.info('the spool of evidence is empty');
        } else await clock.sleep(this.#backoff.next(), signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#report(error);
        await clock.sleep(this.#backoff.next(), signal);
      }
    }
  }

  #report(error: unknown): void {
    try {
      this.#failed(error);
    } catch (err) {
      const code = err instanceof BanksmanError ? err.code : 'INTERNAL';
      this.#options.metrics.inc('store_errors_total', { ...STORE, reason: code });
      this.#options.log.error({ code, err: asError(err) }, 'what waits in the spool of evidence could not be sent');
    }
  }

  /** Until something is put there or the store goes away. */
  #idle(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        this.#wake = () => undefined;
        resolve();
      };
      signal.addEventListener('abort', done);
      this.#wake = done;
      if (signal.aborted || this.#away || !this.#spool().empty) done();
    });
  }

  /** Sends what is next. @returns false where nothing but what the store refuses for itself is left. */
  async #drain(spool: Spool, signal: AbortSignal): Promise<boolean> {
    const width = this.#away ? 1 : WIDTH;
    const waiting = spool.folders(width + this.#refused.size).filter(({ folder }) => !this.#refused.has(folder));
    const [first] = waiting;
    if (!first) {
      this.#refused.clear();
      return false;
    }
    const folders = waiting.slice(0, first.alone ? 1 : width);
    const sent = await Promise.allSettled(folders.map((one) => this.#sendFolder(spool, one, signal)));
    for (const [index, result] of sent.entries()) {
      if (result.status === 'fulfilled') continue;
      if (isAway(result.reason)) throw result.reason;
      this.#report(result.reason);
      this.#refused.add(folders[index]?.folder ?? '');
    }
    return true;
  }

  /** In order: behind what is refused for itself nothing of the same folder goes, unless each stands alone. */
  async #sendFolder(
    spool: Spool,
    { folder, alone }: { folder: string; alone: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    let refused: unknown;
    for (const key of spool.keys(folder)) {
      if (signal.aborted) return;
      const object = spool.get(key);
      if (!object) continue;
      try {
        await this.#send(object);
      } catch (error) {
        if (!alone || isAway(error)) throw error;
        refused = error;
        continue;
      }
      // It may have been closed meanwhile; the same is sent again then, which changes nothing.
      if (signal.aborted) return;
      spool.remove(key, object.options.sha256);
      this.#say();
      if (this.#away) this.#back();
    }
    if (refused !== undefined) throw refused;
  }

  async #send({ key, bytes, options }: SpooledObject): Promise<void> {
    const { remote, merge, onMerged } = this.#options;
    const { contentType } = options;
    let result = await remote.put(key, bytes, options);
    for (let merges = 0; result === 'conflict'; merges += 1) {
      // Somebody has written a newer one.
      if (options.revision !== undefined) return;
      if (merges === MERGES) throw new BanksmanError('STORE_FAILED', { where: key, message: 'others keep writing it' });
      const theirs = await remote.get(key);
      const merged = theirs ? merge(key, bytes, theirs) : bytes;
      if (merged === null) return;
      const sha256 = sha256Hex(merged);
      const condition = theirs ? { replaces: sha256Hex(theirs) } : { ifAbsent: true };
      result = await remote.put(key, merged, { contentType, sha256, ...condition });
      if (result === 'written' && theirs) await onMerged(key, merged);
    }
  }

  #say(): void {
    const { objects, bytes } = this.#spool().state();
    this.#options.metrics.set('evidence_spool_objects', objects);
    this.#options.metrics.set('evidence_spool_bytes', bytes);
  }
}
