import { vi } from 'vitest';
import { topicSpec } from '../messages/topics.ts';
import { partitionOf } from './murmur2.ts';
import type { Message, Producer } from './types.ts';

/** For a slow bus on a loaded machine; what works takes a fraction. */
export const COMPLIANCE_TIMEOUT_MS = 300_000;

/** Waits for a condition, not for a time. */
export function eventually<T>(check: () => T | Promise<T>, timeout = 60_000): Promise<T> {
  return vi.waitFor(check, { timeout, interval: 10 });
}

export function text(message: Message | undefined): string {
  return message?.value?.toString() ?? '';
}

export async function collect(messages: AsyncIterable<Message>): Promise<Message[]> {
  const all: Message[] = [];
  for await (const message of messages) all.push(message);
  return all;
}

/** One after another, all with one key. */
export async function sendAll(
  producer: Producer,
  topic: string,
  values: readonly string[],
  key = 'yard/gate',
): Promise<void> {
  for (const value of values) await producer.send(topic, { key, value: Buffer.from(value) });
}

/** `count` keys that lie in one partition. */
export function keysOf(topic: string, partition: number, count: number): string[] {
  const partitions = topicSpec(topic)?.partitions ?? 1;
  const keys: string[] = [];
  for (let i = 0; keys.length < count; i++) {
    const key = `yard/cam-${i}`;
    if (partitionOf(key, partitions) === partition) keys.push(key);
  }
  return keys;
}
