import { ERRORS, type ErrorCode } from '../runtime/errors.ts';
import type { Path, Tree } from './tree.ts';

/** A mistake in the site file, or a warning about it. Holds no secret. */
export interface Problem {
  code: ErrorCode;
  /** As in `cameras.gate.zones.road[2]`; empty: the whole file. */
  path: string;
  /** From 1. */
  line: number;
  /** From 1, in UTF-16 units. */
  column: number;
  /** What is wrong there, in particular. */
  message: string;
  /** What to do about it. */
  mend: string;
  /** The name that was probably meant. */
  suggestion?: string;
}

export interface ProblemDetails {
  /** Point at the key rather than at its value. */
  atKey?: boolean;
  mend?: string | undefined;
  suggestion?: string | undefined;
}

export function formatPath(path: Path): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
}

/** Places a problem; where the path is not in the file, at the nearest thing above it that is. */
export function problemAt(
  tree: Tree,
  path: Path,
  code: ErrorCode,
  message: string,
  details: ProblemDetails = {},
): Problem {
  const { node, exact } = tree.nearest(path);
  const { line, column } = details.atKey || !exact ? node.keyAt : node.at;
  const suggestion = details.suggestion;
  const mend = details.mend ?? (suggestion === undefined ? ERRORS[code].mend : `Did you mean \`${suggestion}\`?`);
  return {
    code,
    path: formatPath(path),
    line,
    column,
    message: path.length === 0 ? message : `\`${formatPath(path)}\` ${message}`,
    mend,
    ...(suggestion === undefined ? {} : { suggestion }),
  };
}

/** By place in the file; the same thing said twice is said once. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems
    .filter(({ line, column, path, message }) => {
      const key = `${line}:${column}:${path}:${message}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    })
    .sort((a, b) => a.line - b.line || a.column - b.column);
}
