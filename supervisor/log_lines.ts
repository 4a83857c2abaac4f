import type { Paint } from './screen.ts';

interface LogLine {
  level: string;
  msg?: string;
  code?: string;
  camera?: string;
  role?: string;
  err?: { message?: string };
}

/**
 * What a terminal shows of a role's log: warnings and worse, one line each; anything that is not a
 * log line (a crash, a library's word) as it is. @returns null for what is not shown. Pure.
 */
export function readableLogLine(role: string, line: string, paint: Paint): string | null {
  if (line.trim() === '') return null;
  let entry: LogLine;
  try {
    entry = JSON.parse(line);
  } catch {
    return paint(`${role}: ${line}`, 'dim');
  }
  if (!['warn', 'error', 'fatal'].includes(entry.level)) return null;
  const where = [entry.role ?? role, entry.camera].filter((part) => part !== undefined).join(' ');
  const what = [entry.code, entry.msg, entry.err?.message].filter((part) => part !== undefined).join(': ');
  return `${paint(where, 'dim')} ${paint(what, entry.level === 'warn' ? 'yellow' : 'red')}`;
}
