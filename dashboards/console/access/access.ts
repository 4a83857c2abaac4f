import type { Context, MiddlewareHandler } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { Attempts } from '../../../runtime/access/attempts.ts';
import { PICTURES_PATH } from '../../../runtime/access/picture_links.ts';
import { bearerOf } from '../../../runtime/access/token.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { Logger } from '../../../runtime/log.ts';
import { PAGE_PATHS } from '../page.ts';
import type { Account } from './account_file.ts';
import type { Accounts } from './accounts.ts';
import type { Client } from './client.ts';
import { may, neededRole, type Role } from './roles.ts';
import { Sessions } from './sessions.ts';

export const COOKIE = 'banksman_session';

/** Whoever a request is from. */
export interface Caller {
  /** Null where there are no accounts. */
  name: string | null;
  role: Role;
  /** Whether what it showed is still good, for answers that go on for long. */
  holds: () => boolean;
}

/** What handlers find in their context. */
export interface AppEnv {
  Variables: { client: Client; caller: Caller };
}

/** The page's own files hold nothing of the site; probes have no token; login is where one comes in. */
const PUBLIC = new Set([...PAGE_PATHS, '/healthz', '/readyz', '/api/v1/session']);

const ANYBODY: Caller = { name: null, role: 'admin', holds: () => true };

type Refusal = { status: 401 | 429; error: string; waitS?: number };

/** Who may do what. Without accounts: everybody who reaches the console, everything. */
export class Access {
  readonly #accounts: Accounts | null;
  readonly #sessions: Sessions;
  readonly #attempts: Attempts;
  readonly #log: Logger;
  readonly #sessionMs: number;

  constructor(accounts: Accounts | null, deps: { clock: Clock; log: Logger; sessionMs: number }) {
    this.#accounts = accounts;
    this.#log = deps.log;
    this.#sessionMs = deps.sessionMs;
    this.#sessions = new Sessions(deps.clock, deps.sessionMs);
    this.#attempts = new Attempts(deps.clock);
  }

  get hasAccounts(): boolean {
    return this.#accounts !== null;
  }

  /** Refuses who is not known (401), has to wait (429) or may not (403); notes who changed something. */
  middleware(): MiddlewareHandler<AppEnv> {
    return async (c, next) => {
      const { method, path } = c.req;
      // An address of a picture is its own ticket.
      if (PUBLIC.has(path) || path.startsWith(PICTURES_PATH)) return next();
      const caller = this.identify(c);
      if ('error' in caller) return this.refuse(c, caller);
      const needed = neededRole(method, path);
      if (!may(caller.role, needed)) {
        this.#note(c, caller.name, 403, 'warn');
        const error = `this needs the role ${needed}; ${caller.name} is ${caller.role}`;
        return c.json({ error }, 403);
      }
      c.set('caller', caller);
      await next();
      if (needed !== 'viewer') this.#note(c, caller.name, c.res.status, 'info');
      return undefined;
    };
  }

  /** By `Authorization: Bearer`, else by the session of the page. */
  identify(c: Context<AppEnv>): Caller | Refusal {
    const accounts = this.#accounts;
    if (!accounts) return ANYBODY;
    const token = bearerOf(c.req.header('authorization'));
    if (token !== undefined) {
      const account = this.#tried(c, token);
      return 'error' in account ? account : callerOf(account, () => accounts.current(account) !== undefined);
    }
    const id = getCookie(c, COOKIE);
    const now = (): Account | undefined => {
      const found = id === undefined ? undefined : this.#sessions.find(id);
      return found && accounts.current(found);
    };
    const account = now();
    if (account) return callerOf(account, () => now() !== undefined);
    return { status: 401, error: 'log in at /login, or send Authorization: Bearer TOKEN' };
  }

  /** A token for a session, which the browser keeps as a cookie that no script can read. */
  login(c: Context<AppEnv>, token: string): Caller | Refusal {
    const accounts = this.#accounts;
    if (!accounts) return ANYBODY;
    const account = this.#tried(c, token);
    if ('error' in account) return account;
    const old = getCookie(c, COOKIE);
    if (old !== undefined) this.#sessions.close(old);
    setCookie(c, COOKIE, this.#sessions.open(account), {
      httpOnly: true,
      sameSite: 'Strict',
      secure: c.get('client').secure,
      path: '/',
      maxAge: Math.floor(this.#sessionMs / 1000),
    });
    this.#note(c, account.name, 200, 'info');
    return callerOf(account, () => accounts.current(account) !== undefined);
  }

  logout(c: Context<AppEnv>): void {
    const id = getCookie(c, COOKIE);
    if (id === undefined) return;
    this.#note(c, this.#sessions.find(id)?.name ?? null, 204, 'info');
    this.#sessions.close(id);
    deleteCookie(c, COOKIE, { path: '/', secure: c.get('client').secure });
    // Pictures of incidents are kept for an hour.
    c.header('clear-site-data', '"cache"');
  }

  refuse(c: Context, { status, error, waitS }: Refusal) {
    if (status === 429) c.header('retry-after', String(waitS ?? 60));
    else c.header('www-authenticate', 'Bearer realm="banksman console"');
    return c.json({ error }, status);
  }

  #tried(c: Context<AppEnv>, token: string): Account | Refusal {
    const { address } = c.get('client');
    const waitS = this.#attempts.waitS(address);
    if (waitS > 0) {
      return { status: 429, error: `too many wrong tokens from ${address}; try again in ${waitS} s`, waitS };
    }
    const account = this.#accounts?.byToken(token);
    if (account) return account;
    this.#attempts.failed(address);
    this.#note(c, null, 401, 'warn');
    return { status: 401, error: 'this token is not known here: mistyped, or taken back' };
  }

  /** The audit line. What was judged and why is in `feedback.v1`, under the same name. */
  #note(c: Context<AppEnv>, account: string | null, status: number, level: 'info' | 'warn'): void {
    if (!this.#accounts) return;
    const { address } = c.get('client');
    this.#log[level]({ account, address, method: c.req.method, path: c.req.path.slice(0, 200), status }, 'audit');
  }
}

function callerOf(account: Account, holds: () => boolean): Caller {
  return { name: account.name, role: account.role, holds };
}
