import { randomBytes } from 'node:crypto';
import { digestOf } from '../../../runtime/access/token.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { Account } from './account_file.ts';

interface Session {
  account: Account;
  endsAt: number;
}

/** Of one account; one more ends the oldest. With the bound on accounts this bounds the memory. */
const MAX_OF_ACCOUNT = 20;

/** Who logged in on the page. In memory: a console that starts anew asks again. */
export class Sessions {
  readonly #clock: Clock;
  readonly #lastsMs: number;
  /** By the hash of what the browser holds, oldest first. */
  readonly #sessions = new Map<string, Session>();

  constructor(clock: Clock, lastsMs: number) {
    this.#clock = clock;
    this.#lastsMs = lastsMs;
  }

  /** @returns what the browser keeps. */
  open(account: Account): string {
    const now = this.#clock.monotonic();
    const own: string[] = [];
    for (const [key, session] of this.#sessions) {
      if (session.endsAt <= now) this.#sessions.delete(key);
      else if (session.account.name === account.name) own.push(key);
    }
    for (const key of own.slice(0, Math.max(0, own.length - MAX_OF_ACCOUNT + 1))) this.#sessions.delete(key);
    const id = randomBytes(32).toString('base64url');
    this.#sessions.set(keyOf(id), { account, endsAt: now + this.#lastsMs });
    return id;
  }

  /** Whose it is, as the account was at login. */
  find(id: string): Account | undefined {
    const session = this.#sessions.get(keyOf(id));
    if (!session) return undefined;
    if (session.endsAt > this.#clock.monotonic()) return session.account;
    this.#sessions.delete(keyOf(id));
    return undefined;
  }

  close(id: string): void {
    this.#sessions.delete(keyOf(id));
  }

  get size(): number {
    return this.#sessions.size;
  }
}

const keyOf = (id: string): string => digestOf(id).toString('hex');
