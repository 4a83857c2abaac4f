import type { Bus } from '../../runtime/bus/types.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import type { CameraStatus } from '../../runtime/messages/types.ts';

/** What `camera.status.v1` holds of a camera of the site `yard` now. */
export async function statusOf(bus: Bus, camera: string): Promise<CameraStatus | undefined> {
  const table = bus.table('camera.status.v1');
  await table.start();
  const message = table.get(cameraKey('yard', camera));
  await table.stop();
  return message && parseMessage('camera.status.v1', message);
}
