import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/**
 * One logger a process. JSON lines on standard error, so that standard output belongs to the command;
 * on a terminal the commands print for people instead, and this is quiet below `warn` unless
 * BANKSMAN_LOG_LEVEL says otherwise. Secrets never reach it: URLs are logged without user info.
 *
 * When (not) to log: a change of state once, an error once with its code and coordinates; never a
 * line a frame. What repeats is counted in a metric.
 */
export function createLogger(role: string, level = process.env['BANKSMAN_LOG_LEVEL'] ?? 'info'): Logger {
  return pino(
    {
      level,
      base: { role, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}

/** A logger that says nothing, for tests. */
export const silentLogger: Logger = pino({ level: 'silent' });
