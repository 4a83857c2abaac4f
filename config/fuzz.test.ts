import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { Random } from '../simulator/random.ts';
import { formatProblems } from './check.ts';
import { loadSiteText } from './load.ts';

const ROUNDS = Number(process.env['BANKSMAN_FUZZ_ROUNDS'] ?? 120);

const example = readFileSync(new URL('examples/full.yaml', import.meta.url), 'utf8');
const WORDS = [...new Set(example.match(/[a-z_]{2,}/g))];
const ODD = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '<<',
  '*',
  '',
  ' ',
  '\u0000',
  '🙂',
  '${A}',
  'rtsp://',
];

/** Every text must give a site or problems that lie in it; never an exception. */
function expectVerdict(text: string): void {
  const result = loadSiteText(text, '/site.yaml');
  if (!('problems' in result)) {
    expect(result.configHash).toMatch(/^[0-9a-f]{64}$/);
    return;
  }
  expect(result.problems.length).toBeGreaterThan(0);
  const lines = text.split('\n').length + 1;
  for (const { line, column, message, mend } of result.problems) {
    expect(line).toBeGreaterThanOrEqual(1);
    expect(line).toBeLessThanOrEqual(lines);
    expect(column).toBeGreaterThanOrEqual(1);
    expect(message.length).toBeGreaterThan(0);
    expect(mend.length).toBeGreaterThan(0);
  }
  expect(formatProblems(result.problems, { file: 'site.yaml', source: text, color: true })).not.toBe('');
}

describe('whatever the file holds', () => {
  it('trees of any values under known and odd keys', () => {
    const random = new Random(1);
    const next = (): number => random.next();
    const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
    const scalar = (): unknown =>
      pick([
        null,
        true,
        0,
        -1,
        1e308,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        '',
        pick(WORDS),
        pick(ODD),
        'rtsp://u:p@h',
        [],
        {},
      ]);
    const value = (depth: number): unknown => {
      if (depth === 0 || next() < 0.3) return scalar();
      if (next() < 0.4) return Array.from({ length: Math.floor(next() * 5) }, () => value(depth - 1));
      return Object.fromEntries(
        Array.from({ length: Math.floor(next() * 6) }, () => [
          next() < 0.85 ? pick(WORDS) : pick(ODD),
          value(depth - 1),
        ]),
      );
    };
    const sections = ['site', 'cameras', 'rules', 'schedules', 'defaults', 'alerts', 'evidence', 'bus', 'console'];
    for (let round = 0; round < ROUNDS; round++) {
      const site = Object.fromEntries(sections.map((name) => [name, value(5)]));
      expectVerdict(stringify(next() < 0.9 ? site : value(6)));
    }
  });

  it('a good file with one value replaced', () => {
    const random = new Random(2);
    const next = (): number => random.next();
    const lines = example.split('\n');
    const values = [
      'null',
      '[]',
      '{}',
      '-1',
      '"x"',
      '[[0, 0]]',
      '*a',
      '&a [*a]',
      '!x y',
      '"',
      '{',
      '${A}',
      '\t',
      '.inf',
      '@',
      '%',
    ];
    for (let round = 0; round < ROUNDS; round++) {
      const at = Math.floor(next() * lines.length);
      const value = values[Math.floor(next() * values.length)] ?? '';
      const changed = lines.with(
        at,
        (lines[at] ?? '').replace(/:( .*)?$/, () => `: ${value}`),
      );
      expectVerdict(changed.join('\n'));
    }
  });

  it('a good file with letters cut out, doubled and exchanged', () => {
    const random = new Random(3);
    const next = (): number => random.next();
    const signs = [
      '',
      '\n',
      ' ',
      ':',
      '-',
      '[',
      ']',
      '{',
      '}',
      '"',
      "'",
      '#',
      '&',
      '*',
      '!',
      '|',
      '>',
      '%',
      '@',
      '\u0000',
      '\uFEFF',
    ];
    for (let round = 0; round < ROUNDS; round++) {
      let text = example;
      for (let edits = 0; edits < 4; edits++) {
        const at = Math.floor(next() * text.length);
        const length = Math.floor(next() * 12);
        text = text.slice(0, at) + (signs[Math.floor(next() * signs.length)] ?? '') + text.slice(at + length);
      }
      expectVerdict(text);
    }
  });

  it.each([
    ['deep nesting of lists', '['.repeat(20_000)],
    ['deep nesting of maps', Array.from({ length: 2_000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
    [
      'a bomb of aliases',
      `a: &a [x, x, x, x, x, x, x, x]\n${'bcdefghij'.replace(/./g, (c, i) => `${c}: &${c} [${Array(8).fill(`*${'abcdefghi'[i]}`)}]\n`)}`,
    ],
    ['a map that is its own key', '&a {? *a : 1}'],
    ['merge of itself', '&a\n<<: *a\nsite: x'],
    ['another YAML version', '%YAML 1.1\n---\nsite: 2020-01-01\ncameras: yes\n'],
    ['keys that are no text', 'null: 1\n1: 2\ntrue: 3\n? [a]\n: 4\n'],
    ['nothing', ''],
    ['only a comment', '# nothing\n'],
    ['NUL bytes', '\u0000'.repeat(100)],
    ['half a surrogate', 'site: \ud800\n'],
  ])('%s', (_what, text) => {
    expectVerdict(text);
  });
});
