import type { CameraRecord } from '../runtime/messages/types.ts';
import { resolveSecret } from '../runtime/secrets.ts';
import type { Credentials } from './ipc.ts';

/**
 * What a camera's references stand for now: files are read again at every connect.
 * @returns null where the camera has no username.
 * @throws BanksmanError CONFIG_SECRET_MISSING naming the variable or file.
 */
export async function resolveCredentials(
  camera: Pick<CameraRecord, 'username' | 'password'>,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Credentials | null> {
  if (camera.username === null) return null;
  const username = await resolveSecret(camera.username, env);
  const password = camera.password === null ? '' : await resolveSecret(camera.password, env);
  return { username, password };
}
