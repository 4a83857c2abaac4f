import { chmod, chown, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { NAME_PATTERN, NAME_RULE } from '../config/scalars.ts';
import { type Account, parseAccounts, withAccount, withoutAccount } from '../dashboards/console/access/account_file.ts';
import type { Role } from '../dashboards/console/access/roles.ts';
import { digestOf, newToken } from '../runtime/access/token.ts';
import { asError, BanksmanError } from '../runtime/errors.ts';
import { unknownName } from './names.ts';
import { loadOrThrow } from './role.ts';

export interface TokensOptions {
  config: string;
  /** The file of accounts, where no site file is to be asked for it. */
  file?: string;
  json?: boolean;
}

/** Makes an account and prints its token: standard output holds the token alone, for whoever pipes it. */
export async function add(name: string, options: TokensOptions & { role: Role }): Promise<number> {
  if (!NAME_PATTERN.test(name)) throw usage('NAME', `the name of an account ${NAME_RULE}`, 'Choose another.');
  const file = await fileOf(options);
  const { text, accounts } = await read(file);
  if (accounts.some((account) => account.name === name)) {
    const mend = `For a new token: banksman tokens remove ${name}, then add it again.`;
    throw usage(file, `there is an account ${name} already`, mend);
  }
  const token = newToken();
  const created = new Date().toISOString().slice(0, 10);
  await write(file, withAccount(text, { name, role: options.role, digest: digestOf(token), created }));
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ name, role: options.role, token, file })}\n`);
    return 0;
  }
  process.stderr.write(`${name} is ${options.role} in ${file}. The token, shown this once:\n`);
  process.stdout.write(`${token}\n`);
  return 0;
}

export async function list(options: TokensOptions): Promise<number> {
  const { accounts } = await read(await fileOf(options));
  if (options.json) {
    const shown = accounts.map(({ name, role, created }) => ({ name, role, created }));
    process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
    return 0;
  }
  if (accounts.length === 0) process.stdout.write('no accounts\n');
  const width = Math.max(...accounts.map(({ name }) => name.length), 0);
  for (const { name, role, created } of accounts) {
    process.stdout.write(`${name.padEnd(width)}  ${role.padEnd(8)}  ${created ?? ''}`.trimEnd());
    process.stdout.write('\n');
  }
  return 0;
}

/** What the token opened is closed within seconds, open pages too. */
export async function remove(name: string, options: TokensOptions): Promise<number> {
  const file = await fileOf(options);
  const { text, accounts } = await read(file);
  const names = accounts.map((account) => account.name);
  if (!names.includes(name)) throw unknownName('NAME', 'account', name, names);
  await write(file, withoutAccount(text, name));
  process.stdout.write(`${name} is removed from ${file}\n`);
  return 0;
}

async function fileOf({ config, file }: TokensOptions): Promise<string> {
  if (file !== undefined) return resolve(file);
  const { accounts } = (await loadOrThrow(config)).config.console;
  if (accounts && 'file' in accounts) return accounts.file;
  if (accounts && 'env' in accounts) {
    const mend = `Write a file with --file tokens.yaml, and give its text to ${accounts.env}.`;
    throw usage(config, `the accounts of this site come from the variable ${accounts.env}`, mend);
  }
  const mend = 'Add `console: { accounts: { file: tokens.yaml } }` to it, or give --file FILE.';
  throw usage(config, 'this site file names no accounts', mend);
}

async function read(file: string): Promise<{ text: string; accounts: Account[] }> {
  let text = '';
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (Reflect.get(asError(cause), 'code') !== 'ENOENT') throw unusable(file, 'cannot be read', cause);
  }
  return { text, accounts: parseAccounts(text, file) };
}

/** All at once, so that a console never reads half; mode and owner stay as they were. */
async function write(file: string, text: string): Promise<void> {
  const target = await realpath(file).catch(() => file);
  const before = await stat(target).catch(() => null);
  const part = `${target}.part`;
  try {
    await writeFile(part, text, { mode: 0o600 });
    if (before) {
      await chmod(part, before.mode & 0o777);
      await chown(part, before.uid, before.gid).catch(() => undefined);
    }
    await rename(part, target);
  } catch (cause) {
    await rm(part, { force: true }).catch(() => undefined);
    throw unusable(file, 'cannot be written', cause);
  }
}

function unusable(file: string, what: string, cause: unknown): BanksmanError {
  const code = Reflect.get(asError(cause), 'code');
  const mend = 'Give a file that this user may read and write.';
  return new BanksmanError('CONFIG_ACCOUNTS', {
    where: file,
    message: `the file of accounts ${what} (${String(code)})`,
    mend,
  });
}

function usage(where: string, message: string, mend: string): BanksmanError {
  return new BanksmanError('USAGE', { where, message, mend });
}
