import type { Problem } from './problems.ts';
import type { Place } from './tree.ts';

/** Our own words for the library's: some of its messages quote the file, which may hold a password. */
const SAID: Readonly<Record<string, readonly [message: string, mend: string]>> = {
  TAB_AS_INDENT: ['a tab stands in the indentation', 'Indent by spaces.'],
  BAD_INDENT: ['the indentation does not fit the lines above', 'Give keys of one level the same number of spaces.'],
  MISSING_CHAR: ['a quote, bracket, comma or colon is missing', 'Close what was opened on this line or above.'],
  BAD_ALIAS: ['an alias (*) that refers to nothing', 'Put text that begins with * in quotes: "*".'],
  BAD_SCALAR_START: ['text begins with a sign that YAML reserves', 'Put the text in quotes.'],
  BAD_DQ_ESCAPE: ['a backslash in double quotes that means nothing', "Use single quotes: '…'."],
  BLOCK_AS_IMPLICIT_KEY: [
    'a second colon makes two keys of one line',
    'Put text that holds a colon and a space in quotes.',
  ],
  MULTILINE_IMPLICIT_KEY: ['a key goes over several lines', 'Close quotes and brackets, and keep a key on one line.'],
  BLOCK_IN_FLOW: ['indented lines inside brackets', 'Separate by commas inside [ ] and { }.'],
  BAD_COLLECTION_TYPE: ['a tag does not fit its value', 'Remove the tag (!…).'],
  TAG_RESOLVE_FAILED: ['a tag (!…) that banksman does not know', 'Remove it, or put the text in quotes.'],
  MULTIPLE_DOCS: ['a second document (---) in one file', 'Give each site a file of its own.'],
  TOO_DEEP: ['the file is nested too deeply', 'No option lies this deep.'],
};
const OTHER = [
  'the YAML cannot be read here',
  'Look for a missing colon, quote or bracket here or just above.',
] as const;

export function syntaxProblem(code: string, { line, column }: Place, text: string): Problem {
  const [message, mend] = SAID[code] ?? OTHER;
  const reference = /\{[^}"']*\$\{/.test(text.split('\n')[line - 1] ?? '');
  return {
    code: 'CONFIG_SYNTAX',
    path: '',
    line,
    column,
    message,
    mend: reference ? 'Inside { } put references in quotes: "${NAME}".' : mend,
  };
}
