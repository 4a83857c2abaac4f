import { expect, test } from 'vitest';
import { openMemoryBus } from '../bus/local/memory.ts';
import type { Message } from '../bus/types.ts';
import { systemClock } from '../clock.ts';
import { BanksmanError } from '../errors.ts';
import { noMetrics } from '../metrics.ts';
import { sendDeadLetter } from './dead_letters.ts';
import { parseMessage } from './schemas.ts';
import type { DeadLetter } from './types.ts';

const MB = 1024 * 1024;

async function letterOf(message: Partial<Message>, error: unknown): Promise<{ letter: DeadLetter; bytes: number }> {
  const bus = openMemoryBus();
  try {
    const whole: Message = {
      ...{ topic: 'tracks.v1', partition: 3, offset: 12, timestamp: 0, key: 'yard/gate', headers: {} },
      value: null,
      ...message,
    };
    await sendDeadLetter(bus.producer(), whole, error, { clock: systemClock, metrics: noMetrics });
    for await (const found of bus.tail('dead-letters.v1', 'earliest', { stopAtEnd: true })) {
      return { letter: parseMessage('dead-letters.v1', found), bytes: found.value?.length ?? 0 };
    }
    throw new Error('no letter');
  } finally {
    await bus.close();
  }
}

test('a letter has the message, where it lay, and why', async () => {
  const error = new BanksmanError('MESSAGE_INVALID', { message: 'not JSON' });
  const { letter } = await letterOf({ headers: { a: 'b' }, value: Buffer.from('<html>') }, error);
  expect(letter).toMatchObject({
    source: { topic: 'tracks.v1', partition: 3, offset: '12' },
    key: 'yard/gate',
    headers: { a: 'b' },
    valueBase64: Buffer.from('<html>').toString('base64'),
    reason: 'MESSAGE_INVALID',
  });
  expect((await letterOf({ value: null }, error)).letter.valueBase64).toBe('');
});

test('a letter is far smaller than a record may be, whatever the message was', async () => {
  const headers = Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`${n}`, '\u0000'.repeat(4_000)]));
  const junk = { key: '\uFFFD'.repeat(MB), headers, value: Buffer.alloc(15 * MB, 0xff) };
  const { bytes } = await letterOf(junk, new Error('+1'.repeat(MB)));
  expect(bytes).toBeLessThan(2 * MB);
});
