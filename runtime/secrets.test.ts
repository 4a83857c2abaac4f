import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redactUrl, resolveSecret } from './secrets.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banksman-secrets-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(content: string): Promise<string> {
  const path = join(folder, 'secret');
  await writeFile(path, content);
  return path;
}

describe('resolveSecret', () => {
  it('takes text as it is and a variable from the environment', async () => {
    expect(await resolveSecret({ text: 'admin' }, {})).toBe('admin');
    expect(await resolveSecret({ env: 'P' }, { P: ' p@#: ' })).toBe(' p@#: ');
  });

  it('takes the file that NAME_FILE names where NAME is not set', async () => {
    const path = await file('hunter2\n');
    expect(await resolveSecret({ env: 'P' }, { P_FILE: path })).toBe('hunter2');
    expect(await resolveSecret({ env: 'P' }, { P: 'direct', P_FILE: path })).toBe('direct');
  });

  it('takes a file without its last line end, and nothing else off it', async () => {
    expect(await resolveSecret({ file: await file(' a b \r\n') })).toBe(' a b ');
    expect(await resolveSecret({ file: await file('a\n\n') })).toBe('a\n');
  });

  it('names what is missing', async () => {
    await expect(resolveSecret({ env: 'GATE' }, {})).rejects.toMatchObject({
      code: 'CONFIG_SECRET_MISSING',
      message: expect.stringContaining('GATE'),
    });
    await expect(resolveSecret({ env: 'GATE' }, { GATE: '' })).rejects.toThrow('GATE is not set');
    await expect(resolveSecret({ file: '/nowhere/gate' })).rejects.toThrow('/nowhere/gate does not exist');
    await expect(resolveSecret({ file: folder })).rejects.toThrow('cannot be read');
    await expect(resolveSecret({ env: 'P' }, { P_FILE: await file('\n') })).rejects.toThrow('is empty');
  });

  it('never quotes what it read', async () => {
    const path = await file('hunter2'.repeat(1000));
    await expect(resolveSecret({ file: path })).rejects.not.toThrow('hunter2');
  });
});

describe('redactUrl', () => {
  it.each([
    ['rtsp://h/x', 'rtsp://h/x'],
    ['rtsp://u:p@h/x', 'rtsp://***@h/x'],
    ['rtsp://u:p@q#r/s@h/x', 'rtsp://***@h/x'],
    ['rtsp://u:p#q@h:x/y', 'rtsp://***@h:x/y'],
    ['rtsp://h/x?user=a&password=b&c=d', 'rtsp://h/x?user=a&password=***&c=d'],
    ['not a url', 'not a url'],
  ])('%s', (url, shown) => expect(redactUrl(url)).toBe(shown));
});
