import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkCommand, coverSecrets, formatProblems, wantsColor } from './check.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banksman-check-'));
});

async function file(text: string): Promise<string> {
  const path = join(folder, 'site.yaml');
  await writeFile(path, text);
  return path;
}

describe('banksman check', () => {
  it('shows place, message, code, line with a caret, and the way to mend it', async () => {
    const path = await file('site: yard\ncameras:\n  gate: { ulr: rtsp://h/x }\n');
    const { exitCode, output } = await checkCommand(path);
    expect(exitCode).toBe(2);
    expect(output.split('\n')).toEqual([
      `${path}:3:3: error: \`cameras.gate.url\` is missing [CONFIG_MISSING_KEY]`,
      '      gate: { ulr: rtsp://h/x }',
      '      ^',
      '  Add it; config/reference.md shows an example.',
      `${path}:3:11: error: \`cameras.gate.ulr\` is not a key that banksman knows [CONFIG_UNKNOWN_KEY]`,
      '      gate: { ulr: …',
      '              ^',
      '  Did you mean `url`?',
      '2 problems',
    ]);
  });

  it('says what a good file holds, warnings included, and exits 0', async () => {
    const path = await file('site: yard\ncameras:\n  gate: { url: rtsp://h/x }\n');
    const { exitCode, output } = await checkCommand(path);
    expect(exitCode).toBe(0);
    expect(output).toContain(`${path}:3:3: warning: \`cameras.gate\` is watched by no rule [CONFIG_UNUSED]`);
    expect(output).toMatch(/1 camera, 0 rules, 1 warning, configuration [0-9a-f]{12}$/);
  });

  it('gives JSON', async () => {
    const path = await file('site: yard\n');
    const { exitCode, output } = await checkCommand(path, { json: true });
    expect(exitCode).toBe(2);
    expect(JSON.parse(output)).toEqual({
      ok: false,
      file: path,
      configHash: null,
      problems: [
        {
          code: 'CONFIG_MISSING_KEY',
          path: 'cameras',
          line: 1,
          column: 1,
          message: '`cameras` is missing',
          mend: 'Add it; config/reference.md shows an example.',
        },
      ],
      warnings: [],
    });
  });

  it('names a file that is not there', async () => {
    const { exitCode, output } = await checkCommand(join(folder, 'none.yaml'));
    expect(exitCode).toBe(2);
    expect(output).toContain('[CONFIG_NOT_FOUND]');
  });

  it.each([
    ['a password', 'password: hunter2'],
    ['a misspelt password', 'passwrod: hunter2'],
    ['a password that YAML refuses', 'password: @hunter2'],
    ['a password after a bracket', 'password: [hunter2'],
    ['a password in the URL', 'record_url: rtsp://u:hunter2@h/x'],
    ['a password in an unfinished URL', 'record_url: "rtsp://u:hunter2@h/x'],
    ['an alias for a password', 'password: *hunter2'],
    ['an escape in a password', 'password: "hunter2\\q"'],
    ['one line with a mistake beside it', 'tls: { verify: maybe, password: hunter2 }'],
  ])('never shows %s', async (_what, line) => {
    const path = await file(`site: yard\ncameras:\n  gate:\n    url: rtsp://h/x\n    username: u\n    ${line}\n`);
    for (const json of [false, true]) {
      const { exitCode, output } = await checkCommand(path, { json });
      expect(exitCode).toBe(2);
      expect(output).not.toContain('hunter2');
    }
  });

  it('keeps references readable', () => {
    expect(coverSecrets('  password: ${GATE} # from vault')).toBe('  password: ${GATE} # from vault');
    expect(coverSecrets('  { password: "${GATE}" }')).toBe('  { password: "${GATE}" }');
    expect(coverSecrets('  password: ${GATE}x')).toBe('  password: ***');
  });

  it('sends no control character of the file to a terminal', () => {
    const problem = { code: 'CONFIG_SYNTAX', path: '', line: 1, column: 3, message: 'a\u001b[2Jb', mend: 'c' } as const;
    const shown = formatProblems([problem], { file: 'f', source: 'x\u001b]0;y\u0007z' });
    expect(shown.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });

  it('colours only a terminal that does not refuse it', () => {
    expect(wantsColor({ isTTY: true }, {})).toBe(true);
    expect(wantsColor({ isTTY: true }, { NO_COLOR: '1' })).toBe(false);
    expect(wantsColor({}, {})).toBe(false);
    const problem = { code: 'CONFIG_SYNTAX', path: '', line: 1, column: 1, message: 'm', mend: 'c' } as const;
    expect(formatProblems([problem], { file: 'f', color: true })).toContain('\u001b[31m');
    expect(formatProblems([problem], { file: 'f' })).not.toContain('\u001b');
  });

  it('puts the caret under tabs and far to the right', () => {
    const at = (column: number) =>
      ({ code: 'CONFIG_SYNTAX', path: '', line: 1, column, message: 'm', mend: 'c' }) as const;
    const tab = formatProblems([at(3)], { file: 'f', source: '\t\tx' }).split('\n');
    expect(tab[2]).toBe('    \t\t^');
    const far = formatProblems([at(301)], { file: 'f', source: `${'a'.repeat(300)}X${'b'.repeat(300)}` }).split('\n');
    expect(far[1]?.[far[2]?.indexOf('^') ?? 0]).toBe('X');
  });
});
