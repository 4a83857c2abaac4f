import { LOG_LEVELS } from '../runtime/log.ts';
import type { Paint } from './screen.ts';

interface LogLine {
  level: string;
  msg?: string;
  code?: string;
  camera?: string;
  role?: string;
  err?: { message?: string };
}

/** What the screen shows as a line of its own. */
export function isCameraState(line: string): boolean {
  return line.includes('"msg":"camera state"');
}

const STYLE: Readonly<Record<string, 'yellow' | 'red'>> = { warn: 'yellow', error: 'red', fatal: 'red' };

/**
 * What a terminal shows of a role's log: `least` and worse, one line each; anything that is not a
 * log line (a crash, a library's word) as it is. @returns null for what is not shown. Pure.
 */
export function readableLogLine(role: string, line: string, paint: Paint, least = 'warn'): string | null {
  if (line.trim() === '') return null;
  let entry: LogLine;
  try {
    entry = JSON.parse(line);
  } catch {
    return paint(`${role}: ${line}`, 'dim');
  }
  if (LOG_LEVELS.indexOf(entry.level) < LOG_LEVELS.indexOf(least)) return null;
  const where = [entry.role ?? role, entry.camera].filter((part) => part !== undefined).join(' ');
  const what = [entry.code, entry.msg, entry.err?.message].filter((part) => part !== undefined).join(': ');
  return `${paint(where, 'dim')} ${paint(what, STYLE[entry.level] ?? 'dim')}`;
}
