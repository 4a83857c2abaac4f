import { readFile } from 'node:fs/promises';
import { digestOf, sameDigest } from '../../../runtime/access/token.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { asError, BanksmanError } from '../../../runtime/errors.ts';
import type { Component } from '../../../runtime/lifecycle.ts';
import type { Logger } from '../../../runtime/log.ts';
import type { SecretRef } from '../../../runtime/messages/types.ts';
import { type Account, parseAccounts } from './account_file.ts';

/** Mounted secrets change by swapping a link, which no file event tells of. */
const LOOK_MS = 2_000;

/**
 * Who may use the console, from a file or the environment; read again when the file changes. A text
 * that cannot be read leaves the accounts before it in force, and says so once.
 */
export class Accounts implements Component {
  readonly name = 'accounts';
  readonly #ref: SecretRef;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #abort = new AbortController();
  #byName: ReadonlyMap<string, Account> = new Map();
  #text = '';
  #refused = '';
  #loop: Promise<void> | undefined;

  constructor(ref: SecretRef, deps: { clock: Clock; log: Logger }) {
    this.#ref = ref;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** @throws BanksmanError CONFIG_ACCOUNTS where there is no account that somebody could use. */
  async start(): Promise<void> {
    const { text, where } = await accountText(this.#ref);
    this.#take(text, where);
    if (this.#byName.size === 0) {
      throw new BanksmanError('CONFIG_ACCOUNTS', { where, message: 'there is no account yet', mend: FIRST });
    }
    this.#loop = this.#follow();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#loop;
  }

  /** Looks at every account whether or not one was found: the time says nothing. */
  byToken(token: string): Account | undefined {
    const digest = digestOf(token);
    let found: Account | undefined;
    for (const account of this.#byName.values()) if (sameDigest(account.digest, digest)) found = account;
    return found;
  }

  /** The account as it is now; undefined once it is gone or has another token. */
  current(account: Account): Account | undefined {
    const now = this.#byName.get(account.name);
    return now && sameDigest(now.digest, account.digest) ? now : undefined;
  }

  #take(text: string, where: string): void {
    this.#byName = new Map(parseAccounts(text, where).map((account) => [account.name, account]));
    this.#text = text;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      await this.#clock.sleep(LOOK_MS, signal);
      if (signal.aborted) return;
      try {
        const { text, where } = await accountText(this.#ref);
        const refused = this.#refused !== '';
        this.#refused = '';
        if (text === this.#text && !refused) continue;
        this.#take(text, where);
        this.#log.info({ accounts: this.#byName.size }, 'accounts read again');
      } catch (thrown) {
        const error = asError(thrown);
        const said = error instanceof BanksmanError ? error.toDisplay() : error.message;
        if (said !== this.#refused) this.#log.error({ why: said }, 'accounts were refused; those before stay in force');
        this.#refused = said;
      }
    }
  }
}

const FIRST = 'Make the first one: banksman tokens add NAME --role admin';

/** Text of the accounts and, for messages, where it is from. */
async function accountText(ref: SecretRef): Promise<{ text: string; where: string }> {
  if ('text' in ref) return { text: ref.text, where: 'console.accounts' };
  const file = 'file' in ref ? ref.file : process.env[`${ref.env}_FILE`];
  const value = 'env' in ref ? process.env[ref.env] : undefined;
  if ('env' in ref && value !== undefined && value !== '') return { text: value, where: ref.env };
  if (file === undefined || file === '') {
    const where = 'env' in ref ? ref.env : 'console.accounts';
    throw new BanksmanError('CONFIG_ACCOUNTS', {
      where,
      message: `the environment variable ${where} is not set`,
      mend: 'Give it the text of a file that `banksman tokens add NAME --role admin --file tokens.yaml` writes.',
    });
  }
  try {
    return { text: await readFile(file, 'utf8'), where: file };
  } catch (cause) {
    const missing = Reflect.get(asError(cause), 'code') === 'ENOENT';
    const message = missing ? 'there is no such file of accounts' : 'the file of accounts cannot be read';
    throw new BanksmanError('CONFIG_ACCOUNTS', {
      where: file,
      message,
      mend: missing ? FIRST : 'Let the user that runs the console read it.',
    });
  }
}
