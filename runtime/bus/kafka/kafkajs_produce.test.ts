import protocol from 'kafkajs/src/protocol/requests/index.js';
import { expect, test } from 'vitest';
import { encodeProduce } from './kafkajs_produce.ts';
import type { ProduceRecord } from './link.ts';

const TIMESTAMP = Date.UTC(2026, 0, 1);
const IDENTITY = { id: 4_294_967_299n, epoch: 3 };

/** What kafkajs itself writes. */
async function asKafkajs(version: number, topicData: unknown): Promise<Buffer> {
  const definition = protocol.requests['Produce'] as {
    protocol(of: { version: number }): (of: object) => { request: { encode(): Promise<{ buffer: Buffer }> } };
  };
  const { request } = definition.protocol({ version })({
    ...{ acks: -1, timeout: 15_000, transactionalId: null, compression: 0, topicData },
    ...{ producerId: IDENTITY.id.toString(), producerEpoch: IDENTITY.epoch },
  });
  return (await request.encode()).buffer;
}

test.each([3, 7])('writes what kafkajs writes, version %d', async (version) => {
  const record = (bytes: number, headers: Record<string, string> = {}): ProduceRecord => ({
    ...{ key: 'baustelle/tür', headers },
    value: Buffer.alloc(bytes, 7),
  });
  const batches = [
    { topic: 'frames.v1', partition: 11, firstSequence: 7, records: [record(50_000, { seq: '1', ü: '' })] },
    { topic: 'cameras.v1', partition: 0, firstSequence: 0, records: [{ key: '', headers: {}, value: null }] },
    {
      ...{ topic: 'frames.v1', partition: 2, firstSequence: 2_000_000_000 },
      records: [0, 1, 62, 63, 64, 8_191, 8_192, 300_000].map((bytes) => record(bytes)),
    },
    { topic: 'tracks.v1', partition: 1, firstSequence: 1, records: Array.from({ length: 200 }, () => record(3)) },
  ];
  const expected = [...Map.groupBy(batches, ({ topic }) => topic)].map(([topic, group]) => ({
    topic,
    partitions: group.map(({ partition, firstSequence, records }) => ({
      ...{ partition, firstSequence },
      messages: records.map(({ key, value, headers }) => ({
        ...{ key: Buffer.from(key), value, headers, timestamp: TIMESTAMP },
      })),
    })),
  }));
  const ours = encodeProduce(batches, IDENTITY, { timeoutMs: 15_000, timestamp: TIMESTAMP });
  expect(ours.buffer.equals(await asKafkajs(version, expected))).toBe(true);
});
