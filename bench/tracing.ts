/**
 * What tracing costs, off and on. usage: npm run bench -- tracing [--only calls,stages] [--off] [--repeats N] [--json]
 *
 * - `calls`: the calls that tracing added to the way of one frame from ingest to the rules, in a loop of their own:
 *   ns a frame, median of the repeats.
 * - `stages`: detections through cleanup and rules on a bus in memory, all of them one after another: CPU µs a record.
 *   `--off` leaves out the other half: so it also runs in code that knows no tracing, to compare.
 */
import { parseArgs } from 'node:util';
import { CleanupProcessor } from '../processors/cleanup/cleanup.ts';
import { cameraRecord, found, person } from '../processors/cleanup/scenes.ts';
import { IncidentsProcessor } from '../processors/incidents/incidents.ts';
import { openMemoryBus } from '../runtime/bus/local/memory.ts';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { encodeJson } from '../runtime/messages/codec.ts';
import { noMetrics } from '../runtime/metrics.ts';
import { toTimestamp } from '../runtime/time.ts';
import { until } from '../test/wait.ts';
import { quantile } from './latency.ts';

const FRAMES = 2_000_000;
const RECORDS = 5_000;
const KEY = 'yard/gate';

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', default: 'calls,stages' },
      off: { type: 'boolean', default: false },
      repeats: { type: 'string', default: '7' },
      json: { type: 'boolean', default: false },
    },
  });
  const parts = values.only.split(',');
  const figures = new Map<string, number[]>();
  const add = (name: string, figure: number): void => {
    figures.set(name, [...(figures.get(name) ?? []), figure]);
  };
  for (let repeat = 0; repeat < Number(values.repeats); repeat++) {
    for (const on of values.off ? [false] : [false, true]) {
      const name = on ? 'on' : 'off';
      if (parts.includes('calls')) add(`calls ${name}, ns a frame`, await calls(on));
      if (parts.includes('stages')) add(`stages ${name}, µs a record`, await stages(on));
    }
  }
  if (values.json) return console.log(JSON.stringify(Object.fromEntries(figures), null, 2));
  for (const [name, all] of figures) {
    const [low, middle, high] = [0, 0.5, 1].map((share) => quantile(all, Math.max(share, 1e-9)).toFixed(1));
    console.log(`${name.padEnd(28)} median ${middle}  (${low} to ${high})`);
  }
}

/** The code before tracing has none. */
async function tracerOf(on: boolean) {
  const { CarryingTracer, noTracer } = await import('../runtime/tracing.ts');
  return on ? new CarryingTracer(systemClock, 0) : noTracer;
}

async function calls(on: boolean): Promise<number> {
  const tracer = await tracerOf(on);
  const { traceTransitions, finishRecord } = await import('../processors/incidents/traced.ts');
  const own = { site: 'yard', camera: 'gate' };
  const record = { ...looked(0), ...own, tracks: [] };
  const frames = on ? FRAMES / 100 : FRAMES;
  const start = process.cpuUsage();
  let headers = 0;
  for (let frame = 0; frame < frames; frame++) {
    const ingest = tracer.begin();
    ingest?.part('decode', ingest.startMs);
    ingest?.part('encode', ingest.startMs);
    ingest?.end('ingest', { 'banksman.purpose': 'live' });
    const detect = tracer.follow(ingest?.headers ?? own);
    detect?.part('queue', detect.startMs);
    detect?.part('inference', detect.startMs);
    detect?.end('detect', { 'banksman.model': 'yolox-nano', 'banksman.boxes': 2, 'banksman.batch_size': 1 });
    const cleanup = tracer.follow(detect?.headers ?? own);
    cleanup?.end('cleanup', { 'banksman.tracks': 1 });
    const rules = tracer.follow(cleanup?.headers ?? own);
    const transitions = traceTransitions(tracer, rules, []);
    finishRecord(tracer, rules, transitions, record as never);
    if (rules !== undefined) headers += 1;
  }
  const { user, system } = process.cpuUsage(start);
  if (headers !== (on ? frames : 0)) throw new Error('not what was to be measured');
  return ((user + system) * 1_000) / frames;
}

function looked(seq: number) {
  const captureTime = toTimestamp(Date.UTC(2026, 0, 1) + seq * 200);
  const frame = { topic: 'frames.v1', partition: 0, offset: String(seq) };
  const boxes = [person(0.2 + (seq % 300) / 600, 0.8), person(0.7, 0.6)];
  return found(seq, boxes, { captureTime, receiveTime: captureTime, frame });
}

async function stages(on: boolean): Promise<number> {
  const tracer = on ? await tracerOf(true) : undefined;
  const bus = openMemoryBus();
  const deps = { bus, site: 'yard', log: silentLogger, metrics: noMetrics, clock: systemClock };
  const traced = tracer ? { ...deps, tracer } : deps;
  const producer = bus.producer();
  await producer.send('cameras.v1', { key: KEY, value: encodeJson(cameraRecord()) });
  const processors = [new IncidentsProcessor(traced), new CleanupProcessor(traced, { silentMs: 600_000 })];
  for (const processor of processors) await processor.start();
  let covered = 0;
  const over = new AbortController();
  const counting = (async () => {
    for await (const _ of bus.tail('coverage.v1', 'latest', { signal: over.signal })) covered += 1;
  })();
  const start = process.cpuUsage();
  let sent: Promise<unknown> = Promise.resolve();
  for (let seq = 0; seq < RECORDS; seq++) {
    const trace = tracer?.begin();
    trace?.end('detect', { 'banksman.boxes': 2 });
    const message = { key: KEY, value: encodeJson(looked(seq)), ...(trace ? { headers: trace.headers } : {}) };
    sent = producer.send('detections.v1', message);
    if (seq % 100 === 99) await sent;
  }
  await until('all records to be through', async () => {
    const lag = await bus.lag();
    return lag.length > 0 && lag.every(({ committed, end }) => committed === end);
  });
  const { user, system } = process.cpuUsage(start);
  for (const processor of processors) await processor.stop();
  over.abort();
  await counting;
  await bus.close();
  if (covered === 0) throw new Error('not what was to be measured');
  return (user + system) / RECORDS;
}
