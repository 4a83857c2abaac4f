import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { METRICS, type MetricName } from '../../runtime/metrics.ts';
import { BOARDS, render } from './boards.ts';
import { OKABE_ITO } from './colors.ts';
import { build, uidOf } from './frame.ts';
import { DATASOURCE } from './panels.ts';
import { ALL, allQueries, annotationsOf, fill, panelsOf, targetsOf } from './testing.ts';

const here = import.meta.dirname;
const root = join(here, '../..');
/** What Prometheus adds, or the scrape configuration. */
const OUTER_LABELS = ['site', 'le'];

describe.each(BOARDS)('$title', (board) => {
  const dashboard = build(board);
  const panels = panelsOf(dashboard);

  it('lies in boards/ as it is built: npm run dashboards', async () => {
    expect(await readFile(join(here, 'boards', `${board.name}.json`), 'utf8')).toBe(render(board));
  });

  it('has on every panel what it answers, a unit, and the Prometheus that was chosen', () => {
    expect(panels.length).toBeGreaterThan(5);
    for (const panel of panels) {
      expect(panel.description, panel.title).toMatch(/^[^?]{8,}\?.*\.$/s);
      expect(panel.fieldConfig?.defaults.unit, panel.title).toMatch(/^\w+$/);
      expect(targetsOf(panel).length, panel.title).toBeGreaterThan(0);
      for (const { datasource } of [panel, ...targetsOf(panel)]) expect(datasource, panel.title).toEqual(DATASOURCE);
    }
    for (const { datasource } of annotationsOf(dashboard)) expect(datasource).toEqual(DATASOURCE);
    const ids = (dashboard.panels ?? []).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('lays no panel over another', () => {
    const taken = new Map<string, string | undefined>();
    for (const { title, gridPos } of dashboard.panels ?? []) {
      if (!gridPos) throw new Error(`${title} lies nowhere`);
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.get(`${x},${y}`), `${title} lies there as well`).toBeUndefined();
          taken.set(`${x},${y}`, title);
        }
      }
    }
  });

  it('has only colours that everybody tells apart', () => {
    const text = render(board);
    const colors = text.match(/#[0-9a-f]{6}\b/gi) ?? [];
    expect(colors.filter((color) => !Object.values<string>(OKABE_ITO).includes(color))).toEqual([]);
    // The palettes that Grafana would choose from by itself are of red and green.
    const modes = [...text.matchAll(/"mode": "([\w-]+)"/g)].map(([, mode]) => mode);
    expect(modes.filter((mode) => mode?.startsWith('palette') || mode?.startsWith('continuous'))).toEqual([]);
    for (const panel of panels)
      expect(panel.fieldConfig?.defaults.color?.mode, panel.title).toMatch(/thresholds|shades/);
  });

  it('leads to boards that there are, and uses variables that it has', () => {
    const text = render(board);
    for (const [, uid] of text.matchAll(/\/d\/([\w-]+)/g)) expect(BOARDS.map(({ name }) => uidOf(name))).toContain(uid);
    const names = (dashboard.templating?.list ?? []).map(({ name }) => name);
    for (const [, name = ''] of text.matchAll(/\$\{?(\w+)/g)) {
      if (!name.startsWith('__')) expect(names, name).toContain(name);
    }
    expect(dashboard.links?.map(({ type }) => type)).toEqual(['dashboards', 'link']);
  });
});

describe('links to the console', () => {
  /** Of the cells of a label, or of a figure. */
  const linksOf = (board: string, title: string, type: string, name: string): unknown => {
    const found = BOARDS.filter((one) => one.name === board).flatMap((one) => panelsOf(build(one)));
    const panel = found.find((one) => one.title === title && one.type === type);
    const override = panel?.fieldConfig?.overrides.find(({ matcher }) => matcher.options === name);
    return override?.properties.find(({ id }) => id === 'links')?.value;
  };
  const listed = (incidents: string): string =>
    `\${console}/#incidents=${incidents}&camera=\${__data.fields.camera}&rule=\${__data.fields.rule}`;

  it.each(['safety', 'camera'])('lead from an open incident on board %s to those of its camera and rule', (board) => {
    const link = { title: 'Open incidents of this camera and rule, in the console', url: listed('open') };
    expect(linksOf(board, 'Open incidents', 'table', 'rule')).toEqual([link]);
    expect(linksOf(board, 'Open incidents', 'table', 'camera')).toContainEqual(link);
  });

  it('lead from the number of open incidents to them, and from a week to what was in it', () => {
    expect(linksOf('safety', 'Open incidents', 'stat', '.*')).toMatchObject([{ url: '${console}/#incidents=open' }]);
    expect(linksOf('camera', 'Open incidents', 'stat', '.*')).toMatchObject([
      { url: '${console}/#incidents=open&camera=${camera}' },
    ]);
    const week = 'By rule and place: the last 7 days against the 7 before';
    expect(linksOf('safety', week, 'table', 'rule')).toMatchObject([{ url: listed('all') }]);
  });
});

it('no other files lie in boards/', async () => {
  expect((await readdir(join(here, 'boards'))).sort()).toEqual(BOARDS.map(({ name }) => `${name}.json`).sort());
});

describe('queries', () => {
  const queries = allQueries();

  it('have names of their own', () => {
    const keys = queries.map(({ key }) => key);
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
  });

  it('parse, as Prometheus reads them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'banksman-boards-'));
    const file = join(folder, 'queries.yaml');
    const rules = queries.map(({ expr, key }, index) => ({
      record: `query:number:${index}`,
      expr: fill(expr, ALL),
      labels: { key },
    }));
    await writeFile(file, stringify({ groups: [{ name: 'queries', rules }] }));
    try {
      const { stdout } = await promisify(execFile)('promtool', ['check', 'rules', file]);
      expect(stdout).toContain(`${queries.length} rules found`);
    } catch (error) {
      if (Reflect.get(Object(error), 'code') === 'ENOENT') throw new Error('there is no promtool: run ./setup --test');
      throw error;
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('name metrics that are declared, by labels that they have', () => {
    for (const { key, expr, legend } of queries) {
      const known = new Set(OUTER_LABELS);
      const selectors = [...expr.matchAll(/banksman_(\w+)(?:\{([^}]*)\})?/g)];
      expect(selectors.length, key).toBeGreaterThan(0);
      for (const [, name = '', matchers = ''] of selectors) {
        const labels = labelsOf(name);
        expect(labels, `${key}: ${name}`).toBeDefined();
        const matched = [...matchers.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)].map(([, label]) => label);
        for (const label of matched) expect([...OUTER_LABELS, ...(labels ?? [])], `${key}: ${name}`).toContain(label);
        for (const label of labels ?? []) known.add(label);
      }
      const grouped = [...expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '));
      const shown = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
      for (const label of [...grouped, ...shown]) expect([...known], key).toContain(label);
    }
  });

  it('name metrics that the product sets', async () => {
    const code: string[] = [];
    for (const folder of ['cli', 'ingest', 'processors', 'sinks', 'supervisor', 'runtime', 'dashboards/console']) {
      for (const file of await readdir(join(root, folder), { recursive: true })) {
        if (!file.endsWith('.ts') || file.endsWith('.test.ts') || file === 'metrics.ts') continue;
        code.push(await readFile(join(root, folder, file), 'utf8'));
      }
    }
    const used = new Set(queries.flatMap(({ expr }) => [...expr.matchAll(/banksman_(\w+)/g)].map(([, name]) => name)));
    const set = code.join('\n');
    for (const name of used) expect(set.includes(`'${baseOf(name ?? '')}'`), name).toBe(true);
  });
});

it('is brought up by compose, as it is provisioned', async () => {
  const yaml = async (path: string) => parse(await readFile(join(root, path), 'utf8'));
  const volumes: string[] = (await yaml('deploy/compose.yaml')).services.grafana.volumes;
  const provider = 'dashboards/grafana/provisioning/dashboards/banksman.yaml';
  const boards: string = (await yaml(provider)).providers[0].options.path;
  expect(volumes).toContain(`../dashboards/grafana/boards:${boards}:ro`);
  expect(volumes).toContain(`../${provider}:/etc/grafana/provisioning/dashboards/banksman.yaml:ro`);
  const source = 'dashboards/grafana/provisioning/datasources/prometheus.yaml';
  expect(volumes).toContain(`../${source}:/etc/grafana/provisioning/datasources/prometheus.yaml:ro`);
  const { scrape_interval: interval } = (await yaml('deploy/compose/prometheus.yaml')).global;
  expect((await yaml(source)).datasources[0].jsonData.timeInterval).toBe(interval);
});

/** Of a histogram, without what Prometheus puts behind its name. */
function baseOf(name: string): string {
  const base = name.replace(/_(bucket|sum|count)$/, '');
  return METRICS[base as MetricName]?.kind === 'histogram' ? base : name;
}

function labelsOf(name: string): readonly string[] | undefined {
  return METRICS[baseOf(name) as MetricName]?.labels;
}
