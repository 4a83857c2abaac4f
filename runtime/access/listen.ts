import type { Server } from 'node:http';
import { BanksmanError } from '../errors.ts';

/**
 * Listens, or says why it cannot in words of the site file.
 * @param where of the site file, such as `metrics.bind`.
 * @throws BanksmanError PORT_TAKEN, CONFIG_INVALID_VALUE
 */
export async function listenAt(server: Server, bind: { host: string; port: number }, where: string): Promise<void> {
  const place = `${where} ${bind.host}:${bind.port}`;
  await new Promise<void>((resolve, reject) => {
    const refuse = (cause: NodeJS.ErrnoException): void => reject(judge(cause, place));
    server.once('error', refuse);
    server.listen(bind.port, bind.host, () => {
      server.off('error', refuse);
      resolve();
    });
  });
}

function judge(cause: NodeJS.ErrnoException, where: string): BanksmanError {
  if (cause.code === 'EADDRINUSE') return new BanksmanError('PORT_TAKEN', { where, cause });
  const told = WORDS[cause.code ?? ''];
  return told
    ? new BanksmanError('CONFIG_INVALID_VALUE', { where, cause, ...told })
    : new BanksmanError('INTERNAL', { where, cause });
}

const NO_ADDRESS = {
  message: 'this machine has no such address',
  mend: 'Bind to 127.0.0.1, to an address of this machine, or to 0.0.0.0 for all of them.',
};
const WORDS: Readonly<Record<string, { message: string; mend: string }>> = {
  EADDRNOTAVAIL: NO_ADDRESS,
  ENOTFOUND: NO_ADDRESS,
  EACCES: { message: 'this user may not listen at this port', mend: 'Choose a port from 1024 on.' },
};
