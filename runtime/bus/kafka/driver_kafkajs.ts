/**
 * kafkajs below its own producer and consumer: its connections and its protocol, so that both clients behave alike
 * in groups and back-pressure. Its answers are read without its checks, which throw at the first error code of many.
 */
import Broker from 'kafkajs/src/broker/index.js';
import loggers from 'kafkajs/src/loggers/index.js';
import ConnectionPool from 'kafkajs/src/network/connectionPool.js';
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';
import makeSocketFactory from 'kafkajs/src/network/socketFactory.js';
import Decoder from 'kafkajs/src/protocol/decoder.js';
import type Encoder from 'kafkajs/src/protocol/encoder.js';
import decodeBatch from 'kafkajs/src/protocol/recordBatch/v0/decoder.js';
import apiKeys from 'kafkajs/src/protocol/requests/apiKeys.js';
import protocol from 'kafkajs/src/protocol/requests/index.js';
import { type FetchedRecord, NO_HEADERS } from '../session/session.ts';
import { CODE } from './codes.ts';
import { encodeProduce } from './kafkajs_produce.ts';
import {
  CONNECT_MS,
  type Fetched,
  type KafkaDriver,
  type KafkaLink,
  type KafkaOptions,
  type KafkaSasl,
  REQUEST_MS,
} from './link.ts';
import { toTls } from './tls.ts';

const ALL_REPLICAS = -1;
const READ_UNCOMMITTED = 0;
const CONSUMER = 'consumer';
/** Length, magic and counts in front of the records of a batch. */
const BATCH_OVERHEAD = 49;

interface Topic<P> {
  readonly topic: string;
  readonly partitions: readonly ({ readonly partition: number; readonly errorCode: number } & P)[];
}

/** As it comes it wakes up every millisecond for each connection, for ever, to see that no request waits. */
const scheduleCheck = RequestQueue.prototype.scheduleCheckPendingRequests;
RequestQueue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
  if (this.pending.length > 0) scheduleCheck.call(this);
};

export function kafkajsDriver(options: KafkaOptions): KafkaDriver {
  // Its own log is silent: what goes wrong is told by who asked.
  const logger = loggers.createLogger({ level: loggers.LEVELS.NOTHING, logCreator: () => () => {} });
  const socketFactory = makeSocketFactory();
  return {
    name: 'kafkajs',
    connect: async ({ host, port }) => {
      const connectionPool = new ConnectionPool({
        host,
        port,
        logger,
        socketFactory,
        clientId: options.clientId,
        ssl: options.tls ? toTls(options.tls()) : undefined,
        sasl: options.sasl ? await toSasl(options.sasl) : undefined,
        connectionTimeout: CONNECT_MS,
        requestTimeout: REQUEST_MS,
        enforceRequestTimeout: true,
        maxInFlightRequests: null,
        reauthenticationThreshold: 10_000,
      });
      const broker = new Broker({ connectionPool, logger, allowAutoTopicCreation: false });
      await broker.connect();
      return link(broker, connectionPool);
    },
  };
}

async function toSasl(sasl: KafkaSasl): Promise<Record<string, unknown>> {
  if (sasl.mechanism === 'OAUTHBEARER') {
    return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await sasl.token() }) };
  }
  return {
    mechanism: sasl.mechanism.toLowerCase(),
    username: await sasl.username(),
    password: await sasl.password(),
  };
}

function link(broker: Broker, pool: ConnectionPool): KafkaLink {
  const call = async <T>(
    api: string,
    request: Record<string, unknown>,
    decode?: (data: Buffer) => Promise<T>,
    body?: Encoder,
  ) => {
    const key = apiKeys[api] ?? -1;
    const built = broker.lookupRequest(key, protocol.requests[api] ?? {})(request);
    const answer = await pool.send({
      request: body ? { ...built.request, encode: async () => body } : built.request,
      response: { decode: decode ?? built.response.decode, parse: async (data) => data },
      logResponseError: false,
    });
    return answer as T;
  };

  return {
    get isOpen() {
      return broker.isConnected();
    },

    metadata: async (topics) => {
      const answer = await call<{
        brokers: { nodeId: number; host: string; port: number }[];
        controllerId: number;
        topicMetadata: {
          topicErrorCode: number;
          topic: string;
          partitionMetadata: { partitionErrorCode: number; partitionId: number; leader: number }[];
        }[];
      }>('Metadata', { topics: topics ?? [], allowAutoTopicCreation: false });
      return {
        controller: answer.controllerId,
        brokers: answer.brokers.map(({ nodeId, host, port }) => ({ id: nodeId, host, port })),
        topics: answer.topicMetadata.map(({ topic, topicErrorCode, partitionMetadata }) => ({
          name: topic,
          errorCode: topicErrorCode,
          partitions: partitionMetadata.map(({ partitionId, leader, partitionErrorCode }) => ({
            partition: partitionId,
            leader,
            errorCode: partitionErrorCode,
          })),
        })),
      };
    },

    initProducer: async () => {
      const request = { transactionalId: null, transactionTimeout: 0 };
      const answer = await call<{ errorCode: number; producerId: string; producerEpoch: number }>(
        'InitProducerId',
        request,
      );
      return {
        errorCode: answer.errorCode,
        identity: { id: BigInt(answer.producerId), epoch: answer.producerEpoch },
      };
    },

    produce: async (batches, identity) => {
      const body = encodeProduce(batches, identity, { timeoutMs: REQUEST_MS, timestamp: Date.now() });
      const answer = await call<{
        topics: { topicName: string; partitions: { partition: number; errorCode: number; baseOffset: string }[] }[];
      }>('Produce', { acks: ALL_REPLICAS, topicData: [] }, undefined, body);
      return answer.topics.flatMap(({ topicName, partitions }) =>
        partitions.map(({ partition, errorCode, baseOffset }) => ({
          topic: topicName,
          partition,
          errorCode,
          baseOffset: Number(baseOffset),
        })),
      );
    },

    fetch: async (partitions, maxWaitTime, maxBytes) => {
      const asked = new Map(partitions.map((each) => [`${each.topic}/${each.partition}`, each.offset]));
      const topics = byTopic(partitions, ({ partition, offset, maxBytes: bytes }) => ({
        partition,
        fetchOffset: String(offset),
        maxBytes: bytes,
      }));
      const request = { maxWaitTime, minBytes: 1, maxBytes, isolationLevel: READ_UNCOMMITTED, topics, rackId: '' };
      return call('Fetch', request, (data) =>
        decodeFetch(data, (topic, partition) => asked.get(`${topic}/${partition}`) ?? 0),
      );
    },

    offsets: async (queries) => {
      const topics = byTopic(queries, ({ partition, time }) => ({ partition, timestamp: String(time) }));
      const answer = await call<{ responses: Topic<{ offset: string }>[] }>('ListOffsets', {
        replicaId: -1,
        isolationLevel: READ_UNCOMMITTED,
        topics,
      });
      return withOffsets(answer.responses);
    },

    coordinator: async (group) => {
      const answer = await call<{ errorCode: number; coordinator: { nodeId: number; host: string; port: number } }>(
        'GroupCoordinator',
        { groupId: group },
      );
      const { nodeId, host, port } = answer.coordinator;
      return { errorCode: answer.errorCode, broker: { id: nodeId, host, port } };
    },

    groups: async () => {
      const answer = await call<{ groups: { groupId: string }[] }>('ListGroups', {});
      return answer.groups.map(({ groupId }) => groupId);
    },

    join: async ({ group, memberId, sessionMs, rebalanceMs, protocol: name, metadata }) => {
      const answer = await call<{
        errorCode: number;
        memberId: string;
        generationId: number;
        leaderId: string;
        members: { memberId: string; memberMetadata: Buffer }[];
      }>('JoinGroup', {
        groupId: group,
        sessionTimeout: sessionMs,
        rebalanceTimeout: rebalanceMs,
        memberId,
        protocolType: CONSUMER,
        groupProtocols: [{ name, metadata }],
      });
      return {
        errorCode: answer.errorCode,
        memberId: answer.memberId,
        generation: answer.generationId,
        leader: answer.leaderId,
        members: answer.members.map(({ memberId: id, memberMetadata }) => ({ memberId: id, metadata: memberMetadata })),
      };
    },

    sync: async ({ group, generation, memberId }, _protocol, assignments) => {
      const answer = await call<{ errorCode: number; memberAssignment: Buffer | null }>('SyncGroup', {
        groupId: group,
        generationId: generation,
        memberId,
        groupAssignment: assignments.map(({ memberId: id, assignment }) => ({
          memberId: id,
          memberAssignment: assignment,
        })),
      });
      return { errorCode: answer.errorCode, assignment: answer.memberAssignment ?? Buffer.alloc(0) };
    },

    heartbeat: async ({ group, generation, memberId }) => {
      const request = { groupId: group, groupGenerationId: generation, memberId };
      return (await call<{ errorCode: number }>('Heartbeat', request)).errorCode;
    },

    leave: async ({ group, memberId }) =>
      (await call<{ errorCode: number }>('LeaveGroup', { groupId: group, memberId, members: [{ memberId }] }))
        .errorCode,

    commit: async ({ group, generation, memberId }, positions) => {
      const topics = byTopic(positions, ({ partition, offset }) => ({ partition, offset: String(offset) }));
      const answer = await call<{ responses: Topic<object>[] }>('OffsetCommit', {
        groupId: group,
        groupGenerationId: generation,
        memberId,
        topics,
      });
      return answer.responses.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, errorCode }) => ({ topic, partition, errorCode })),
      );
    },

    committed: async (groupId, partitions) => {
      const topics = byTopic(partitions, ({ partition }) => ({ partition }));
      const answer = await call<{ errorCode?: number; responses: Topic<{ offset: string }>[] }>('OffsetFetch', {
        groupId,
        topics,
      });
      const overall = answer.errorCode ?? CODE.none;
      return withOffsets(answer.responses).map((each) => ({ ...each, errorCode: each.errorCode || overall }));
    },

    close: () => broker.disconnect(),
    destroy: () => {
      for (const { socket } of pool.pool) socket?.destroy();
    },
  };
}

function byTopic<T extends { topic: string }, R>(all: readonly T[], of: (each: T) => R) {
  return [...Map.groupBy(all, ({ topic }) => topic)].map(([topic, group]) => ({ topic, partitions: group.map(of) }));
}

function withOffsets(topics: readonly Topic<{ offset: string }>[]) {
  return topics.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, errorCode, offset }) => ({ topic, partition, errorCode, offset: Number(offset) })),
  );
}

/** Fetch answer, version 11. kafkajs' own leaves out how far an empty batch, as compaction leaves them, reaches. */
async function decodeFetch(data: Buffer, asked: (topic: string, partition: number) => number): Promise<Fetched[]> {
  const decoder = new Decoder(data);
  // Throttling, error and session of the whole.
  decoder.readInt32();
  decoder.readInt16();
  decoder.readInt32();
  const topics = await decoder.readArrayAsync(async (topic) => {
    const name = topic.readString();
    return topic.readArrayAsync((partition) => decodePartition(partition, name, asked));
  });
  return topics.flat();
}

async function decodePartition(
  decoder: Decoder,
  topic: string,
  asked: (topic: string, partition: number) => number,
): Promise<Fetched> {
  const partition = decoder.readInt32();
  const errorCode = decoder.readInt16();
  const end = Number(decoder.readInt64().toString());
  decoder.readInt64();
  const start = Number(decoder.readInt64().toString());
  decoder.readArray((aborted) => [aborted.readInt64(), aborted.readInt64()]);
  decoder.readInt32();
  const from = asked(topic, partition);
  const records: FetchedRecord[] = [];
  let next = from;
  const size = decoder.readInt32();
  const batches = new Decoder(size > 0 ? decoder.readBytes(size) : Buffer.alloc(0));
  while (batches.canReadBytes(BATCH_OVERHEAD)) {
    try {
      const batch = await decodeBatch(batches);
      next = Math.max(next, Number(batch.firstOffset) + batch.lastOffsetDelta + 1);
      for (const record of batch.records) {
        const offset = Number(record.offset);
        // A batch comes whole, also what lies below the offset asked for.
        if (offset >= from && !record.isControlRecord) records.push(toRecord(offset, record));
      }
    } catch (error) {
      // The last one may be cut off where the answer is full.
      if (error instanceof Error && error.name === 'KafkaJSPartialMessageError') break;
      throw error;
    }
  }
  return { topic, partition, errorCode, start, end, records, next };
}

type DecodedRecord = Awaited<ReturnType<typeof decodeBatch>>['records'][number];

function toRecord(offset: number, { timestamp, key, value, headers }: DecodedRecord): FetchedRecord {
  const entries = Object.entries(headers);
  return {
    offset,
    timestamp: Number(timestamp),
    key: key?.toString() ?? '',
    headers:
      entries.length === 0 ? NO_HEADERS : Object.fromEntries(entries.map(([name, text]) => [name, String(text ?? '')])),
    value,
  };
}
