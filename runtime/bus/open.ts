import type { BanksmanError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { KafkaSettings } from './kafka/settings.ts';
import type { SessionBus } from './session/bus.ts';

/** Where the bus is; plain data, so that a process can tell it to those that it starts. */
export type BusAddress =
  | { readonly type: 'local'; readonly socket: string }
  | { readonly type: 'kafka'; readonly kafka: KafkaSettings };

/**
 * The same bus for processes of which there are many and which send little: loading kafkajs takes a third of the CPU
 * that the other client takes, which decides how soon a dead machine's cameras look again elsewhere.
 */
export function lean(address: BusAddress): BusAddress {
  return address.type === 'kafka' ? { ...address, kafka: { ...address.kafka, client: 'kafkajs' } } : address;
}

export interface OpenBusOptions {
  /** As a broker's log shows this process. */
  readonly clientId: string;
  readonly log: Pick<Logger, 'warn' | 'info'>;
  /** The local bus went away for good; Kafka is waited for. */
  readonly onLost: (error: BanksmanError) => void;
}

/**
 * Connects to the bus, whichever it is. Only the one that is used is loaded: a camera's process pays for each.
 * @throws BanksmanError BUS_UNREACHABLE, BUS_UNAUTHORIZED, BUS_TLS
 */
export async function openBus(address: BusAddress, { clientId, log, onLost }: OpenBusOptions): Promise<SessionBus> {
  if (address.type === 'local') {
    const { connectLocalBus } = await import('./local/client.ts');
    return connectLocalBus(address.socket, { onLost });
  }
  const [{ connectKafkaBus }, { kafkaOptions }] = await Promise.all([
    import('./kafka/connect.ts'),
    import('./kafka/settings.ts'),
  ]);
  return connectKafkaBus(kafkaOptions(address.kafka, clientId), {
    onTrouble: (error, sinceMs) =>
      log.warn({ code: error.code, where: error.where, seconds: Math.round(sinceMs / 1000) }, error.message),
    onHealed: (troubleMs) => log.info({ seconds: Math.round(troubleMs / 1000) }, 'Kafka answers again'),
  });
}
