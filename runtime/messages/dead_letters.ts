import type { Message, Producer } from '../bus/types.ts';
import type { Clock } from '../clock.ts';
import { BanksmanError } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import { toTimestamp } from '../time.ts';
import { encodeJson } from './codec.ts';
import type { DeadLetter } from './types.ts';

/** What is larger is cut in the letter, which must itself fit into a record; the coordinates find the rest. */
const MAX_BYTES = 256 * 1024;
const MAX_HEADERS = 64;
const MAX_TEXT = 2_000;

/**
 * Puts a message that could not be handled aside, with the reason, and counts it. Resolves when the
 * letter is durable: acknowledge the message after that, never before.
 */
export async function sendDeadLetter(
  producer: Producer,
  message: Message,
  error: unknown,
  deps: { clock: Clock; metrics: Metrics },
): Promise<void> {
  const reason = error instanceof BanksmanError ? error.code : 'INTERNAL';
  const letter: DeadLetter = {
    source: { topic: message.topic, partition: message.partition, offset: String(message.offset) },
    key: message.key.slice(0, MAX_TEXT),
    headers: bounded(message.headers),
    valueBase64: (message.value ?? Buffer.alloc(0)).subarray(0, MAX_BYTES).toString('base64'),
    reason,
    detail: (error instanceof Error ? error.message : String(error)).slice(0, MAX_TEXT),
    at: toTimestamp(deps.clock.now()),
  };
  await producer.send('dead-letters.v1', { key: letter.key, value: encodeJson(letter) });
  deps.metrics.inc('dead_letters_total', { topic: message.topic, reason });
}

function bounded(headers: Message['headers']): Record<string, string> {
  const kept = Object.entries(headers).slice(0, MAX_HEADERS);
  return Object.fromEntries(kept.map(([name, value]) => [name.slice(0, MAX_TEXT), value.slice(0, MAX_TEXT)]));
}
