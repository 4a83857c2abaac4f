/** What listens beyond this machine needs something that guards it. */
import { asText, type Report } from './cross_report.ts';
import { isLoopback, listedBind } from './formats.ts';
import type { Path } from './tree.ts';

const ACCOUNTS: Path = ['console', 'accounts'];

export function accessProblems(report: Report): void {
  const has = (...path: string[]): boolean => report.tree.get(path) !== undefined;
  const fleetToken = has('fleet', 'token') || has('fleet', 'token_file');
  checkBind(report, 'console', has(...ACCOUNTS.map(String)), {
    needs: 'accounts',
    mend: 'Add `console.accounts: { file: tokens.yaml }` and make one with `banksman tokens add NAME --role admin`; or bind to 127.0.0.1.',
  });
  checkBind(report, 'metrics', fleetToken || report.tree.get(['metrics', 'open'])?.value === true, {
    needs: 'a fleet token',
    mend: 'Set `fleet.token: ${BANKSMAN_FLEET_TOKEN}`, or `metrics.open: true` where a network policy guards it; or bind to 127.0.0.1.',
  });
  checkBind(report, 'media', fleetToken, {
    needs: 'a fleet token',
    mend: 'Set `fleet.token: ${BANKSMAN_FLEET_TOKEN}`; or bind to 127.0.0.1.',
  });
  checkAccounts(report);
  if (has('fleet', 'token') && has('fleet', 'token_file')) {
    report.add(['fleet', 'token_file'], 'CONFIG_INVALID_VALUE', 'stands beside fleet.token: one of the two', {
      atKey: true,
      mend: 'Remove one.',
    });
  }
}

function checkBind(
  report: Report,
  key: string,
  guarded: boolean,
  { needs, mend }: { needs: string; mend: string },
): void {
  const bind = listedBind(asText(report.tree.get([key, 'bind'])) ?? '');
  if (!bind || guarded || isLoopback(bind.host)) return;
  report.add([key, 'bind'], 'CONFIG_BIND_REFUSED', `binds beyond this machine, which needs ${needs}`, { mend });
}

function checkAccounts(report: Report): void {
  const node = report.tree.get(ACCOUNTS);
  if (!node || typeof node.value !== 'object' || node.value === null || Array.isArray(node.value)) return;
  const named = ['file', 'tokens'].filter((key) => node.children.has(key));
  if (named.length === 1) return;
  const message = named.length === 0 ? 'says nowhere where accounts are' : 'says two places where accounts are';
  report.add(ACCOUNTS, 'CONFIG_INVALID_VALUE', message, {
    mend: 'Give `file: tokens.yaml`, or `tokens: ${NAME}` for a variable that holds the text of such a file.',
  });
}
