/** Writes boards/*.json: `npm run dashboards`. A test fails when one of them is stale. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BOARDS, render } from './boards.ts';

const folder = join(import.meta.dirname, 'boards');
const wanted = new Map(BOARDS.map((board) => [`${board.name}.json`, render(board)]));
for (const file of readdirSync(folder)) if (!wanted.has(file)) rmSync(join(folder, file));
for (const [file, text] of wanted) writeFileSync(join(folder, file), text);
