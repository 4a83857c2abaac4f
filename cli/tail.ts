import { openBus } from '../runtime/bus/open.ts';
import type { Message } from '../runtime/bus/types.ts';
import { BanksmanError } from '../runtime/errors.ts';
import { cameraKey, TOPICS, topicSpec } from '../runtime/messages/topics.ts';
import { toTimestamp } from '../runtime/time.ts';
import { didYouMean, unknownName } from './names.ts';
import { busAddressOf, loadOrThrow } from './role.ts';
import { commandLogger } from './terminal_log.ts';

export interface TailOptions {
  config: string;
  json?: boolean;
  camera?: string;
  from: 'latest' | 'earliest';
}

/** Follows a topic until Ctrl-C; one record a line. */
export async function tail(topicGiven: string, options: TailOptions): Promise<number> {
  const topic = topicGiven.replace(/^banksman\./, '');
  if (!topicSpec(topic)) throw unknownTopic(topicGiven, topic);
  const { config } = await loadOrThrow(options.config);
  if (options.camera !== undefined && config.cameras[options.camera] === undefined) {
    throw unknownName('--camera', 'camera', options.camera, Object.keys(config.cameras));
  }
  const log = commandLogger('tail', 'warn');
  const bus = await openBus(busAddressOf(config), { clientId: 'banksman-tail', log, onLost: () => undefined });
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
  // A reader that goes away, as `head` does, ends this quietly.
  process.stdout.on('error', () => abort.abort());
  const key = options.camera === undefined ? undefined : cameraKey(config.site, options.camera);
  const messages = bus.tail(topic, options.from, { signal: abort.signal, ...(key === undefined ? {} : { key }) });
  for await (const message of messages) {
    process.stdout.write(`${options.json ? JSON.stringify(asObject(message)) : asLine(message)}\n`);
  }
  await bus.close();
  return 0;
}

function unknownTopic(given: string, topic: string): BanksmanError {
  const names = Object.values(TOPICS).map(({ name }) => name);
  const mend = `${didYouMean(topic, names)}Topics are ${names.join(', ')}.`;
  return new BanksmanError('BUS_UNKNOWN_TOPIC', { where: given, mend });
}

/** The value's own fields beside where it lies; frames without their pictures. */
function asObject(message: Message): Record<string, unknown> {
  const place = { topic: message.topic, partition: message.partition, offset: String(message.offset) };
  if (message.value === null) return { ...place, key: message.key, removed: true };
  if (message.topic === 'frames.v1') return { ...place, ...message.headers, bytes: message.value.length };
  try {
    const value: unknown = JSON.parse(message.value.toString('utf8'));
    return typeof value === 'object' && value !== null ? { ...place, ...value } : { ...place, value };
  } catch {
    return { ...place, key: message.key, unreadable: true };
  }
}

function asLine(message: Message): string {
  const { topic: _topic, partition, offset, ...rest } = asObject(message);
  return `${toTimestamp(message.timestamp)} ${String(partition)}@${String(offset)} ${message.key} ${JSON.stringify(rest)}`;
}
