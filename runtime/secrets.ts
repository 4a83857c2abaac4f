import { readFile } from 'node:fs/promises';
import { asError, BanksmanError } from './errors.ts';
import type { SecretRef } from './messages/types.ts';

/**
 * The value behind a reference, read at the moment of use. `{env: NAME}`: the variable NAME, else the
 * file that NAME_FILE names; `{file}`: that file. The last line end of a file is not part of the value.
 * @throws CONFIG_SECRET_MISSING, naming the variable or file and never a value.
 */
export async function resolveSecret(ref: SecretRef, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  if ('text' in ref) return ref.text;
  if ('file' in ref) return fromFile(ref.file, ref.file);
  const value = env[ref.env];
  if (value !== undefined && value !== '') return value;
  const path = env[`${ref.env}_FILE`];
  if (path !== undefined && path !== '') return fromFile(path, `${ref.env}_FILE`);
  throw new BanksmanError('CONFIG_SECRET_MISSING', {
    where: ref.env,
    message: `the environment variable ${ref.env} is not set`,
  });
}

const LARGEST = 4096;

async function fromFile(path: string, where: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const reason = Reflect.get(asError(error), 'code') === 'ENOENT' ? 'does not exist' : 'cannot be read';
    throw new BanksmanError('CONFIG_SECRET_MISSING', { where, message: `the secret file ${path} ${reason}` });
  }
  const value = text.replace(/\r?\n$/, '');
  if (value === '' || value.length > LARGEST) {
    const reason = value === '' ? 'is empty' : 'is too long for a secret';
    throw new BanksmanError('CONFIG_SECRET_MISSING', { where, message: `the secret file ${path} ${reason}` });
  }
  return value;
}

/** A URL for people and logs: user info and password parameters covered, also where it is no valid URL. */
export function redactUrl(url: string): string {
  return url
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)(?:.*@)/i, '$1***@')
    .replace(/((?:^|[^a-z])(?:password|passwd|pwd|pass|token|secret)=)[^&;/\s]+/gi, '$1***');
}
