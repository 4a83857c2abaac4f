/** For tests: a real Prometheus in a temporary folder, which scrapes every other second. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from '../../runtime/ports.ts';
import { until } from '../wait.ts';

export interface Series {
  labels: Record<string, string>;
  /** Oldest first. Not a number where there is nothing to compute it from. */
  values: number[];
}

/** As `/api/v1/rules` gives one: recording rules have no alerts. */
export interface Rule {
  name: string;
  /** `unknown` until it was evaluated. */
  health: 'ok' | 'err' | 'unknown';
  lastError?: string;
  alerts?: { state: string; labels: Record<string, string>; annotations: Record<string, string> }[];
}

interface Answer {
  status: string;
  error?: string;
  data?: { result: { metric: Record<string, string>; value?: [number, string]; values?: [number, string][] }[] };
}

export class Prometheus {
  readonly #folder: string;
  readonly #port: number;
  #child: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
    // A test that ends without stopping it leaves nothing running.
    process.once('exit', () => this.#child?.kill('SIGKILL'));
  }

  /** @param targets `HOST:PORT` each. @param labels of all of them. @param rules folder of rule files. */
  static async start(
    targets: readonly string[],
    labels: Readonly<Record<string, string>>,
    rules?: string,
  ): Promise<Prometheus> {
    const folder = await mkdtemp(join(tmpdir(), 'banksman-prometheus-'));
    const prometheus = new Prometheus(folder, await freePort());
    await writeFile(
      join(folder, 'prometheus.yaml'),
      stringify({
        global: { scrape_interval: '2s', scrape_timeout: '2s', evaluation_interval: '2s' },
        ...(rules === undefined ? {} : { rule_files: [join(rules, '*.yaml')] }),
        scrape_configs: [{ job_name: 'banksman', static_configs: [{ targets, labels }] }],
      }),
    );
    await prometheus.#launch();
    return prometheus;
  }

  async #launch(): Promise<void> {
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(this.#folder, 'prometheus.yaml')}`,
        `--storage.tsdb.path=${join(this.#folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${this.#port}`,
        '--log.level=warn',
      ],
      { stdio: 'ignore' },
    );
    this.#child = child;
    let failed: Error | undefined;
    child.once('error', (error) => {
      failed = new Error(`there is no prometheus: run ./setup --test (${error.message})`);
    });
    await until('prometheus to be ready', async () => {
      if (failed ?? child.exitCode !== null) return true;
      return (await fetch(`http://127.0.0.1:${this.#port}/-/ready`)).ok;
    });
    if (failed) throw failed;
    if (child.exitCode !== null) throw new Error(`prometheus ended with ${child.exitCode}`);
  }

  /** What a query gives now, one value a series. @throws Error with what Prometheus says is wrong with it. */
  async now(query: string): Promise<Series[]> {
    return this.#ask('query', { query });
  }

  /** What a query gave each `stepS` seconds of the last `seconds`. */
  async lately(query: string, seconds: number, stepS: number): Promise<Series[]> {
    const end = Date.now() / 1_000;
    return this.#ask('query_range', { query, start: `${end - seconds}`, end: `${end}`, step: `${stepS}` });
  }

  /** What it makes of its rules. */
  async rules(): Promise<Rule[]> {
    const response = await fetch(`http://127.0.0.1:${this.#port}/api/v1/rules`);
    const { data }: { data: { groups: { rules: Rule[] }[] } } = JSON.parse(await response.text());
    return data.groups.flatMap(({ rules }) => rules);
  }

  async #ask(path: string, parameters: Record<string, string>): Promise<Series[]> {
    const body = new URLSearchParams(parameters);
    const response = await fetch(`http://127.0.0.1:${this.#port}/api/v1/${path}`, { method: 'POST', body });
    const { error, data }: Answer = JSON.parse(await response.text());
    if (!data) throw new Error(`${error}: ${parameters['query']}`);
    return data.result.map(({ metric, value, values }) => ({
      labels: metric,
      values: (values ?? (value ? [value] : [])).map(([, text]) => Number(text)),
    }));
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
