import { formatProbe, probe } from '../ingest/probe.ts';
import { parseRtspUrl } from '../ingest/rtsp/url.ts';
import { BanksmanError } from '../runtime/errors.ts';
import { parseDuration } from './duration.ts';

export interface ProbeOptions {
  username?: string;
  passwordEnv: string;
  transport: 'tcp' | 'udp';
  tlsCaFile?: string;
  /** False with --no-tls-verify. */
  tlsVerify: boolean;
  timeout: string;
  json?: boolean;
}

export async function probeCommand(url: string, options: ProbeOptions): Promise<number> {
  const { username, passwordEnv, transport, tlsCaFile, tlsVerify } = options;
  const timeoutMs = parseDuration(options.timeout, '--timeout');
  const password = process.env[passwordEnv];
  // A try without the password is a failed login, and cameras lock accounts out.
  if (username !== undefined && password === undefined && parseRtspUrl(url).credentials === null) {
    throw new BanksmanError('USAGE', {
      where: '--username',
      message: `the variable ${passwordEnv} does not hold a password`,
      mend: `Set ${passwordEnv}, or name another variable with --password-env; set it empty for a user without a password.`,
    });
  }
  const result = await probe(url, {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    transport,
    tls: { verify: tlsVerify, ca_file: tlsCaFile ?? null },
    timeoutMs,
  }).catch((error: unknown) => {
    throw error instanceof BanksmanError ? forProbe(error, passwordEnv) : error;
  });
  process.stdout.write(options.json ? `${JSON.stringify(result, null, 2)}\n` : formatProbe(result));
  return 0;
}

/** The table speaks of the site file and of cameras that are tried again; here it is one try, by hand. */
function forProbe({ code, where, message, mend, cause }: BanksmanError, passwordEnv: string): BanksmanError {
  const known: Partial<Record<BanksmanError['code'], string>> = {
    RTSP_UNAUTHORIZED: `Give the user with --username and the password in ${passwordEnv}. Every try counts: many cameras lock an account after a few.`,
    RTSP_TLS:
      'Check the certificate and that the port speaks TLS; --tls-ca-file FILE is for your own authority, --no-tls-verify accepts any.',
    RTSP_STALLED: 'Check the network between; try --transport udp or a longer --timeout.',
    RTSP_ENDED: 'Try again; a camera that often ends sessions has a limit on them, see its manual.',
  };
  return new BanksmanError(code, {
    ...(where === undefined ? {} : { where }),
    message,
    mend: known[code] ?? mend,
    cause,
  });
}
