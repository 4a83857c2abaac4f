import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisCluster, RedisServer } from '../../../test/services/redis.ts';
import { type StateUnderTest, stateStoreCompliance } from './compliance.ts';
import { RedisStateStore } from './redis.ts';
import type { RedisOptions } from './redis_options.ts';
import { RedisStateReader } from './redis_reader.ts';
import { redisOptions } from './redis_testing.ts';

let prefixes = 0;
/** Each test has a store of its own on a shared server. */
const own = (): Partial<RedisOptions> => {
  prefixes += 1;
  return { prefix: `test-${prefixes}` };
};

function underTest(options: RedisOptions): StateUnderTest {
  const [store, other, reader] = [
    new RedisStateStore(options),
    new RedisStateStore(options),
    new RedisStateReader(options),
  ];
  const cleanUp = async (): Promise<void> => {
    await Promise.all([store.close(), other.close(), reader.close()]);
  };
  return { store, other, reader, cleanUp };
}

describe('one server', () => {
  const server = new RedisServer();
  beforeAll(() => server.start(), 60_000);
  afterAll(() => server.stop());
  stateStoreCompliance(
    'redis',
    async () => {
      const options = redisOptions({ url: server.url, ...own() });
      return underTest(options);
    },
    'several',
  );
});

describe('a cluster of three', () => {
  const cluster = new RedisCluster();
  beforeAll(() => cluster.start(), 120_000);
  afterAll(() => cluster.stop());
  stateStoreCompliance(
    'redis cluster',
    async () => {
      const options = redisOptions({ cluster_nodes: cluster.urls, ...own() });
      return underTest(options);
    },
    'several',
  );

  it('spreads cameras over its nodes', async () => {
    expect(await Promise.all(cluster.nodes.map(async (node) => Number(await node.command('DBSIZE')) > 0))).toEqual(
      cluster.nodes.map(() => true),
    );
  });
});
