/** What zod refused, in our words and with its place in the file. */
import type { z } from 'zod';
import { type ErrorCode, isErrorCode } from '../runtime/errors.ts';
import { type Problem, problemAt } from './problems.ts';
import { siteSchema } from './schema.ts';
import { homeOf, keysAt } from './schema_walk.ts';
import { nearest } from './suggest.ts';
import type { Path, Tree } from './tree.ts';

type Issue = z.core.$ZodIssue;

/** Nothing under these keys is ever quoted. */
const SECRET_KEYS = new Set(['password', 'sentinel_password', 'secret', 'token', 'tokens']);

export function problemsOf(issues: readonly Issue[], tree: Tree): Problem[] {
  return issues.flatMap((issue) => problemsOfIssue(issue, [], tree));
}

function problemsOfIssue(issue: Issue, above: Path, tree: Tree): Problem[] {
  const path: Path = [...above, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))];
  const node = tree.get(path);
  const value = node?.value;
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key, tree));
  if (node === undefined) return [missing(issue, path, tree)];
  const refuse = (message: string, code: ErrorCode = 'CONFIG_INVALID_VALUE', mend?: string, suggestion?: string) => [
    problemAt(tree, path, code, message, { mend, suggestion }),
  ];
  const scalar = value !== null && typeof value !== 'object';
  if (SECRET_KEYS.has(String(path.at(-1))) && scalar && issue.code === 'invalid_type') {
    const mend = 'Put it in the environment and write ${NAME} here.';
    return refuse('is a secret written into the site file', 'CONFIG_SECRET_IN_FILE', mend);
  }
  if (
    value === null &&
    (issue.code === 'invalid_type' || issue.code === 'invalid_union' || issue.code === 'invalid_value')
  ) {
    return refuse('is empty', 'CONFIG_INVALID_VALUE', 'Give it a value, or remove the key.');
  }
  switch (issue.code) {
    case 'custom': {
      const code: unknown = issue.params?.['code'];
      const mend: unknown = issue.params?.['mend'];
      const known = typeof code === 'string' && isErrorCode(code) ? code : 'CONFIG_INVALID_VALUE';
      return refuse(issue.message, known, typeof mend === 'string' ? mend : undefined);
    }
    case 'invalid_type':
      return refuse(typeMessage(issue, value));
    case 'invalid_value':
      return choice(path, issue.values.map(String), value, tree);
    case 'invalid_union': {
      if (issue.discriminator !== undefined) return choice(path, kindsOf(issue), value, tree);
      const meant = issue.errors.filter((branch) => branch.every(isBeyondItsKind));
      const [only] = meant;
      if (only && meant.length === 1) return only.flatMap((inner) => problemsOfIssue(inner, path, tree));
      return refuse(issue.message);
    }
    case 'too_small':
    case 'too_big':
      return refuse(boundMessage(issue, value));
    default:
      return refuse('is not valid');
  }
}

/** The value is of the kind that this branch wants, so what is wrong inside is worth saying. */
function isBeyondItsKind(issue: Issue): boolean {
  return issue.path.length > 0 || (issue.code !== 'invalid_type' && issue.code !== 'invalid_value');
}

function unknownKey(path: Path, key: string, tree: Tree): Problem {
  const at = [...path, key];
  const home = homeOf(siteSchema, path, tree.root.value, key);
  const details = { atKey: true };
  if (home.under !== undefined) {
    const mend = `It belongs one level down: \`${home.under}\`.`;
    return problemAt(tree, at, 'CONFIG_UNKNOWN_KEY', 'is not a key here', { ...details, mend, suggestion: home.under });
  }
  if (home.kinds !== undefined) {
    const what = path[0] === 'rules' ? 'rule' : 'channel';
    const mend = `It belongs to ${what}s of type ${home.kinds.join(', ')}; remove it or change the type.`;
    return problemAt(tree, at, 'CONFIG_UNKNOWN_KEY', `is not a key of this type of ${what}`, { ...details, mend });
  }
  const keys = keysAt(siteSchema, path, tree.root.value);
  const suggestion = nearest(key, keys);
  const mend = suggestion === undefined && keys.length > 0 ? `Keys here are: ${keys.join(', ')}.` : undefined;
  return problemAt(tree, at, 'CONFIG_UNKNOWN_KEY', 'is not a key that banksman knows', {
    ...details,
    mend,
    suggestion,
  });
}

function missing(issue: Issue, path: Path, tree: Tree): Problem {
  const kinds = kindsOf(issue);
  const options = kinds.length > 0 ? ` (one of ${kinds.join(', ')})` : '';
  return problemAt(tree, path, 'CONFIG_MISSING_KEY', `is missing${options}`);
}

/** Kinds of a discriminated union; zod gives them without declaring so. */
function kindsOf(issue: Issue): string[] {
  const options: unknown = issue.code === 'invalid_union' ? Reflect.get(issue, 'options') : undefined;
  return Array.isArray(options) ? options.map(String) : [];
}

function choice(path: Path, options: readonly string[], value: unknown, tree: Tree): Problem[] {
  const suggestion = typeof value === 'string' ? nearest(value, options) : undefined;
  const allowed = options.length === 1 ? `must be ${options[0]}` : `must be one of ${options.join(', ')}`;
  const mend =
    suggestion === undefined
      ? `Write ${options.length === 1 ? options[0] : `one of ${options.join(', ')}`}.`
      : undefined;
  return [problemAt(tree, path, 'CONFIG_INVALID_VALUE', `${allowed}${found(value)}`, { suggestion, mend })];
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a map of keys',
  record: 'a map of names',
  array: 'a list',
  tuple: 'a list',
};

function typeMessage(issue: Issue & { code: 'invalid_type' }, value: unknown): string {
  if (!issue.message.startsWith('Invalid input')) return issue.message;
  const kind = KINDS[issue.expected] ?? String(issue.expected);
  const quotes = issue.expected === 'string' && (typeof value === 'number' || typeof value === 'boolean');
  return `must be ${kind}${found(value)}${quotes ? '; put it in quotes' : ''}`;
}

/** Kinds and short words only: a value may be half a secret. */
function found(value: unknown): string {
  if (Array.isArray(value)) return ', found a list';
  if (typeof value === 'object') return ', found a map';
  if (typeof value === 'string') return ', found text';
  return `, found ${String(value).slice(0, 24)}`;
}

function boundMessage(issue: Issue & { code: 'too_small' | 'too_big' }, value: unknown): string {
  const small = issue.code === 'too_small';
  const bound = String(small ? issue.minimum : issue.maximum);
  const limit = small ? `at least ${bound}` : `at most ${bound}`;
  if (issue.origin === 'string') return small && bound === '1' ? 'must not be empty' : `must have ${limit} letters`;
  if (issue.origin === 'array') {
    const has = Array.isArray(value) ? `, has ${value.length}` : '';
    return `must have ${limit} ${bound === '1' ? 'entry' : 'entries'}${has}`;
  }
  return `must be ${limit}${found(value)}`;
}
