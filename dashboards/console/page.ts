import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';

export interface Asset {
  body: string;
  contentType: string;
}

/** The page's files in `web/` by path. Nothing of a site is in them. */
const FILES: Readonly<Record<string, string>> = {
  '/': 'index.html',
  '/login': 'login.html',
  '/app.css': 'app.css',
  '/app.js': 'app.ts',
  '/cameras.js': 'cameras.ts',
  '/dom.js': 'dom.ts',
  '/filters.js': 'filters.ts',
  '/incidents.js': 'incidents.ts',
  '/judge.js': 'judge.ts',
  '/live.js': 'live.ts',
  '/login.js': 'login.ts',
  '/me.js': 'me.ts',
  '/mutes.js': 'mutes.ts',
  '/notices.js': 'notices.ts',
  '/place.js': 'place.ts',
  '/server.js': 'server.ts',
  '/viewer.js': 'viewer.ts',
  '/words.js': 'words.ts',
};

export const PAGE_PATHS: readonly string[] = Object.keys(FILES);

const KINDS: Readonly<Record<string, string>> = { html: 'text/html', css: 'text/css', ts: 'text/javascript' };

/** The page's files by path. Scripts are TypeScript; their types are taken out here, once. */
export function loadPage(): Map<string, Asset> {
  const assets = Object.entries(FILES).map(([path, file]): [string, Asset] => {
    const text = readFileSync(new URL(`./web/${file}`, import.meta.url), 'utf8');
    const kind = file.split('.').at(-1) ?? '';
    return [path, { body: kind === 'ts' ? script(text) : text, contentType: `${KINDS[kind]}; charset=utf-8` }];
  });
  return new Map(assets);
}

/** Browsers go by the paths above. */
function script(typed: string): string {
  return stripTypeScriptTypes(typed).replace(/(?<= from '\.\/\w+)\.ts(?=';$)/gm, '.js');
}
