/** For the fencing test: a processor in a process of its own, so that it can be stopped in the middle of its work. */
import { connectKafkaBus } from '../../runtime/bus/kafka/connect.ts';
import type { KafkaOptions } from '../../runtime/bus/kafka/link.ts';
import type { Bus } from '../../runtime/bus/types.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { noMetrics } from '../../runtime/metrics.ts';
import { IncidentsProcessor } from './incidents.ts';

/** A line each: it reads, it has taken so many records, it has let go of its partitions. */
export type Said = 'ready' | `taken ${number}` | 'released';

const NEVER_MS = 2 ** 31 - 1;

function say(line: Said): void {
  process.stdout.write(`${line}\n`);
}

/** The bus, and what becomes of its deliveries. */
function telling(bus: Bus): Bus {
  let taken = 0;
  return {
    producer: () => bus.producer(),
    consumer: (group, topics, handler, options = {}) =>
      bus.consumer(
        group,
        topics,
        async (delivery) => {
          await handler(delivery);
          say(`taken ${++taken}`);
        },
        {
          ...options,
          onRevoked: async (partitions) => {
            await options.onRevoked?.(partitions);
            say('released');
          },
        },
      ),
    silentMs: bus.silentMs,
    table: (...args) => bus.table(...args),
    tail: (...args) => bus.tail(...args),
    read: (...args) => bus.read(...args),
    partitions: (topic) => bus.partitions(topic),
    lag: () => bus.lag(),
    close: () => bus.close(),
  };
}

if (import.meta.main) {
  const options: KafkaOptions = JSON.parse(process.argv[2] ?? '{}');
  const bus = telling(await connectKafkaBus(options));
  const deps = { bus, site: 'yard', log: silentLogger, metrics: noMetrics, clock: systemClock };
  // Only what it must write by itself: on letting go.
  await new IncidentsProcessor(deps, { snapshotMs: NEVER_MS }).start();
  say('ready');
}
