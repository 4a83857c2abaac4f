import {
  Connection,
  fetchV12,
  findCoordinatorV4,
  heartbeatV4,
  initProducerIdV4,
  joinGroupV7,
  leaveGroupV4,
  listGroupsV4,
  listOffsetsV7,
  type MessageRecord,
  metadataV9,
  NumericMap,
  offsetCommitV8,
  offsetFetchV7,
  produceV9,
  ResponseError,
  type SASLOptions,
  syncGroupV5,
} from '@platformatic/kafka';
import type { FetchedRecord } from '../session/session.ts';
import { CODE } from './codes.ts';
import {
  CONNECT_MS,
  type Fetched,
  type KafkaDriver,
  type KafkaLink,
  type KafkaOptions,
  type KafkaSasl,
  REQUEST_MS,
} from './link.ts';
import { decodeHeaders } from './records.ts';
import { hasName, toTls } from './tls.ts';

/** Set in a batch's attributes where the broker stamps records when it takes them. */
const LOG_APPEND_TIME = 1 << 3;
const CONTROL = 1 << 5;
const READ_UNCOMMITTED = 0;
const ALL_REPLICAS = -1;
const CONSUMER = 'consumer';

export function platformaticDriver(options: KafkaOptions): KafkaDriver {
  const { tls, sasl } = options;
  return {
    name: 'platformatic',
    connect: async ({ host, port }) => {
      const connection = new Connection(options.clientId, {
        connectTimeout: CONNECT_MS,
        requestTimeout: REQUEST_MS,
        ...(tls && { tls: toTls(tls()), tlsServerName: hasName(host) }),
        ...(sasl && { sasl: toSasl(sasl) }),
      });
      // Failures are told by the calls; an event without a listener would end the process.
      connection.on('error', () => {});
      await connection.connect(host, port);
      return link(connection);
    },
  };
}

function toSasl(sasl: KafkaSasl): SASLOptions {
  if (sasl.mechanism === 'OAUTHBEARER') return { mechanism: sasl.mechanism, token: sasl.token };
  return { mechanism: sasl.mechanism, username: sasl.username, password: sasl.password };
}

/** The library rejects an answer in which anything has an error code; here the codes are the answer. */
async function answered<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ResponseError && 'response' in error && error.response) return error.response as T;
    throw error;
  }
}

function link(connection: Connection): KafkaLink {
  return {
    get isOpen() {
      return connection.isConnected();
    },

    metadata: async (topics) => {
      const answer = await answered(metadataV9.api.async(connection, topics ? [...topics] : null, false, false, false));
      return {
        controller: answer.controllerId,
        brokers: answer.brokers.map(({ nodeId, host, port }) => ({ id: nodeId, host, port })),
        topics: answer.topics.map(({ name, errorCode, partitions }) => ({
          name,
          errorCode,
          partitions: partitions.map(({ partitionIndex, leaderId, errorCode: code }) => ({
            partition: partitionIndex,
            leader: leaderId,
            errorCode: code,
          })),
        })),
      };
    },

    initProducer: async () => {
      const answer = await answered(initProducerIdV4.api.async(connection, null, 0, -1n, -1));
      return { errorCode: answer.errorCode, identity: { id: answer.producerId, epoch: answer.producerEpoch } };
    },

    produce: async (batches, identity) => {
      const sequences = new NumericMap();
      const messages: MessageRecord[] = [];
      for (const { topic, partition, firstSequence, records } of batches) {
        sequences.set(`${topic}:${partition}`, firstSequence);
        for (const { key, headers, value } of records) {
          messages.push({
            topic,
            partition,
            key: Buffer.from(key),
            // The library takes null as Kafka does, its types do not know.
            value: value as Buffer,
            headers: new Map(Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
          });
        }
      }
      const answer = await answered(
        produceV9.api.async(connection, ALL_REPLICAS, REQUEST_MS, messages, {
          producerId: identity.id,
          producerEpoch: identity.epoch,
          sequences,
        }),
      );
      if (typeof answer === 'boolean') return [];
      return answer.responses.flatMap(({ name, partitionResponses }) =>
        partitionResponses.map(({ index, errorCode, baseOffset }) => ({
          topic: name,
          partition: index,
          errorCode,
          baseOffset: Number(baseOffset),
        })),
      );
    },

    fetch: async (partitions, maxWaitMs, maxBytes) => {
      const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([topicId, of]) => ({
        topicId,
        partitions: of.map(({ partition, offset, maxBytes: bytes }) => ({
          partition,
          currentLeaderEpoch: -1,
          fetchOffset: BigInt(offset),
          lastFetchedEpoch: -1,
          partitionMaxBytes: bytes,
        })),
      }));
      const answer = await answered(
        fetchV12.api.async(connection, maxWaitMs, 1, maxBytes, READ_UNCOMMITTED, 0, -1, topics, [], ''),
      );
      const asked = new Map(partitions.map((each) => [`${each.topic}/${each.partition}`, each.offset]));
      return answer.responses.flatMap(({ topicId, partitions: of }) =>
        of.map((each) => toFetched(topicId, each, asked.get(`${topicId}/${each.partitionIndex}`) ?? 0)),
      );
    },

    offsets: async (queries) => {
      const topics = [...Map.groupBy(queries, ({ topic }) => topic)].map(([name, of]) => ({
        name,
        partitions: of.map(({ partition, time }) => ({
          partitionIndex: partition,
          currentLeaderEpoch: -1,
          timestamp: BigInt(time),
        })),
      }));
      const answer = await answered(listOffsetsV7.api.async(connection, -1, READ_UNCOMMITTED, topics));
      return answer.topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, errorCode, offset }) => ({
          topic: name,
          partition: partitionIndex,
          errorCode,
          offset: Number(offset),
        })),
      );
    },

    coordinator: async (group) => {
      const answer = await answered(findCoordinatorV4.api.async(connection, 0, [group]));
      const [found] = answer.coordinators;
      if (!found) return { errorCode: CODE.coordinatorNotAvailable, broker: { id: -1, host: '', port: 0 } };
      return { errorCode: found.errorCode, broker: { id: found.nodeId, host: found.host, port: found.port } };
    },

    groups: async () => {
      const answer = await answered(listGroupsV4.api.async(connection, [], []));
      return answer.groups.map(({ groupId }) => groupId);
    },

    join: async ({ group, memberId, sessionMs, rebalanceMs, protocol, metadata }) => {
      const protocols = [{ name: protocol, metadata }];
      const answer = await answered(
        joinGroupV7.api.async(connection, group, sessionMs, rebalanceMs, memberId, null, CONSUMER, protocols),
      );
      return {
        errorCode: answer.errorCode,
        memberId: answer.memberId,
        generation: answer.generationId,
        leader: answer.leader,
        members: answer.members,
      };
    },

    sync: async ({ group, generation, memberId }, protocol, assignments) => {
      const answer = await answered(
        syncGroupV5.api.async(connection, group, generation, memberId, null, CONSUMER, protocol, [...assignments]),
      );
      return { errorCode: answer.errorCode, assignment: answer.assignment };
    },

    heartbeat: async ({ group, generation, memberId }) =>
      (await answered(heartbeatV4.api.async(connection, group, generation, memberId))).errorCode,

    leave: async ({ group, memberId }) =>
      (await answered(leaveGroupV4.api.async(connection, group, [{ memberId }]))).errorCode,

    commit: async ({ group, generation, memberId }, positions) => {
      const topics = [...Map.groupBy(positions, ({ topic }) => topic)].map(([name, of]) => ({
        name,
        partitions: of.map(({ partition, offset }) => ({
          partitionIndex: partition,
          committedOffset: BigInt(offset),
          committedLeaderEpoch: -1,
        })),
      }));
      const answer = await answered(offsetCommitV8.api.async(connection, group, generation, memberId, null, topics));
      return answer.topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, errorCode }) => ({ topic: name, partition: partitionIndex, errorCode })),
      );
    },

    committed: async (groupId, partitions) => {
      const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, of]) => ({
        name,
        partitionIndexes: of.map(({ partition }) => partition),
      }));
      const answer = await answered(offsetFetchV7.api.async(connection, [{ groupId, topics }], true));
      return answer.topics.flatMap(({ name, partitions: of }) =>
        of.map(({ partitionIndex, committedOffset, errorCode }) => ({
          topic: name,
          partition: partitionIndex,
          errorCode: errorCode === CODE.none ? answer.errorCode : errorCode,
          offset: Number(committedOffset),
        })),
      );
    },

    close: () => connection.close(),
    destroy: () => connection.socket?.destroy(),
  };
}

type FetchedPartition = fetchV12.FetchResponse['responses'][number]['partitions'][number];

function toFetched(topic: string, answer: FetchedPartition, from: number): Fetched {
  const records: FetchedRecord[] = [];
  let next = from;
  for (const batch of answer.records ?? []) {
    const first = Number(batch.firstOffset);
    next = Math.max(next, first + batch.lastOffsetDelta + 1);
    if (batch.attributes & CONTROL) continue;
    const appended = batch.attributes & LOG_APPEND_TIME ? Number(batch.maxTimestamp) : null;
    const firstTimestamp = Number(batch.firstTimestamp);
    for (const record of batch.records) {
      const offset = first + record.offsetDelta;
      // A batch comes whole, also what lies below the offset asked for.
      if (offset < from) continue;
      records.push({
        offset,
        timestamp: appended ?? firstTimestamp + Number(record.timestampDelta),
        key: record.key?.toString() ?? '',
        headers: decodeHeaders(record.headers),
        value: record.value,
      });
    }
  }
  return {
    topic,
    partition: answer.partitionIndex,
    errorCode: answer.errorCode,
    start: Number(answer.logStartOffset),
    end: Number(answer.highWatermark),
    records,
    next,
  };
}
