import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { ERRORS } from '../runtime/errors.ts';
import { METRICS } from '../runtime/metrics.ts';
import { generatedFiles, siteJsonSchema } from './generate.ts';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

describe('generated files', () => {
  it.each([...generatedFiles().keys()])('%s is what the code says; else run node config/generate.ts', (path) => {
    expect(read(path)).toBe(generatedFiles().get(path));
  });

  it('name every error code and metric', () => {
    const [errors, metrics] = [read('runtime/errors.md'), read('runtime/metrics.md')];
    for (const code of Object.keys(ERRORS)) expect(errors).toContain(`\`${code}\``);
    for (const name of Object.keys(METRICS)) expect(metrics).toContain(`\`banksman_${name}\``);
  });

  it('describe every option', () => {
    const bare: string[] = [];
    const visit = (path: string, node: unknown): void => {
      if (typeof node !== 'object' || node === null) return;
      for (const [key, child] of Object.entries(Reflect.get(node, 'properties') ?? {})) {
        const described = typeof Reflect.get(child as object, 'description') === 'string';
        if (!described && !(key === 'type' && Reflect.has(child as object, 'const'))) bare.push(`${path}.${key}`);
      }
      for (const [key, child] of Object.entries(node)) visit(`${path}/${key}`, child);
    };
    visit('', siteJsonSchema());
    expect(bare).toEqual([]);
  });

  it.each(['quickstart', 'full'])(
    'the JSON Schema takes examples/%s.yaml, which names it in its first line',
    (name) => {
      const text = read(`config/examples/${name}.yaml`);
      expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=../schema.json');
      const schema = z.fromJSONSchema(JSON.parse(read('config/schema.json')));
      expect(schema.safeParse(parse(text)).error).toBeUndefined();
      expect(schema.safeParse({ ...parse(text), rulez: [] }).success).toBe(false);
    },
  );
});
