import { createHash, randomBytes, scrypt } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../runtime/clock.ts';
import type { Credentials } from './ipc.ts';
import { parseRtspUrl } from './rtsp/url.ts';

const AUTOMATIC_RETRY_MS = 6 * 3_600_000;
const MAX_ENTRIES = 1_000;
const scryptAsync = promisify<string, string, number, Buffer>(scrypt);

interface Entry {
  /** Epoch ms of the refusal. */
  at: number;
  salt: string;
  /** Of user and password, slow to reverse; never the password. */
  fingerprint: string;
}

/**
 * Remembers, across restarts, which credentials a host refused, because cameras lock accounts out:
 * one attempt for all cameras of a host and user together, then none for 6 hours unless the
 * credentials change or a person asks.
 */
export class Lockout {
  readonly #path: string;
  readonly #clock: Clock;
  #entries = new Map<string, Entry>();
  /** Credentials of these were right lately: no need to go one by one. */
  #verified = new Set<string>();
  #turns = new Map<string, Promise<void>>();
  #writing: Promise<void> = Promise.resolve();
  #listeners = new Set<() => void>();

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  async load(): Promise<void> {
    try {
      const stored: unknown = JSON.parse(await readFile(this.#path, 'utf8'));
      if (stored === null || typeof stored !== 'object') return;
      for (const [key, entry] of Object.entries(stored).slice(0, MAX_ENTRIES)) {
        if (isEntry(entry)) this.#entries.set(key, entry);
      }
    } catch {
      // Missing or damaged: one attempt more than needed is the worst of it.
    }
  }

  /** Called when a refusal was taken back, so that who waits can look again. Returns the way to stop it. */
  onForgiven(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async mayTry(url: string, credentials: Credentials | null): Promise<boolean> {
    const entry = this.#entries.get(keyOf(url, credentials));
    if (!entry || this.#clock.now() - entry.at >= AUTOMATIC_RETRY_MS) return true;
    return (await fingerprint(credentials, entry.salt)) !== entry.fingerprint;
  }

  /**
   * Runs an attempt when no other with the same host and user is under way, unless these were
   * verified since the last session ended. `attempt` should ask `mayTry` itself.
   */
  async inTurn<T>(url: string, credentials: Credentials | null, attempt: () => Promise<T>): Promise<T> {
    const key = keyOf(url, credentials);
    while (!this.#verified.has(key)) {
      const before = this.#turns.get(key);
      if (!before) break;
      await before;
    }
    if (this.#verified.has(key)) return attempt();
    const mine = Promise.withResolvers<void>();
    this.#turns.set(key, mine.promise);
    try {
      return await attempt();
    } finally {
      this.#turns.delete(key);
      mine.resolve();
    }
  }

  /** The camera took the credentials. */
  async accepted(url: string, credentials: Credentials | null): Promise<void> {
    const key = keyOf(url, credentials);
    this.#verified.add(key);
    await this.#forget(key);
  }

  /** A session ended: the password may have been changed, so the next attempt goes alone again. */
  doubted(url: string, credentials: Credentials | null): void {
    this.#verified.delete(keyOf(url, credentials));
  }

  async refused(url: string, credentials: Credentials | null): Promise<void> {
    const key = keyOf(url, credentials);
    this.#verified.delete(key);
    const salt = randomBytes(16).toString('hex');
    this.#entries.set(key, { at: this.#clock.now(), salt, fingerprint: await fingerprint(credentials, salt) });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_ENTRIES) break;
      this.#entries.delete(oldest);
    }
    await this.#save();
  }

  /** A person changed the camera or asks for another attempt. */
  async forgive(url: string, credentials: Credentials | null): Promise<void> {
    await this.#forget(keyOf(url, credentials));
  }

  async #forget(key: string): Promise<void> {
    if (!this.#entries.delete(key)) return;
    await this.#save();
    for (const listener of this.#listeners) listener();
  }

  #save(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const temporary = `${this.#path}.new`;
      await mkdir(dirname(this.#path), { recursive: true });
      await writeFile(temporary, JSON.stringify(Object.fromEntries(this.#entries)), { mode: 0o600 });
      await rename(temporary, this.#path);
    });
    const result = this.#writing;
    // A full disk must not stop a camera: it is remembered in memory.
    this.#writing = result.catch(() => undefined);
    return this.#writing;
  }
}

/** Of host and user, since cameras and recorders lock accounts, not paths; without a user nothing can be locked. */
function keyOf(url: string, credentials: Credentials | null): string {
  const { host, uri } = parseRtspUrl(url);
  const what = credentials ? `${host.toLowerCase()}\n${credentials.username}` : uri;
  return createHash('sha256').update(what).digest('hex').slice(0, 32);
}

async function fingerprint(credentials: Credentials | null, salt: string): Promise<string> {
  const secret = credentials ? `${credentials.username}\n${credentials.password}` : '';
  return (await scryptAsync(secret, salt, 32)).toString('hex');
}

function isEntry(value: unknown): value is Entry {
  if (value === null || typeof value !== 'object') return false;
  const { at, salt, fingerprint: print } = value as Partial<Entry>;
  return typeof at === 'number' && typeof salt === 'string' && typeof print === 'string';
}
