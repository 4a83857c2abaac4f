import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../runtime/access/token.ts';
import { BanksmanError } from '../../../runtime/errors.ts';
import { type Account, parseAccounts, withAccount, withoutAccount } from './account_file.ts';

const HASH = `sha256:${'ab'.repeat(32)}`;
const account = (name: string, over: Partial<Account> = {}): Account => ({
  name,
  role: 'viewer',
  digest: digestOf(name),
  created: '2026-11-21',
  ...over,
});

test('what is written is read again, one account a line', () => {
  let text = '';
  for (const name of ['ada', 'grafana.team-1', '007']) text = withAccount(text, account(name));
  expect(parseAccounts(text, 't').map(({ name, role, created }) => ({ name, role, created }))).toEqual(
    ['ada', 'grafana.team-1', '007'].map((name) => ({ name, role: 'viewer', created: '2026-11-21' })),
  );
  expect(text.split('\n').filter((line) => line.includes('sha256:'))).toHaveLength(3);
  text = withoutAccount(text, 'grafana.team-1');
  expect(parseAccounts(text, 't').map(({ name }) => name)).toEqual(['ada', '007']);
  for (const name of ['ada', '007']) text = withoutAccount(text, name);
  expect(parseAccounts(text, 't')).toEqual([]);
  text = withAccount(withAccount(text, account('eve', { role: 'admin' })), account('bob'));
  expect(parseAccounts(text, 't').map(({ role }) => role)).toEqual(['admin', 'viewer']);
  expect(text.split('\n').filter((line) => line.includes('sha256:'))).toHaveLength(2);
});

test('comments and what people wrote stay', () => {
  const text = withAccount(`# who is who\nada: { role: admin, hash: "${HASH}" } # head of safety\n`, account('bob'));
  expect(text).toContain('# who is who\n');
  expect(text).toContain('# head of safety');
});

test('one line serves a variable of the environment', () => {
  const [ada] = parseAccounts(`{ ada: { role: operator, hash: "${HASH.toUpperCase().replace('SHA', 'sha')}" } }`, 'T');
  expect(ada).toMatchObject({ name: 'ada', role: 'operator', created: null });
  expect(parseAccounts('', 'T')).toEqual([]);
});

describe('a mistake is told with its place, never with what stands there', () => {
  test.each([
    ['a token in the file', 'ada: banksman_hunter2', 't:1:1', /ada is not an account/],
    ['a token for a hash', 'ada: { role: admin, hash: hunter2 }', 't:1:21', /hash of ada is not sha256/],
    ['no hash', 'ada: { role: admin }', 't:1:1', /hash of ada/],
    ['no role', `ada: { hash: "${HASH}" }`, 't:1:1', /role of ada is none/],
    ['an unknown role', `ada:\n  role: hunter2\n  hash: "${HASH}"`, 't:2:3', /role of ada is none/],
    ['an unknown key', `ada: { role: admin, hash: "${HASH}", hunter2: x }`, 't:1', /a key that accounts do not have/],
    ['a bad name', `"hunter 2!": { role: admin, hash: "${HASH}" }`, 't:1:1', /the name of an account must be/],
    ['a list', `- ada`, 't:1:1', /not a map of accounts/],
    [
      'a name twice',
      `ada: { role: admin, hash: "${HASH}" }\nada: { role: viewer, hash: "${HASH}" }`,
      't:2:1',
      /second time/,
    ],
    [
      'one token for two',
      `ada: { role: admin, hash: "${HASH}" }\nbob: { role: viewer, hash: "${HASH}" }`,
      't:2:1',
      /bob has the same token as ada/,
    ],
    ['no YAML', 'ada: [hunter2', 't:', /indentation|bracket/],
  ])('%s', (_what, text, where, says) => {
    let thrown: unknown;
    try {
      parseAccounts(text, 't');
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof BanksmanError)) throw new Error('it was not refused');
    expect(thrown.code).toBe('CONFIG_ACCOUNTS');
    expect(thrown.where).toContain(where);
    expect(thrown.message).toMatch(says);
    expect(thrown.mend).toBeTruthy();
    expect(thrown.toDisplay()).not.toContain('hunter');
  });

  test('a file beyond all measure', () => {
    expect(() => parseAccounts('#'.repeat(1_000_001), 't')).toThrow(/larger than/);
    const many = Array.from(
      { length: 1_001 },
      (_, n) => `a${n}: { role: viewer, hash: "sha256:${String(n).padStart(64, '0')}" }`,
    );
    expect(() => parseAccounts(many.join('\n'), 't')).toThrow(/more than 1000 accounts/);
  });
});
