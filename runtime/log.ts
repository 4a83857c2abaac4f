import { type DestinationStream, type Logger, pino } from 'pino';
import { BanksmanError } from './errors.ts';

export type { Logger } from 'pino';

/** Least first. */
export const LOG_LEVELS: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/**
 * One logger a process. JSON lines on standard error, so that standard output belongs to the command;
 * on a terminal the commands give a `destination` that prints for people instead. Secrets never reach it: URLs
 * are logged without user info. @throws BanksmanError USAGE for a level that there is none of.
 *
 * When (not) to log: a change of state once, an error once with its code and coordinates; never a
 * line a frame. What repeats is counted in a metric.
 */
export function createLogger(
  role: string,
  level = process.env['BANKSMAN_LOG_LEVEL'] ?? 'info',
  destination: DestinationStream = pino.destination({ fd: 2, sync: true }),
): Logger {
  if (!LOG_LEVELS.includes(level)) {
    throw new BanksmanError('USAGE', {
      where: 'BANKSMAN_LOG_LEVEL',
      message: `there is no log level ${level}`,
      mend: `Levels are ${LOG_LEVELS.join(', ')}.`,
    });
  }
  return pino(
    {
      level,
      base: { role, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}

/** A logger that says nothing, for tests. */
export const silentLogger: Logger = pino({ level: 'silent' });
