/** Problems for people and for programs. What `banksman check` prints. */
import { readFile } from 'node:fs/promises';
import { type LoadOptions, loadSite } from './load.ts';
import type { Problem } from './problems.ts';

export interface FormatOptions {
  /** As the user named it. */
  file: string;
  /** Source text; the line in question is shown where it is given. */
  source?: string;
  color?: boolean;
  /** Default `error`. */
  kind?: 'error' | 'warning';
}

/** Colour only on a terminal that did not refuse it (no-color.org). */
export function wantsColor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  return stream.isTTY === true && !env['NO_COLOR'];
}

const paint = (on: boolean, code: number, text: string): string => (on ? `\u001b[${code}m${text}\u001b[0m` : text);

/** `file:line:col: message [CODE]`, the source line with a caret, and how to mend it; one block a problem. */
export function formatProblems(problems: readonly Problem[], options: FormatOptions): string {
  const { file, source, color = false, kind = 'error' } = options;
  const lines = source?.replace(/^\uFEFF/, '').split(/\r?\n/);
  return problems
    .map((problem) => {
      // A file that cannot be read has no lines.
      const place = problem.code === 'CONFIG_NOT_FOUND' ? file : `${file}:${problem.line}:${problem.column}`;
      const where = paint(color, 1, `${place}:`);
      const label = paint(color, kind === 'error' ? 31 : 33, `${kind}:`);
      const head = `${where} ${label} ${printable(problem.message)} ${paint(color, 2, `[${problem.code}]`)}`;
      const shown = lines === undefined ? [] : excerpt(lines[problem.line - 1] ?? '', problem, color);
      return [head, ...shown, `  ${paint(color, 36, printable(problem.mend))}`].join('\n');
    })
    .join('\n');
}

const WIDEST = 120;

/** The line as it stands and a caret under the place; secrets in it are covered. */
function excerpt(line: string, problem: Problem, color: boolean): string[] {
  const safe = coverSecrets(line, problem);
  // What could not be read as text says nothing to people either.
  if (safe.trim() === '' || safe.includes('\uFFFD')) return [];
  const column = Math.min(problem.column, safe.length + 1);
  // Far to the right the line is cut on the left, so that the caret stays in sight.
  const from = column > WIDEST ? column - WIDEST / 2 : 0;
  const part = printable(safe.slice(from, from + WIDEST));
  const before = part.slice(0, Math.max(0, column - 1 - from)).replace(/[^\t]/g, ' ');
  return [`    ${part}`, `    ${before}${paint(color, 31, '^')}`];
}

// A terminal obeys control characters; a file may hold any.
const printable = (text: string): string => text.replace(/(?!\t)\p{Cc}/gu, '?');

const SECRET_VALUE =
  /((?:pa?ss?w|pwd|pass|secret|token|credential)\w*["']?\s*[:=])(?!\s*["']?\$\{\w+\}["']?\s*(?:$|[#,}]))(?!\s*$).+$/i;

/** What a line may hold that nobody else may read: values of secret-like keys, user info of URLs. */
export function coverSecrets(line: string, problem?: Pick<Problem, 'code' | 'column'>): string {
  let safe = line;
  if (problem?.code === 'CONFIG_UNKNOWN_KEY') {
    // A misspelt `password` is an unknown key too, so nothing behind its colon is shown.
    const colon = line.indexOf(':', problem.column - 1);
    if (colon !== -1 && colon + 1 < line.trimEnd().length) safe = `${line.slice(0, colon)}: …`;
  }
  return safe.replace(/(:\/\/)\S*@/g, '$1***@').replace(SECRET_VALUE, '$1 ***');
}

export interface CheckOptions extends LoadOptions {
  json?: boolean;
  color?: boolean;
}

/**
 * `banksman check`: exit code 0 where the file can be run (warnings are printed), else 2.
 * JSON: `{ok, file, configHash, problems, warnings}`.
 */
export async function checkCommand(
  path: string,
  { json = false, color = false, ...options }: CheckOptions = {},
): Promise<{ exitCode: 0 | 2; output: string }> {
  const result = await loadSite(path, options);
  const problems = 'problems' in result ? result.problems : [];
  const warnings = 'problems' in result ? [] : result.warnings;
  const exitCode = problems.length > 0 ? 2 : 0;
  if (json) {
    const configHash = 'problems' in result ? null : result.configHash;
    const report = { ok: exitCode === 0, file: path, configHash, problems, warnings };
    return { exitCode, output: JSON.stringify(report, null, 2) };
  }
  const source = await readFile(path, 'utf8').catch(() => undefined);
  const shared = { file: path, color, ...(source === undefined ? {} : { source }) };
  const blocks = [
    formatProblems(problems, shared),
    formatProblems(warnings, { ...shared, kind: 'warning' }),
    summary(path, result, problems.length, warnings.length),
  ];
  return { exitCode, output: blocks.filter((block) => block !== '').join('\n') };
}

type Loaded = Awaited<ReturnType<typeof loadSite>>;

function summary(path: string, result: Loaded, problems: number, warnings: number): string {
  if ('problems' in result) return count(problems, 'problem');
  const { config, configHash } = result;
  const parts = [count(Object.keys(config.cameras).length, 'camera'), count(config.rules.length, 'rule')];
  const noted = warnings === 0 ? '' : `, ${count(warnings, 'warning')}`;
  return `${path}: ${parts.join(', ')}${noted}, configuration ${configHash.slice(0, 12)}`;
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
