import { SessionBus } from '../session/bus.ts';
import type { ClusterEvents } from './attempts.ts';
import { Cluster } from './cluster.ts';
import type { KafkaDriver, KafkaOptions } from './link.ts';
import { KafkaSession } from './session.ts';

/**
 * Connects to a Kafka cluster. Later on it rides out restarts and changes of leader by itself.
 * @throws BanksmanError BUS_UNREACHABLE, BUS_UNAUTHORIZED, BUS_TLS when no broker can be reached at the first attempt
 */
export async function connectKafkaBus(options: KafkaOptions, events: ClusterEvents = {}): Promise<SessionBus> {
  const cluster = new Cluster(options, await loadDriver(options), events);
  try {
    await cluster.reach();
  } catch (error) {
    await cluster.close();
    throw error;
  }
  return new SessionBus(new KafkaSession(cluster));
}

/** Only the one that is used: a camera's process pays for each. */
async function loadDriver(options: KafkaOptions): Promise<KafkaDriver> {
  if (options.client === 'kafkajs') return (await import('./driver_kafkajs.ts')).kafkajsDriver(options);
  return (await import('./driver_platformatic.ts')).platformaticDriver(options);
}
