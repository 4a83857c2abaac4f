import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { type Case, INTERVALS } from './cases.ts';

export const RULES = join(import.meta.dirname, 'rules');

const alertSchema = z.strictObject({
  alert: z.string().startsWith('Banksman'),
  expr: z.string(),
  for: z.string(),
  labels: z.strictObject({ severity: z.enum(['critical', 'warning', 'none']) }),
  annotations: z.strictObject({
    summary: z.string(),
    description: z.string(),
    runbook_url: z.string().regex(/^dashboards\/runbooks\/[a-z-]+\.md$/),
  }),
});
const recordSchema = z.strictObject({ record: z.string().regex(/^banksman:\w+:\w+$/), expr: z.string() });
const fileSchema = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      /** Where it must be asked more often than others. */
      interval: z.string().optional(),
      rules: z.array(z.union([alertSchema, recordSchema])),
    }),
  ),
});

export type Alert = z.infer<typeof alertSchema> & { file: string; every: string | undefined };
export type Recording = z.infer<typeof recordSchema> & { file: string };

/** Every rule, in the order of the files. @throws where a file is not as rules here are. */
export async function readRules(): Promise<{ alerts: Alert[]; recordings: Recording[] }> {
  const alerts: Alert[] = [];
  const recordings: Recording[] = [];
  for (const file of (await readdir(RULES)).sort()) {
    const { groups } = fileSchema.parse(parse(await readFile(join(RULES, file), 'utf8')));
    for (const { rule, every } of groups.flatMap(({ rules, interval: every }) =>
      rules.map((rule) => ({ rule, every })),
    )) {
      if ('alert' in rule) alerts.push({ ...rule, file, every });
      else recordings.push({ ...rule, file });
    }
  }
  return { alerts, recordings };
}

/** @returns what `promtool check rules` says. @throws Error with it where it finds something wrong. */
export const checkRules = async (): Promise<string> =>
  promtool(['check', 'rules', '--lint-fatal', ...(await readdir(RULES)).map((file) => join(RULES, file))]);

/** Lets promtool try the cases. @throws Error with what it expected and found. */
export async function tryCases(cases: readonly Case[], alerts: readonly Alert[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rules-'));
  try {
    const paths: string[] = [];
    for (const every of INTERVALS) {
      for (const file of new Set(alerts.map((alert) => alert.file))) {
        const tests = cases.flatMap((one) => {
          const alert = alerts.find(({ alert: name }) => name === one.alert);
          return alert?.file === file && (one.every ?? '1m') === every ? [testOf(one, alert)] : [];
        });
        if (tests.length === 0) continue;
        const path = join(folder, `${every}-${file}`);
        await writeFile(path, stringify({ rule_files: [join(RULES, file)], evaluation_interval: every, tests }));
        paths.push(path);
      }
    }
    return await promtool(['test', 'rules', ...paths]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function testOf(one: Case, { labels, annotations }: Alert): unknown {
  const firing = one.as.map((each) => ({
    exp_labels: { ...labels, ...each.labels },
    exp_annotations: { ...annotations, summary: each.summary },
  }));
  const at = (eval_time: string | null, exp_alerts: unknown[]) =>
    eval_time === null ? [] : [{ eval_time, alertname: one.alert, exp_alerts }];
  return {
    name: [one.alert, one.of].filter(Boolean).join(', '),
    interval: one.every ?? '1m',
    input_series: Object.entries(one.series).map(([series, values]) => ({ series, values })),
    alert_rule_test: [...at(one.quiet, []), ...at(one.fires, firing), ...at(one.over, [])],
  };
}

export async function promtool(args: string[]): Promise<string> {
  try {
    return (await promisify(execFile)('promtool', args)).stdout;
  } catch (error) {
    if (Reflect.get(Object(error), 'code') === 'ENOENT') throw new Error('there is no promtool: run ./setup --test');
    throw new Error(`${Reflect.get(Object(error), 'stdout')}${Reflect.get(Object(error), 'stderr')}`);
  }
}
