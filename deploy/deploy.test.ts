import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { VERSION } from '../cli/version.ts';
import { loadSite } from '../config/load.ts';
import { promtool, RULES, readRules } from '../dashboards/prometheus/promtool.ts';
import { PROCESSORS } from '../processors/registry.ts';
import { topicSpec } from '../runtime/messages/topics.ts';
import { METRICS } from '../runtime/metrics.ts';
import { wrongIn } from '../test/commands.ts';

const root = join(import.meta.dirname, '..');
const text = (path: string): string => readFileSync(join(root, path), 'utf8');

const words = z.union([z.string().transform((line) => line.split(' ')), z.array(z.string())]);
const service = z.looseObject({
  image: z.string(),
  restart: z.string(),
  command: words.default([]),
  environment: z.record(z.string(), z.unknown()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
  depends_on: z.record(z.string(), z.unknown()).default({}),
});
const compose = z
  .looseObject({ services: z.record(z.string(), service), volumes: z.record(z.string(), z.null()) })
  .parse(parse(text('deploy/compose.yaml'), { merge: true }));
const services = Object.entries(compose.services);
const ours = services.filter(([, { image }]) => image.startsWith('banksman:'));
const roles = ['ingest', 'process', 'sink', 'console'];

describe('compose.yaml', () => {
  it('pins every image, ours to this version, and those of tests to what tests install', () => {
    for (const [, { image }] of services) expect(image).toMatch(/^[a-z/]+:v?\d+\.\d+\.\d+$/);
    expect(new Set(ours.map(([, { image }]) => image))).toEqual(new Set([`banksman:${VERSION}`]));
    const docker = text('deploy/services/start_docker');
    for (const name of ['kafka', 'redis', 's3']) expect(docker).toContain(`_IMAGE=${compose.services[name]?.image}\n`);
    const kafka = /<artifactId>kafka_[\d.]+<\/artifactId>\s*<version>([\d.]+)</.exec(
      text('deploy/services/pom.xml'),
    )?.[1];
    expect(compose.services['kafka']?.image).toBe(`apache/kafka:${kafka}`);
    const gateway = /^VERSITYGW=(\S+)$/m.exec(text('deploy/services/install'))?.[1];
    expect(compose.services['s3']?.image).toBe(`versity/versitygw:${gateway}`);
  });

  it('runs every role, and nothing that the command line does not have', () => {
    expect(ours.filter(([, one]) => one.restart !== 'no').map(([name]) => name)).toEqual(roles);
    for (const role of roles) expect(compose.services[role]?.command[0]).toBe(role);
    expect(ours.flatMap(([, { command }]) => wrongIn(command))).toEqual([]);
  });

  it('watches what runs on, keeps what must outlive it, and publishes nothing beyond this machine', () => {
    const stays = services.filter(([, { restart }]) => restart !== 'no');
    expect(stays.filter(([, one]) => !one.healthcheck).map(([name]) => name)).toEqual([]);
    for (const port of services.flatMap(([, { ports }]) => ports)) expect(port).toMatch(/^127\.0\.0\.1:/);
    const named = services.flatMap(([, { volumes }]) => volumes.map((volume) => volume.split(':')[0] ?? ''));
    const kept = new Set(named.filter((volume) => !volume.startsWith('.')));
    expect(new Set(Object.keys(compose.volumes))).toEqual(kept);
    for (const volume of named.filter((one) => one.startsWith('.')))
      expect(existsSync(join(root, 'deploy', volume)), volume).toBe(true);
    for (const [, { depends_on }] of services) {
      for (const other of Object.keys(depends_on)) expect(compose.services).toHaveProperty(other);
    }
  });

  it('has no default for a secret, and names each in the example', () => {
    const wanted = new Set(
      [...text('deploy/compose.yaml').matchAll(/(?<!\$)\$\{(\w+)([^}]*)\}/g)].map(([, name, rest]) => {
        expect(rest).toMatch(/^:\?/);
        return name;
      }),
    );
    const example = [...text('deploy/.env.example').matchAll(/^(\w+)=(.*)$/gm)];
    expect(new Set(example.map(([, name]) => name))).toEqual(wanted);
    expect(example.filter(([, , value]) => value !== '')).toEqual([]);
    expect(text('.gitignore').split('\n')).toEqual(expect.arrayContaining(['deploy/.env', 'deploy/cameras.env']));
  });

  it('brings a site file that is right, and whose probes are where the roles listen', async () => {
    const path = join(root, 'deploy/compose/site.yaml');
    const site = await loadSite(path);
    if ('problems' in site) throw new Error(JSON.stringify(site.problems, null, 2));
    const { config } = site;
    expect(config).toMatchObject({ bus: { type: 'kafka' }, state: { store: 'redis' }, evidence: { store: 's3' } });
    for (const role of roles) {
      expect(compose.services[role]?.healthcheck?.test.join(' ')).toContain(`:${config.metrics.bind.port}/readyz`);
    }
    expect(compose.services['console']?.ports).toEqual([`127.0.0.1:8080:${config.console.bind.port}`]);
    expect(text('deploy/compose/prometheus.yaml')).toContain(`port: ${config.metrics.bind.port}\n`);
    const given = new Set(ours.flatMap(([, { environment }]) => Object.keys(environment)));
    const asked = new Set([...text('deploy/compose/site.yaml').matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name));
    asked.delete('GATE_PASSWORD');
    for (const name of asked) expect(given).toContain(name);
    const scraped = z
      .object({
        scrape_configs: z.array(
          z.looseObject({ dns_sd_configs: z.array(z.object({ names: z.array(z.string()) })).default([]) }),
        ),
      })
      .parse(parse(text('deploy/compose/prometheus.yaml')).valueOf());
    expect(text('deploy/compose/prometheus.yaml')).toContain('rule_files: [/etc/prometheus/rules/*.yaml]\n');
    const rules = '../dashboards/prometheus/rules:/etc/prometheus/rules:ro';
    expect(compose.services['prometheus']?.volumes).toContain(rules);
    // The rules go by the name of the job.
    expect(scraped.scrape_configs).toContainEqual(expect.objectContaining({ job_name: 'banksman' }));
    expect(text('deploy/compose/prometheus.yaml')).toContain(`replacement: ${config.site} }`);
    expect(scraped.scrape_configs.flatMap((one) => one.dns_sd_configs.flatMap(({ names }) => names))).toEqual(roles);
  });
});

describe('Prometheus', () => {
  const seconds = (duration: unknown): number => {
    const [, count] = /^(\d+)s$/.exec(String(duration)) ?? [];
    if (count === undefined) throw new Error(`not in seconds: ${duration}`);
    return Number(count);
  };
  const prometheus = z
    .object({ global: z.object({ scrape_interval: z.string(), evaluation_interval: z.string() }) })
    .parse(parse(text('deploy/compose/prometheus.yaml')));
  const chart = z
    .object({ podMonitor: z.object({ interval: z.string() }) })
    .parse(parse(text('deploy/helm/banksman/values.yaml')));

  it('takes its configuration, with the rules', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'banksman-prometheus-'));
    try {
      const path = join(folder, 'prometheus.yaml');
      await writeFile(path, text('deploy/compose/prometheus.yaml').replace('/etc/prometheus/rules', RULES));
      const said = await promtool(['check', 'config', path]);
      expect(said.match(/SUCCESS: \d+ rules found/g)).toHaveLength((await readdir(RULES)).length);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  // Longest: set just after a scrape, seen by the next one, found at the next look at the rules.
  it.each([
    ['compose.yaml', prometheus.global.scrape_interval],
    ['the Helm chart', chart.podMonitor.interval],
  ])('under %s tells of a camera without its one agent within 10 s of its being a metric', async (_, scrape) => {
    const { alerts } = await readRules();
    for (const name of ['BanksmanCameraUnowned', 'BanksmanCameraOwnedTwice']) {
      const rule = alerts.find(({ alert }) => alert === name);
      const latest = seconds(scrape) + seconds(rule?.every) + seconds(rule?.for);
      // What scrape and evaluation themselves take.
      expect(latest + 2, name).toBeLessThanOrEqual(10);
    }
  });
});

describe('Alertmanager of compose.yaml', () => {
  it('is what Prometheus and the site file name', async () => {
    const address = compose.services['alertmanager']?.ports[0]?.replace(/^127\.0\.0\.1:\d+/, 'alertmanager') ?? '';
    expect(address).toBe('alertmanager:9093');
    expect(text('deploy/compose/prometheus.yaml')).toContain(`alerting:
  alertmanagers:
    - static_configs:
        - targets: [${address}]
`);
    const site = await loadSite(join(root, 'deploy/compose/site.yaml'));
    const channels = 'config' in site ? site.config.alerts.channels : [];
    expect(channels).toMatchObject([{ type: 'alertmanager', url: `http://${address}` }]);
  });

  it('has a configuration that it takes', ({ skip }) => {
    const checked = spawnSync('amtool', ['check-config', join(root, 'deploy/compose/alertmanager.yaml')], {
      encoding: 'utf8',
    });
    if (checked.error) return skip('there is no amtool: run ./setup --test');
    expect(checked.stdout + checked.stderr).toContain('SUCCESS');
    expect(checked.status).toBe(0);
  });
});

describe('the image', () => {
  it('has the Node that the product wants and the plugins that setup installs', () => {
    const dockerfile = text('deploy/Dockerfile');
    const { engines } = z.object({ engines: z.object({ node: z.string() }) }).parse(JSON.parse(text('package.json')));
    for (const [, major] of dockerfile.matchAll(/^FROM node:(\d+)/gm)) expect(engines.node).toBe(`>=${major}`);
    const wanted =
      /^RUN_PACKAGES=\(([^)]*)\)/m.exec(text('setup'))?.[1]?.match(/(gstreamer1\.0|libgstreamer)\S+/g) ?? [];
    expect(wanted.length).toBeGreaterThan(6);
    expect(wanted.filter((name) => !dockerfile.includes(name))).toEqual([]);
  });
});

describe('the Helm chart', () => {
  const chart = 'deploy/helm/banksman';
  const values = z
    .looseObject({
      process: z.record(
        z.string(),
        z
          .object({
            only: z.array(z.string()),
            autoscaling: z.object({
              kind: z.string(),
              group: z.string().optional(),
              topic: z.string().optional(),
              maxReplicas: z.number().optional(),
            }),
          })
          .loose(),
      ),
      models: z.looseObject({ pull: z.array(z.string()) }),
    })
    .parse(parse(text(`${chart}/values.yaml`)));

  it('is of this version', () => {
    expect(parse(text(`${chart}/Chart.yaml`))).toMatchObject({ appVersion: VERSION });
  });

  it('calls what the command line has', () => {
    const calls = ['apply', 'console', 'ingest', 'process', 'sink'].flatMap((name) => {
      const lines = text(`${chart}/templates/${name}.yaml`).matchAll(/^ +args: \[(.*)\]$/gm);
      return [...lines].map(([, list = '']) => list.replaceAll(/"?\{\{.*?\}\}"?/g, 'x').split(', '));
    });
    expect(calls.length).toBeGreaterThan(6);
    expect(calls.flatMap(wrongIn)).toEqual([]);
  });

  it('runs each processor once, and scales it by a lag that there is', async () => {
    const site = await loadSite(join(root, 'deploy/compose/site.yaml'));
    const partitions = 'config' in site ? (site.config.bus.kafka?.topics.partitions ?? 0) : 0;
    const only = Object.values(values.process).flatMap((one) => one.only);
    expect(only.sort()).toEqual([...PROCESSORS].sort());
    for (const {
      autoscaling,
      only: [first],
    } of Object.values(values.process)) {
      if (autoscaling.topic === undefined) continue;
      expect(autoscaling.group).toBe(first);
      expect(topicSpec(autoscaling.topic)).toBeDefined();
      // More would stand idle.
      expect(autoscaling.maxReplicas).toBeLessThanOrEqual(partitions);
    }
    expect(text(`${chart}/templates/process.yaml`)).toContain('banksman_bus_lag_records');
    expect(METRICS.bus_lag_records.labels).toEqual(['group', 'topic']);
  });

  // The operator would call it NAMESPACE/NAME.
  it("has its pods scraped under the job's name that the alert rules ask for", async () => {
    const { alerts } = await readRules();
    const jobs = alerts.flatMap(({ expr }) => [...expr.matchAll(/job="([^"]*)"/g)].map(([, job]) => job));
    expect(new Set(jobs)).toEqual(new Set(['banksman']));
    const monitor = text(`${chart}/templates/policies.yaml`).split('kind: PodMonitor\n')[1];
    expect(monitor).toContain('- { targetLabel: job, replacement: banksman }\n');
  });

  it('pulls models that there are', () => {
    for (const name of values.models.pull) expect(parseAllDocuments(text(`models/${name}.yaml`))).toHaveLength(1);
  });
});
