/**
 * usage: npm run bench -- bus [--repeats N] [--seconds S] [--json]
 *
 * The local bus between processes, as in `up`: one that hosts it, one that produces, one that consumes.
 * - Frames of 50 KB per CPU second (user and system, all three processes) against a bare relay by turns:
 *   the same producer and consumer with length-prefixed frames through a process that pipes one Unix
 *   socket into another, keeps nothing and answers nothing.
 * - Durable records of 600 bytes a second, 64 sends under way, against a bare node:sqlite loop with 64
 *   records a transaction in one process; and their latency from `send` to the handler at a set rate.
 * - Delay of the host's event loop while it is saturated, at the 99th percentile. Bar: 20 ms.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import type { Load, Report, Request } from './bus/child.ts';

const FRAME_BYTES = 50_000;
const RECORD_BYTES = 600;
const IN_FLIGHT = 64;
const PACED_PER_SECOND = 500;
const FRAMES: Load = { topic: 'frames.v1', via: 'bus', valueBytes: FRAME_BYTES, inFlight: 16 };
const RECORDS: Load = { topic: 'detections.v1', via: 'bus', valueBytes: RECORD_BYTES, inFlight: IN_FLIGHT };

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      repeats: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '3' },
      json: { type: 'boolean', default: false },
    },
  });
  const repeats = Number(values.repeats);
  const seconds = Number(values.seconds);
  const folder = mkdtempSync(join(tmpdir(), 'bench-bus-'));
  const processes: Child[] = [];
  const start = async (name: string): Promise<Child> => {
    const child = await Child.start(name, folder);
    processes.push(child);
    return child;
  };
  try {
    const server = await start('server');
    const relay = await start('relay');
    const consumer = await start('consumer');
    const producer = await start('producer');

    const measure = async (load: Load, ms = seconds * 1000): Promise<Measured> => {
      const middle = load.via === 'bus' ? server : relay;
      const all = [consumer, middle, producer];
      for (const each of all) await each.ask({ op: 'begin', load });
      await new Promise((resolve) => setTimeout(resolve, ms));
      await producer.ask({ op: 'stopSending' });
      const reports = await Promise.all(all.map((each) => each.ask({ op: 'end' })));
      const [consumed, hosted, produced] = reports;
      // What is still under way must not be paid for by the next turn.
      await consumer.ask({ op: 'settle', load, produced: produced?.count ?? 0 });
      if (!consumed || !hosted || !produced) throw new Error('no report');
      const cpuSeconds = reports.reduce((sum, report) => sum + (report?.cpuSeconds ?? 0), 0);
      return { consumed, hosted, produced, perCpuSecond: consumed.count / cpuSeconds };
    };

    for (const load of [FRAMES, { ...FRAMES, via: 'pipe' as const }, RECORDS]) await measure(load, 1_000);
    const results: Result[] = [];
    for (let repeat = 0; repeat < repeats; repeat++) {
      // By turns, and the order by turns too: what else the machine does falls on both.
      const turns = [
        async () => ({ frames: await measure(FRAMES) }),
        async () => ({ pipe: await measure({ ...FRAMES, via: 'pipe' }) }),
        async () => ({ records: await measure(RECORDS) }),
        async () => ({ sqlitePerSecond: bareSqlite(join(folder, `bare-${repeat}.db`), seconds * 1000) }),
        async () => ({ paced: await measure({ ...RECORDS, perSecond: PACED_PER_SECOND }) }),
      ];
      const result: Partial<Result> = {};
      for (const turn of repeat % 2 === 0 ? turns : turns.reverse()) Object.assign(result, await turn());
      const { frames, pipe, records, sqlitePerSecond, paced } = result;
      if (!frames || !pipe || !records || sqlitePerSecond === undefined || !paced) throw new Error('a turn is missing');
      results.push({ frames, pipe, records, sqlitePerSecond, paced });
    }
    print(results, values.json);
  } finally {
    for (const child of processes) child.end();
    rmSync(folder, { recursive: true });
  }
}

interface Measured {
  consumed: Report;
  hosted: Report;
  produced: Report;
  perCpuSecond: number;
}

interface Result {
  frames: Measured;
  pipe: Measured;
  records: Measured;
  sqlitePerSecond: number;
  paced: Measured;
}

function print(results: Result[], json: boolean): void {
  const of = (pick: (result: Result) => number): Summary => summary(results.map(pick));
  const perSecond = ({ count, seconds }: Report): number => count / seconds;
  const result = {
    repeats: results.length,
    framesPerCpuSecond: of(({ frames }) => frames.perCpuSecond),
    pipeFramesPerCpuSecond: of(({ pipe }) => pipe.perCpuSecond),
    framesRatio: of(({ frames, pipe }) => frames.perCpuSecond / pipe.perCpuSecond),
    framesPerSecond: of(({ frames }) => perSecond(frames.consumed)),
    pipeFramesPerSecond: of(({ pipe }) => perSecond(pipe.consumed)),
    recordsPerSecond: of(({ records }) => perSecond(records.produced)),
    sqliteRecordsPerSecond: of(({ sqlitePerSecond }) => sqlitePerSecond),
    recordsRatio: of(({ records, sqlitePerSecond }) => perSecond(records.produced) / sqlitePerSecond),
    saturatedLatencyP99Ms: of(({ records }) => records.consumed.latencyP99Ms),
    latencyP50Ms: of(({ paced }) => paced.consumed.latencyP50Ms),
    latencyP99Ms: of(({ paced }) => paced.consumed.latencyP99Ms),
    loopDelayFramesMs: of(({ frames }) => frames.hosted.loopDelayP99Ms),
    loopDelayRecordsMs: of(({ records }) => records.hosted.loopDelayP99Ms),
    hostRssMb: of(({ records }) => records.hosted.rssMb),
  };
  if (json) {
    console.log(JSON.stringify(result, null, 2));
    return;
  }
  const range = ({ median, min, max }: Summary, digits = 0): string =>
    `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
  console.log(`${result.repeats} repeats: median (range)
frames of ${FRAME_BYTES / 1000} KB, produced and consumed through the socket
  bus              ${range(result.framesPerCpuSecond)} a CPU second, ${range(result.framesPerSecond)} a second
  bare relay       ${range(result.pipeFramesPerCpuSecond)} a CPU second, ${range(result.pipeFramesPerSecond)} a second
  ratio            ${range(result.framesRatio, 2)} of the CPU second
durable records of ${RECORD_BYTES} bytes, ${IN_FLIGHT} under way
  bus              ${range(result.recordsPerSecond)} a second, p99 ${range(result.saturatedLatencyP99Ms, 1)} ms from send to handler
  bare node:sqlite ${range(result.sqliteRecordsPerSecond)} a second, without socket or consumer
  ratio            ${range(result.recordsRatio, 2)}
  at ${PACED_PER_SECOND} a second  p50 ${range(result.latencyP50Ms, 1)} ms, p99 ${range(result.latencyP99Ms, 1)} ms from send to handler
host of the bus
  event loop p99   ${range(result.loopDelayFramesMs, 1)} ms with frames, ${range(result.loopDelayRecordsMs, 1)} ms with records   bar ≤ 20
  memory           ${range(result.hostRssMb)} MB`);
}

/** @returns records a second */
function bareSqlite(path: string, ms: number): number {
  const db = new DatabaseSync(path);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
  db.exec(
    'CREATE TABLE log (offset INTEGER PRIMARY KEY, timestamp INTEGER, key TEXT, headers TEXT, value BLOB) STRICT',
  );
  const insert = db.prepare('INSERT INTO log (timestamp, key, headers, value) VALUES (?, ?, ?, ?)');
  const value = Buffer.alloc(RECORD_BYTES);
  const started = performance.now();
  let count = 0;
  while (performance.now() - started < ms) {
    db.exec('BEGIN IMMEDIATE');
    for (let i = 0; i < IN_FLIGHT; i++) insert.run(Date.now(), 'yard/cam-1', '{"seq":"1"}', value);
    db.exec('COMMIT');
    count += IN_FLIGHT;
  }
  const perSecond = (count * 1000) / (performance.now() - started);
  db.close();
  return perSecond;
}

/** `Omit` over each member of a union. */
type Ask = Request extends infer R ? (R extends Request ? Omit<R, 'id'> : never) : never;

class Child {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<Report | undefined>>();
  #nextId = 1;

  private constructor(process: ChildProcess) {
    this.#process = process;
    process.on('message', ({ id, report }: { id: number; report?: Report }) => {
      this.#waiting.get(id)?.resolve(report);
      this.#waiting.delete(id);
    });
    process.on('exit', (code) => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`a process of the benchmark ended with ${code}`));
    });
  }

  /** Resolves when it is connected. */
  static async start(name: string, folder: string): Promise<Child> {
    const child = new Child(fork(join(import.meta.dirname, 'bus/child.ts'), [name, folder]));
    await child.#answer(0);
    return child;
  }

  ask(request: Ask): Promise<Report | undefined> {
    const id = this.#nextId++;
    this.#process.send({ ...request, id });
    return this.#answer(id);
  }

  end(): void {
    this.#process.kill('SIGKILL');
  }

  #answer(id: number): Promise<Report | undefined> {
    const answer = Promise.withResolvers<Report | undefined>();
    this.#waiting.set(id, answer);
    return answer.promise;
  }
}

interface Summary {
  median: number;
  min: number;
  max: number;
}

function summary(values: number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: sorted[sorted.length >> 1] ?? 0, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}
