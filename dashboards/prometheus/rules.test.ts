import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { METRICS } from '../../runtime/metrics.ts';

interface Rules {
  groups: { rules: { alert: string; expr: string; annotations: { summary: string; description: string } }[] }[];
}

const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.yaml'));

it.each(files)('%s names metrics that there are, and says what to do', (file) => {
  const { groups }: Rules = parse(readFileSync(join(import.meta.dirname, file), 'utf8'));
  const rules = groups.flatMap((group) => group.rules);
  expect(rules.length).toBeGreaterThan(0);
  for (const { alert, expr, annotations } of rules) {
    const named = [...expr.matchAll(/banksman_(\w+)/g)].map(([, name]) => name ?? '');
    expect(named.length, alert).toBeGreaterThan(0);
    for (const name of named) expect(Object.keys(METRICS), `${alert}: ${name}`).toContain(name);
    expect(annotations.summary && annotations.description, alert).toBeTruthy();
  }
});
