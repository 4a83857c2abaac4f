import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parseAccounts } from '../dashboards/console/access/account_file.ts';
import { digestOf } from '../runtime/access/token.ts';
import { banksman } from '../test/system/up.ts';
import { displayOf, exitCodeOf } from './role.ts';
import { add, list, remove } from './tokens.ts';

let dir: string;
let config: string;
let file: string;
let printed = '';
let told = '';
const SITE = 'site: yard\ncameras: { gate: { url: "rtsp://127.0.0.1:9/s" } }\nrules: [{ id: a, type: zone_entry }]\n';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'banksman-tokens-'));
  config = join(dir, 'site.yaml');
  file = join(dir, 'tokens.yaml');
  await writeFile(config, `${SITE}console: { accounts: { file: tokens.yaml } }\n`);
  printed = '';
  told = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    told += String(text);
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(dir, { recursive: true, force: true });
});

async function refusal(run: Promise<unknown>): Promise<string> {
  const error: unknown = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Error)) throw new Error('it was not refused');
  expect(exitCodeOf(error)).toBe(2);
  return displayOf(error);
}

test('add prints the token alone, once, and writes its hash beside the site file, for this user alone', async () => {
  expect(await add('ada', { config, role: 'operator' })).toBe(0);
  const token = printed.trimEnd();
  expect(printed).toMatch(/^banksman_[A-Za-z0-9_-]{43}\n$/);
  expect(told).toMatch(/^ada is operator in .*tokens\.yaml\. The token, shown this once:\n$/);
  const text = await readFile(file, 'utf8');
  expect(text).not.toContain(token);
  expect(parseAccounts(text, file)).toMatchObject([{ name: 'ada', role: 'operator', digest: digestOf(token) }]);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('list and remove; who may read the file stays as it was', async () => {
  for (const [name, role] of [
    ['ada', 'admin'],
    ['viola', 'viewer'],
  ] as const) {
    await add(name, { config, role });
  }
  await chmod(file, 0o640);
  printed = '';
  await list({ config });
  expect(printed).toMatch(/^ada {4}admin {5}\d{4}-\d\d-\d\d\nviola {2}viewer {4}\d{4}-\d\d-\d\d\n$/);
  await remove('ada', { config });
  expect((await stat(file)).mode & 0o777).toBe(0o640);
  printed = '';
  await list({ config, json: true });
  expect(JSON.parse(printed)).toMatchObject([{ name: 'viola', role: 'viewer' }]);
  await remove('viola', { config });
  printed = '';
  await list({ config });
  expect(printed).toBe('no accounts\n');
  await add('ada', { config, role: 'admin' });
});

test('as JSON, and with a file of its own where there is no site file', async () => {
  await add('ada', { config: join(dir, 'none.yaml'), file: join(dir, 'other'), role: 'viewer', json: true });
  expect(JSON.parse(printed)).toMatchObject({
    name: 'ada',
    role: 'viewer',
    token: expect.stringMatching(/^banksman_/),
  });
  expect(told).toBe('');
});

describe('a mistake says what to do instead', () => {
  test('a name that is taken, or is no name', async () => {
    await add('ada', { config, role: 'admin' });
    expect(await refusal(add('ada', { config, role: 'viewer' }))).toMatch(/ada already \[USAGE\]\n.*tokens remove ada/);
    expect(await refusal(add('ada lovelace', { config, role: 'viewer' }))).toMatch(
      /^NAME: the name of an account must/,
    );
    expect(await refusal(remove('adda', { config }))).toMatch(/no account adda .*\n {2}Did you mean ada\?/);
  });

  test('a site file without accounts, or with accounts from the environment', async () => {
    await writeFile(config, SITE);
    expect(await refusal(list({ config }))).toMatch(
      /names no accounts .*\n.*accounts: \{ file: tokens\.yaml \}.*--file/,
    );
    await writeFile(config, `${SITE}console: { accounts: { tokens: "\${YARD_TOKENS}" } }\n`);
    expect(await refusal(list({ config }))).toMatch(/variable YARD_TOKENS .*\n.*--file tokens\.yaml/);
  });

  test('a file that is none of ours stays as it is', async () => {
    await writeFile(file, 'ada: banksman_hunter2\n');
    const said = await refusal(add('bob', { config, role: 'viewer' }));
    expect(said).toMatch(/tokens\.yaml:1:1: ada is not an account \[CONFIG_ACCOUNTS\]/);
    expect(said).not.toContain('hunter2');
    expect(await readFile(file, 'utf8')).toBe('ada: banksman_hunter2\n');
    expect(await refusal(list({ config, file: dir }))).toMatch(/cannot be read \(EISDIR\) \[CONFIG_ACCOUNTS\]/);
    expect(await refusal(add('bob', { config, file: join(dir, 'no/t'), role: 'viewer' }))).toMatch(/cannot be written/);
  });

  test('on the command line', { timeout: 180_000 }, async () => {
    vi.restoreAllMocks();
    const none = await banksman(['tokens', 'add', 'ada', '-c', config]);
    expect(none).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--role <role>.*\n.*see banksman tokens add --help/),
    });
    const wrong = await banksman(['tokens', 'add', 'ada', '--role', 'boss', '-c', config]);
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('viewer, operator, admin') });
  });
});
