import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';

export interface Asset {
  body: string;
  contentType: string;
}

const read = (file: string): string => readFileSync(new URL(`./web/${file}`, import.meta.url), 'utf8');

/** The page's files by path. The script is TypeScript; its types are taken out here, once. */
export function loadPage(): Map<string, Asset> {
  return new Map<string, Asset>([
    ['/', { body: read('index.html'), contentType: 'text/html; charset=utf-8' }],
    ['/app.css', { body: read('app.css'), contentType: 'text/css; charset=utf-8' }],
    ['/app.js', { body: stripTypeScriptTypes(read('app.ts')), contentType: 'text/javascript; charset=utf-8' }],
  ]);
}
