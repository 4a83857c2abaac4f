import { describe, expect, it } from 'vitest';
import { loadSiteText } from './load.ts';

const load = (more: string) =>
  loadSiteText(
    `site: yard\ncameras: { gate: { url: "rtsp://h/s" } }\nrules: [{ id: a, type: zone_entry }]\n${more}`,
    '/etc/site.yaml',
  );

const config = (more: string) => {
  const result = load(more);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result;
};

const refused = (more: string): string => {
  const result = load(more);
  if (!('problems' in result)) throw new Error('it was not refused');
  return result.problems.map(({ code, path, mend }) => `${code} ${path} ${mend}`).join('\n');
};

describe('what listens beyond this machine', () => {
  it('console with accounts, from a file beside the site file or from the environment', () => {
    const file = config(
      'console: { bind: "0.0.0.0:8080", accounts: { file: tokens.yaml }, tls: { cert_file: c, key_file: k } }',
    );
    expect(file.config.console).toMatchObject({
      accounts: { file: '/etc/tokens.yaml' },
      tls: { cert_file: '/etc/c', key_file: '/etc/k' },
      hosts: [],
      session_hours: 12,
    });
    expect(file.warnings).toEqual([]);
    const { console: page } = config(
      'console: { bind: "[::]:8080", accounts: { tokens: "${TOKENS}" }, trusted_proxies: [10.0.0.2] }',
    ).config;
    expect(page.accounts).toEqual({ env: 'TOKENS' });
  });

  it('is warned of where tokens cross the network in the clear', () => {
    const { warnings } = config('console: { bind: "0.0.0.0:8080", accounts: { file: tokens.yaml } }');
    expect(warnings).toMatchObject([{ code: 'CONFIG_CLEAR_TEXT', path: 'console.bind', line: 4 }]);
  });

  it('metrics and media with a fleet token; metrics also when said to be open', () => {
    const { config: with_ } = config(
      'fleet: { token_file: fleet }\nmetrics: { bind: "0.0.0.0:1" }\nmedia: { bind: "0.0.0.0:2" }',
    );
    expect(with_.fleet).toEqual({ token: { file: '/etc/fleet' } });
    expect(config('metrics: { bind: "0.0.0.0:1", open: true }').config.metrics.open).toBe(true);
  });

  it('is refused otherwise, each with the way to mend it', () => {
    expect(refused('console: { bind: "0.0.0.0:8080" }')).toMatch(/banksman tokens add NAME --role admin/);
    expect(refused('console: { bind: "0.0.0.0:8080" }\nfleet: { token: "${T}" }')).toMatch(
      /^CONFIG_BIND_REFUSED console/,
    );
    expect(refused('metrics: { bind: "0.0.0.0:1" }')).toMatch(/fleet\.token: .*metrics\.open: true/);
    expect(refused('metrics: { bind: "0.0.0.0:1", open: true }\nmedia: { bind: "0.0.0.0:2" }')).toMatch(
      /^CONFIG_BIND_REFUSED media/,
    );
  });

  it('no name is believed to be this machine', () => {
    expect(refused('console: { bind: "my-host:8080" }')).toMatch(/CONFIG_BIND_REFUSED/);
  });
});
