import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { markdownTable } from '../../config/markdown.ts';
import { ERRORS } from '../../runtime/errors.ts';
import { METRICS, type MetricSpec } from '../../runtime/metrics.ts';
import { wrongIn } from '../../test/commands.ts';
import { SHED_LIMIT } from '../grafana/pipeline.ts';
import { happened } from '../grafana/queries.ts';
import { ALL, allQueries, fill } from '../grafana/testing.ts';
import { CASES } from './cases.ts';
import { checkRules, readRules, tryCases } from './promtool.ts';

const root = join(import.meta.dirname, '../..');
const runbooks = join(root, 'dashboards/runbooks');
const { alerts, recordings } = await readRules();
const METRIC: Readonly<Record<string, MetricSpec>> = METRICS;

/** What Prometheus or the scrape configuration puts on every series. */
const TARGET_LABELS = ['site', 'job', 'instance'];

interface Selector {
  metric: string;
  labels: readonly string[];
  matchers: readonly { label: string; value: string }[];
}

/** What of ours a query, or a template with queries in it, reads. */
function selectorsOf(text: string): Selector[] {
  const plain = text.replaceAll('\\"', '"');
  return [...plain.matchAll(/\bbanksman_(\w+)(?:\{([^}]*)\})?/g)].map(([, name = '', inner = '']) => {
    const metric = name.replace(/_(bucket|sum|count)$/, (end) => (name in METRIC ? end : ''));
    const matchers = [...inner.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*(?:"([^"]*)"|%q)/g)];
    return {
      metric,
      labels: [...TARGET_LABELS, ...(metric === name ? [] : ['le']), ...(METRIC[metric]?.labels ?? [])],
      matchers: matchers.map(([, label = '', value = '']) => ({ label, value })),
    };
  });
}

/** @returns what is not declared, or not said by the product, in what is given. */
function undeclared(text: string): string[] {
  return selectorsOf(text).flatMap(({ metric, labels, matchers }) => {
    if (!(metric in METRIC)) return [`there is no metric banksman_${metric}`];
    return matchers.flatMap(({ label, value }) => {
      if (!labels.includes(label)) return [`banksman_${metric} has no label ${label}`];
      const codes = label === 'reason' ? (value.match(/\b[A-Z]+_[A-Z_]+\b/g) ?? []) : [];
      return codes.filter((code) => !(code in ERRORS)).map((code) => `there is no reason ${code}`);
    });
  });
}

/** Labels that a query may group or join by. */
function labelsOf(expr: string): Set<string> {
  const recorded = recordings.filter(({ record }) => expr.includes(record)).map((one) => one.expr);
  const own = [expr, ...recorded].flatMap((text) => selectorsOf(text).flatMap(({ labels }) => labels));
  return new Set([...TARGET_LABELS, ...own]);
}

const metricsIn = (text: string): string[] => selectorsOf(text).map(({ metric }) => metric);
const pageOf = (url: string): string => url.replace('dashboards/runbooks/', '');

it('is what promtool takes for rules', { timeout: 60_000 }, async () => {
  expect(await checkRules()).not.toMatch(/FAILED|error/);
});

it('each alert is quiet, fires and is over when it should, as promtool tries it', { timeout: 120_000 }, async () => {
  expect(await tryCases(CASES, alerts)).not.toMatch(/FAILED/);
});

it('each alert has a case, and each case an alert', () => {
  expect(new Set(CASES.map(({ alert }) => alert))).toEqual(new Set(alerts.map(({ alert }) => alert)));
  const endless = CASES.filter(({ quiet, over }) => quiet === null || over === null);
  expect(endless.map(({ alert }) => alert)).toEqual(['BanksmanWatchdog']);
  expect(CASES.filter((one) => one.as.length === 0)).toEqual([]);
});

it.each([
  ...alerts.map((one) => ({ ...one, name: one.alert })),
  ...recordings.map((one) => ({ ...one, name: one.record })),
])('$name reads only what the product declares', (rule) => {
  const summary = 'annotations' in rule ? rule.annotations.summary : '';
  expect([...undeclared(rule.expr), ...undeclared(summary)]).toEqual([]);
  const known = recordings.map(({ record }) => record);
  for (const [record] of rule.expr.matchAll(/banksman:[\w:]+/g)) expect(known).toContain(record);
  const labels = labelsOf(rule.expr);
  for (const [, list = ''] of `${rule.expr} ${summary}`.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)) {
    for (const label of list.split(/,\s*/)) expect([...labels, ...labelsOf(summary)], list).toContain(label);
  }
});

it('cases are tried with series as the product says them', () => {
  const series = CASES.flatMap((one) => Object.keys(one.series));
  expect(series.flatMap(undeclared)).toEqual([]);
});

it('reads only what the product sets', () => {
  const folders = ['cli', 'dashboards/console', 'ingest', 'processors', 'runtime', 'sinks', 'supervisor'];
  const sources = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.includes('test') && path !== 'metrics.ts')
      .map((path) => readFileSync(join(root, folder, path), 'utf8')),
  );
  const read = new Set([...alerts, ...recordings].flatMap(({ expr }) => metricsIn(expr)));
  expect(read.size).toBeGreaterThan(25);
  expect([...read].filter((name) => !sources.some((source) => source.includes(`'${name}'`)))).toEqual([]);
});

// Counters and histograms begin with their first event: what tells of their absence is that the role is silent.
it('has a twin for the absence of each series', () => {
  const silence = new Set(alerts.filter(({ file }) => file === 'silence.yaml').flatMap(({ expr }) => metricsIn(expr)));
  const gauges = new Set(
    [...alerts, ...recordings].flatMap(({ expr }) => metricsIn(expr)).filter((name) => METRIC[name]?.kind === 'gauge'),
  );
  const withoutTwin = [...gauges].filter((name) => !silence.has(name));
  expect(withoutTwin.sort(), 'these are absent where nothing is wrong; the others need a twin in silence.yaml').toEqual(
    [
      // No channel; no TLS; said by `up` alone, where the target is down without it; evidence in a folder.
      'alerts_pending',
      'certificate_end_timestamp_seconds',
      'config_last_reload_successful',
      'evidence_spool_bytes',
      'evidence_spool_max_bytes',
      'role_up',
      'store_available',
    ],
  );
});

it('each alert has a runbook page, and each page an alert', () => {
  const pages = readdirSync(runbooks).filter((file) => file !== 'README.md');
  const named = Map.groupBy(alerts, ({ annotations }) => pageOf(annotations.runbook_url));
  expect(new Set(pages)).toEqual(new Set(named.keys()));
  for (const [page, ofPage] of named) {
    const text = readFileSync(join(runbooks, page), 'utf8');
    expect(text.split('\n')[0], page).toBe(`# ${ofPage.map(({ alert }) => alert).join(', ')}`);
    expect(text.match(/^## .*/gm), page).toEqual(['## Look', '## Do']);
  }
});

it.each(readdirSync(runbooks))('runbook %s names commands, metrics, reasons and pages that there are', (page) => {
  const text = readFileSync(join(runbooks, page), 'utf8');
  expect(undeclared(text)).toEqual([]);
  for (const [, args = ''] of text.matchAll(/\.\/banksman ([a-z][^`\n#]*)/g)) {
    expect(
      wrongIn(
        args
          .replace(/\b(ROLE)\b/, 'sink')
          .trim()
          .split(/\s+/),
      ),
    ).toEqual([]);
  }
  for (const [, target = ''] of text.matchAll(/\]\(([^)]+)\)/g)) {
    expect(() => readFileSync(join(runbooks, target)), target).not.toThrow();
  }
  const codes = /`((?:RTSP|STREAM|STORE|CAMERA|AGENT|ALERT|CLOCK|CONFIG|ROLE|DETECTOR)_[A-Z_]+)`/g;
  for (const [, code] of text.matchAll(codes)) expect(Object.keys(ERRORS)).toContain(code);
});

it('the list of alerts is up to date; `npx vitest run dashboards/prometheus -u` writes it', async () => {
  const rows = alerts.map(({ alert, for: held, labels, annotations }) => [
    `[${alert}](${pageOf(annotations.runbook_url)})`,
    labels.severity,
    held,
    annotations.description,
  ]);
  const list = `# Runbooks

What to do when an alert fires. Generated from \`dashboards/prometheus/rules\`; do not edit.

${markdownTable(['alert', 'severity', 'after', 'what it means'], rows)}
`;
  await expect(list).toMatchFileSnapshot(join(runbooks, 'README.md'));
});

// A series begins with its first event: `increase()` does not see that one.
it('counts single events as the boards do', () => {
  const plain = (text: string): string => text.replaceAll(/\s/g, '');
  // Of what goes on, where one more or less is nothing.
  const many = ['banksman_capture_to_incident_seconds_count[1h]', 'banksman_capture_to_incident_seconds_count[6h]'];
  // The state of the last minutes: attempts that go on.
  const attempts = ['banksman_alerts_failed_total[10m]', 'banksman_alerts_sent_total[10m]'];
  let counted = 0;
  for (const { alert, expr } of alerts) {
    for (const [, series = '', over = ''] of expr.matchAll(/increase\((banksman_\w+(?:\{[^}]*\})?)\[(\w+)\]\)/g)) {
      if ([...many, ...attempts].includes(`${series}[${over}]`)) continue;
      expect(plain(expr), alert).toContain(plain(happened(series, over)).slice(1, -1));
      counted += 1;
    }
  }
  expect(counted).toBe(6);
});

it('no case has a counter of single events begin with 0, which the product never says', () => {
  let looked = 0;
  for (const { alert, series } of CASES) {
    const { expr = '' } = alerts.find((one) => one.alert === alert) ?? {};
    for (const [name, values] of Object.entries(series)) {
      if (!expr.includes(`last_over_time(${name.split('{')[0]}`)) continue;
      expect(values, `${alert}: ${name}`).not.toMatch(/^(_(x\d+)? )*0/);
      looked += 1;
    }
  }
  expect(looked).toBeGreaterThan(15);
});

// The board says that above the alert's limit the alert follows.
it('the board shows of frames shed what the alert measures', () => {
  const plain = (text: string): string =>
    text
      .replaceAll(/\s/g, '')
      .replaceAll(/site=~"\.\*",?/g, '')
      .replaceAll('{}', '');
  const shown = allQueries().find(({ key }) => key === 'pipeline / Live frames shed / A');
  const measured = recordings.find(({ record }) => record === 'banksman:frames_shed:ratio_rate10m');
  expect(plain(fill(shown?.expr ?? '', ALL))).toContain(plain(measured?.expr ?? 'none'));
  expect(alerts.find(({ alert }) => alert === 'BanksmanFramesShed')?.expr).toBe(`${measured?.record} > ${SHED_LIMIT}`);
});
