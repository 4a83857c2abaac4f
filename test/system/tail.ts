import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Up } from './up.ts';

const CLI = join(import.meta.dirname, '../../cli.ts');

/** Follows a topic with `banksman tail --json`. @returns the way to stop it. */
export function follow(
  up: Up,
  topic: string,
  camera: string | null,
  onRecord: (record: Record<string, unknown>) => void,
): () => void {
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      CLI,
      'tail',
      topic,
      '-c',
      up.configPath,
      '--json',
      '--from',
      'earliest',
      ...(camera === null ? [] : ['--camera', camera]),
    ],
    { env: { ...process.env, ...up.env }, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  createInterface({ input: child.stdout }).on('line', (line) => onRecord(JSON.parse(line)));
  return () => {
    child.kill('SIGTERM');
  };
}
