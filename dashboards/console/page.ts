import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';

export interface Asset {
  body: string;
  contentType: string;
}

const read = (file: string): string => readFileSync(new URL(`./web/${file}`, import.meta.url), 'utf8');

/** The page's files by path. The script is TypeScript; its types are taken out here, once. */
export function loadPage(): Map<string, Asset> {
  const html = (file: string): Asset => ({ body: read(file), contentType: 'text/html; charset=utf-8' });
  const script = (file: string): Asset => ({
    body: stripTypeScriptTypes(read(file)),
    contentType: 'text/javascript; charset=utf-8',
  });
  return new Map<string, Asset>([
    ['/', html('index.html')],
    ['/login', html('login.html')],
    ['/app.css', { body: read('app.css'), contentType: 'text/css; charset=utf-8' }],
    ['/app.js', script('app.ts')],
    ['/login.js', script('login.ts')],
  ]);
}
