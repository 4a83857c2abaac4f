import { formatProbe, probe } from '../ingest/probe.ts';
import { parseDuration } from './duration.ts';

export interface ProbeOptions {
  username?: string;
  passwordEnv: string;
  timeout: string;
  json?: boolean;
}

export async function probeCommand(url: string, options: ProbeOptions): Promise<number> {
  const password = process.env[options.passwordEnv];
  const result = await probe(url, {
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(password === undefined ? {} : { password }),
    timeoutMs: parseDuration(options.timeout),
  });
  process.stdout.write(options.json ? `${JSON.stringify(result, null, 2)}\n` : formatProbe(result));
  return 0;
}
