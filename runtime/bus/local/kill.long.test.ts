import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../../test/wait.ts';
import { collect, text } from '../compliance_support.ts';
import type { Bus, Message } from '../types.ts';
import { connectLocalBus } from './client.ts';
import { type Acknowledged, type Delivered, type KillOptions, readLines } from './kill_process.ts';
import { busSocketPath } from './paths.ts';

const KILLS = 15;
/** Beside the wait for progress: the moment of the kill shall be no particular one. */
const MAX_PAUSE_MS = 600;
const RESTART_MS = 50;

/** A process that is started again whenever it ends, until it is told to stop. */
class Restarted {
  readonly #args: string[];
  #child: ChildProcess | undefined;
  #stopping = false;
  /** Exit codes that are no loss of the bus. */
  readonly mistakes: string[] = [];

  constructor(role: string, options: Partial<KillOptions>) {
    this.#args = [join(import.meta.dirname, 'kill_process.ts'), role, JSON.stringify(options)];
    this.#spawn();
  }

  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }

  #spawn(): void {
    const args = ['--disable-warning=ExperimentalWarning', ...this.#args];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    let said = '';
    child.stderr?.on('data', (chunk) => {
      said += chunk;
    });
    child.once('exit', (code, signal) => {
      if (signal !== 'SIGKILL' && code !== 3 && code !== 0) this.mistakes.push(`${this.#args[1]} ${code}: ${said}`);
      if (!this.#stopping) setTimeout(() => !this.#stopping && this.#spawn(), RESTART_MS);
    });
  }
}

describe('the bus, killed over and over', () => {
  let dataDir: string;
  const all: Restarted[] = [];
  const clients: Restarted[] = [];
  let bus: Bus;
  let records: Message[];
  let acknowledged: Acknowledged[];
  const delivered: Record<string, Delivered[]> = {};
  const journal = (name: string): string => join(dataDir, `${name}.journal`);

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'bus-kill-'));
    const start = (role: string, options: Partial<KillOptions>): Restarted => {
      const process = new Restarted(role, { dataDir, ...options });
      all.push(process);
      return process;
    };
    const server = start('server', {});
    for (const name of ['p1', 'p2']) {
      const keys = Array.from({ length: 4 }, (_, i) => `yard/${name}-${i}`);
      clients.push(start('producer', { journal: journal(name), keys }));
    }
    const consumers: Restarted[] = [];
    for (const [name, group] of Object.entries({ g1: 'shared', g2: 'shared', h1: 'alone' })) {
      consumers.push(start('consumer', { journal: journal(name), group }));
    }
    const sizes = (): number[] =>
      ['p1', 'p2', 'g1', 'g2', 'h1'].map((name) => (existsSync(journal(name)) ? statSync(journal(name)).size : 0));
    let before = sizes();
    for (let kill = 0; kill <= KILLS; kill++) {
      // Everybody came back and got on; g1 and g2 share, so each of them as well.
      await until('progress of every client', () => sizes().every((size, i) => size > (before[i] ?? 0)), 60_000, 20);
      if (kill === KILLS) break;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * MAX_PAUSE_MS));
      server.kill();
      before = sizes();
    }

    for (const producer of clients) await producer.stop();
    bus = await connectLocalBus(busSocketPath(dataDir));
    await until('the groups to have read all', async () => {
      const lags = await bus.lag();
      return lags.length === 8 && lags.every(({ lag }) => lag === 0);
    });
    for (const consumer of consumers) await consumer.stop();
    records = await collect(bus.tail('tracks.v1', 'earliest', { stopAtEnd: true }));
    acknowledged = ['p1', 'p2'].flatMap((name) => readLines<Acknowledged>(journal(name)));
    delivered['shared'] = ['g1', 'g2'].flatMap((name) => readLines<Delivered>(journal(name)));
    delivered['alone'] = readLines<Delivered>(journal('h1'));
  }, 600_000);
  afterAll(async () => {
    await bus?.close();
    for (const process of all.reverse()) await process.stop();
    rmSync(dataDir, { recursive: true });
  });

  it('has everything that it acknowledged, where it said', () => {
    const at = new Map(records.map((each) => [`${each.partition}/${each.offset}`, `${each.key} ${text(each)}`]));
    const tracks = acknowledged.filter(({ topic }) => topic === 'tracks.v1');
    const missing = tracks.filter((a) => at.get(`${a.partition}/${a.offset}`) !== `${a.key} ${a.number}`);
    expect(missing).toEqual([]);
    expect(tracks.length).toBeGreaterThan(KILLS * 10);
    // Sent again is only what the bus had taken and not answered: at most what was in flight.
    expect(records.length - tracks.length).toBeLessThanOrEqual(KILLS * 8 * 8);
  });

  it('kept the order of every sender', () => {
    const last = new Map<string, { run: string; number: number }>();
    const wrong: string[] = [];
    for (const record of records) {
      const { key } = record;
      const [number, run] = [Number(text(record)), record.headers['run'] ?? ''];
      const before = last.get(key);
      // Within a run without a gap; a new run goes on at or before what the last one reached.
      const right =
        before === undefined
          ? number === 0
          : before.run === run
            ? number === before.number + 1
            : number <= before.number + 1;
      if (!right) wrong.push(`${key}: ${number} of ${run} after ${before?.number} of ${before?.run}`);
      last.set(key, { run, number });
    }
    expect(wrong).toEqual([]);
  });

  it('gave no frame the coordinates of another', () => {
    const frames = acknowledged.filter(({ topic }) => topic === 'frames.v1');
    expect(frames.length).toBeGreaterThan(KILLS);
    expect(new Set(frames.map(({ partition, offset }) => `${partition}/${offset}`)).size).toBe(frames.length);
  });

  it.each(['shared', 'alone'])('delivered all to group %s in order, and again at most once a kill', (group) => {
    const seen = new Set<string>();
    const again: string[] = [];
    const disorder: string[] = [];
    const last = new Map<string, number>();
    const once = new Set<string>();
    for (const { server, pid, partition, offset } of delivered[group] ?? []) {
      seen.add(`${partition}/${offset}`);
      const underServer = `${server}: ${partition}/${offset}`;
      if (once.has(underServer)) again.push(underServer);
      once.add(underServer);
      const before = last.get(`${pid}/${partition}`) ?? -1;
      if (offset <= before) disorder.push(`${partition}/${offset} after ${before} at ${pid}`);
      last.set(`${pid}/${partition}`, offset);
    }
    expect(again).toEqual([]);
    expect(disorder).toEqual([]);
    expect(records.filter(({ partition, offset }) => !seen.has(`${partition}/${offset}`))).toEqual([]);
    expect(seen.size).toBe(records.length);
  });

  it('let nobody fail in another way', () => {
    expect(all.flatMap(({ mistakes }) => mistakes)).toEqual([]);
  });
});
