import { connect } from 'node:net';
import { busSocketPath } from '../runtime/bus/local/paths.ts';

/** Whether a `banksman up` of this data folder answers. */
export function isRunning(dataDir: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(busSocketPath(dataDir));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
