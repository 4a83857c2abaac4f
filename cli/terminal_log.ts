import { wantsColor } from '../config/check.ts';
import { createLogger, type Logger } from '../runtime/log.ts';
import { readableLogLine } from '../supervisor/log_lines.ts';
import { painter } from '../supervisor/screen.ts';

/**
 * Writes log lines of roles to standard error: for people on a terminal, where `quietBelow` and worse are
 * shown unless BANKSMAN_LOG_LEVEL says otherwise; as they are for programs.
 */
export function roleLineWriter(quietBelow: string): (role: string, line: string) => void {
  if (process.stderr.isTTY !== true) return (_role, line) => void process.stderr.write(`${line}\n`);
  const paint = painter(wantsColor(process.stderr, process.env));
  const least = process.env['BANKSMAN_LOG_LEVEL'] ?? quietBelow;
  return (role, line) => {
    const shown = readableLogLine(role, line, paint, least);
    if (shown !== null) process.stderr.write(`${shown}\n`);
  };
}

/** The logger of a command: JSON lines for programs, readable ones on a terminal. @throws BanksmanError USAGE. */
export function commandLogger(role: string, quietBelow: string): Logger {
  if (process.stderr.isTTY !== true) return createLogger(role);
  const write = roleLineWriter(quietBelow);
  const level = process.env['BANKSMAN_LOG_LEVEL'] ?? quietBelow;
  return createLogger(role, level, { write: (text) => write(role, text.trimEnd()) });
}
