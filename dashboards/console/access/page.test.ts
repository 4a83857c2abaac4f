/** The page with accounts, in a real browser. */
import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { digestOf, newToken } from '../../../runtime/access/token.ts';
import { Browser } from '../../../test/browser.ts';
import { until } from '../../../test/wait.ts';
import { TestConsole } from '../testing.ts';
import { withAccount } from './account_file.ts';
import type { Role } from './roles.ts';

const TOKENS: Record<string, string> = { vic: newToken(), ola: newToken() };
const textOf = (accounts: [string, Role][]): string =>
  accounts.reduce((text, [name, role]) => {
    return withAccount(text, { name, role, digest: digestOf(TOKENS[name] ?? ''), created: null });
  }, '');

test('log in, see what the role may do, be put out', { timeout: 300_000 }, async () => {
  const yard = await TestConsole.create();
  const both: [string, Role][] = [
    ['vic', 'viewer'],
    ['ola', 'operator'],
  ];
  const file = await yard.write('tokens.yaml', textOf(both));
  const base = await yard.start({ bind: { host: '0.0.0.0', port: 0 }, accounts: { file } });
  await yard.incident('seen');
  const browser = await Browser.start();
  try {
    const { page, errors } = await browser.open(base);
    const login = async (token: string): Promise<void> => {
      await page.waitForURL('**/login');
      await page.getByLabel('Your token').fill(token);
      await page.getByRole('button', { name: 'Log in' }).click();
    };

    await login('banksman_nonsense');
    await page.getByText('This token is not known here').waitFor();

    await login(TOKENS['vic'] ?? '');
    await page.waitForURL(`${base}/`);
    const me = page.locator('#me');
    await me.getByText('vic').waitFor();
    expect(await me.textContent()).toMatch(/vicviewerLog out/);
    const seen = page.locator('[data-incident=seen]');
    await seen.waitFor();
    expect(await seen.getByRole('button', { name: 'Acknowledge' }).count()).toBe(0);
    expect(await seen.getByRole('button', { name: 'Mute' }).count()).toBe(0);
    expect(await page.evaluate('document.cookie + JSON.stringify(localStorage)')).toBe('{}');

    await me.getByRole('button', { name: 'Log out' }).click();
    await login(TOKENS['ola'] ?? '');
    await me.getByText('operator').waitFor();
    await seen.getByRole('button', { name: 'Acknowledge' }).click();
    expect(await page.getByLabel('Your name').isVisible()).toBe(false);
    await page.locator('#judge-submit').click();
    await seen.getByText('Acknowledged by ola').waitFor();

    await yard.incident('next');
    await page.reload();
    const next = page.locator('[data-incident=next]');
    await next.getByRole('button', { name: 'Reject' }).click();
    await writeFile(file, textOf([['ola', 'viewer']]));
    const headers = { authorization: `Bearer ${TOKENS['ola']}` };
    const role = async (): Promise<string> => (await fetch(`${base}/api/v1/session`, { headers })).text();
    await until('the role to be another', async () => (await role()).includes('viewer'));
    await page.locator('#judge-submit').click();
    await page.getByText('Not saved: this needs the role operator; ola is viewer').waitFor();

    await writeFile(file, textOf([['vic', 'viewer']]));
    await page.waitForURL('**/login');
    expect(errors.filter((error) => !/40[13] \((Unauthorized|Forbidden)\)/.test(error))).toEqual([]);
  } finally {
    await browser.close();
    await yard.end();
  }
});
