/**
 * For the kill test: one process of it. `server | producer | consumer`, then a JSON of `KillOptions`.
 * A client ends with code 3 when the bus is lost, as a role does, and whoever spawned it starts it again.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asError, BanksmanError } from '../../errors.ts';
import { connectLocalBus } from './client.ts';
import { busSocketPath } from './paths.ts';
import { LocalBusServer } from './server.ts';

export interface KillOptions {
  dataDir: string;
  /** Of a client: where it writes what happened, a JSON line each. */
  journal: string;
  /** Of a producer. */
  keys: string[];
  /** Of a consumer. */
  group: string;
}

/** A producer's line: the bus said that it has this. */
export interface Acknowledged {
  topic: 'tracks.v1' | 'frames.v1';
  key: string;
  number: number;
  partition: number;
  offset: number;
}

/** A consumer's line. `server` counts the servers there were, `pid` the members. */
export interface Delivered {
  server: number;
  pid: number;
  partition: number;
  offset: number;
}

const IN_FLIGHT = 8;
const PAUSE_MS = 4;

export function readLines<T>(path: string): T[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

function serverNumber(dataDir: string): number {
  const path = join(dataDir, 'servers');
  return existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
}

async function server({ dataDir }: KillOptions): Promise<void> {
  // Before it listens: whoever is connected to this server reads this number or a later one.
  writeFileSync(join(dataDir, 'servers'), String(serverNumber(dataDir) + 1));
  // Longer than any stall: a partition that is taken from a slow member is rightly delivered again.
  const bus = new LocalBusServer({ dataDir, rebalanceLimitMs: 60_000 });
  await bus.start();
  process.once('SIGTERM', () => void bus.stop());
}

async function producer({ dataDir, journal, keys }: KillOptions): Promise<void> {
  const bus = await connectLocalBus(busSocketPath(dataDir), { onLost: lost });
  const producing = bus.producer();
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  const next = new Map(keys.map((key) => [key, 0]));
  for (const { topic, key, number } of readLines<Acknowledged>(journal)) {
    if (topic === 'tracks.v1') next.set(key, Math.max(next.get(key) ?? 0, number + 1));
  }
  const write = (line: Acknowledged): void => appendFileSync(journal, `${JSON.stringify(line)}\n`);
  const run = String(process.pid);
  await Promise.all(
    keys.map(async (key) => {
      const sends = new Set<Promise<void>>();
      for (let number = next.get(key) ?? 0; !stop.signal.aborted; number++) {
        for (const topic of number % 20 === 0 ? (['tracks.v1', 'frames.v1'] as const) : (['tracks.v1'] as const)) {
          const message = { key, headers: { run }, value: Buffer.from(String(number)) };
          const sent = producing.send(topic, message).then((position) => write({ topic, key, number, ...position }));
          sends.add(sent);
          void sent.then(() => sends.delete(sent), fail);
        }
        while (sends.size >= IN_FLIGHT) await Promise.race(sends);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
      await Promise.all(sends);
    }),
  );
  await bus.close();
}

async function consumer({ dataDir, journal, group }: KillOptions): Promise<void> {
  const before = serverNumber(dataDir);
  const bus = await connectLocalBus(busSocketPath(dataDir), { onLost: lost });
  // Between the two another one may have begun, and then it is unknown which this is.
  if (serverNumber(dataDir) !== before) lost();
  const consuming = bus.consumer(
    group,
    ['tracks.v1'],
    (delivery) => {
      const { partition, offset } = delivery;
      const line: Delivered = { server: before, pid: process.pid, partition, offset };
      appendFileSync(journal, `${JSON.stringify(line)}\n`);
      delivery.ack();
    },
    { onError: fail },
  );
  process.once('SIGTERM', () => void consuming.stop().then(() => bus.close()));
  await consuming.start();
}

function lost(): never {
  process.exit(3);
}

function fail(error: unknown): never {
  if (error instanceof BanksmanError && error.retryable) lost();
  console.error(asError(error).stack);
  process.exit(1);
}

if (import.meta.main) {
  const [role = '', options = '{}'] = process.argv.slice(2);
  const run = { server, producer, consumer }[role];
  await run?.(JSON.parse(options)).catch(fail);
}
