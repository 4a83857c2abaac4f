import { readFile } from 'node:fs/promises';
import { BanksmanError } from '../runtime/errors.ts';
import type { CameraRecord, SecretRef } from '../runtime/messages/types.ts';
import type { Credentials } from './ipc.ts';

const MAX_BYTES = 4_096;

/**
 * What a camera's references stand for now: files are read again at every connect.
 * @returns null where the camera has no username.
 * @throws BanksmanError CONFIG_SECRET_MISSING naming the variable or file.
 */
export async function resolveCredentials(
  camera: Pick<CameraRecord, 'camera' | 'username' | 'password'>,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Credentials | null> {
  if (camera.username === null) return null;
  const where = `camera ${camera.camera}`;
  const username = await resolveSecret(camera.username, where, env);
  const password = camera.password === null ? '' : await resolveSecret(camera.password, where, env);
  return { username, password };
}

async function resolveSecret(ref: SecretRef, where: string, env: NodeJS.ProcessEnv): Promise<string> {
  if ('text' in ref) return ref.text;
  if ('env' in ref) {
    const value = env[ref.env];
    if (value === undefined || value === '') {
      throw new BanksmanError('CONFIG_SECRET_MISSING', {
        where,
        message: `environment variable ${ref.env} is not set`,
      });
    }
    return value;
  }
  let text: string;
  try {
    text = await readFile(ref.file, 'utf8');
  } catch {
    throw new BanksmanError('CONFIG_SECRET_MISSING', { where, message: `cannot read ${ref.file}` });
  }
  if (text.length > MAX_BYTES) {
    throw new BanksmanError('CONFIG_SECRET_MISSING', { where, message: `${ref.file} is too long for a secret` });
  }
  // Editors end files with a line end.
  return text.replace(/\r?\n$/, '');
}
