import { describe, expect, it } from 'vitest';
import { loadSiteText } from './load.ts';

const load = (state: string) =>
  loadSiteText(`site: yard\ncameras: { gate: { url: "rtsp://h/s" } }\nstate: ${state}\n`, '/etc/site.yaml');

const redis = (section: string) => {
  const result = load(`{ store: redis, redis: { ${section} } }`);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.config.state.redis;
};

const refused = (state: string): string => {
  const result = load(state);
  if (!('problems' in result)) throw new Error('it was not refused');
  return result.problems.map(({ code, path, message, mend }) => `${code} ${path} ${message}. ${mend}`).join('\n');
};

describe('state: redis', () => {
  it('one server, with everything filled in', () => {
    expect(redis('url: "rediss://10.0.0.5:6380/2", password: "${REDIS_PASSWORD}", tls: { ca_file: ca.pem }')).toEqual({
      url: 'rediss://10.0.0.5:6380/2',
      sentinels: [],
      sentinel_name: null,
      sentinel_password: null,
      cluster_nodes: [],
      username: null,
      password: { env: 'REDIS_PASSWORD' },
      tls: { verify: true, ca_file: '/etc/ca.pem', cert_file: null, key_file: null },
      prefix: 'banksman:yard',
      max_incidents: 100_000,
    });
    expect(redis('url: "redis://h", username: cam, password_file: pw, prefix: other')).toMatchObject({
      username: { text: 'cam' },
      password: { file: '/etc/pw' },
      prefix: 'other',
    });
  });

  it('a master that Sentinels name, or a Cluster', () => {
    expect(redis('sentinels: ["redis://a:26379", "redis://[::1]"], sentinel_name: mymaster')).toMatchObject({
      url: null,
      sentinels: ['redis://a:26379', 'redis://[::1]'],
      sentinel_name: 'mymaster',
    });
    expect(redis('cluster_nodes: ["redis://a", "redis://b:7000"]')).toMatchObject({
      cluster_nodes: ['redis://a', 'redis://b:7000'],
    });
  });

  it.each([
    ['{ store: redis }', /^CONFIG_MISSING_KEY state\.store .* needs state\.redis\. Add `redis:/],
    ['{ redis: { url: "redis://h" } }', /^CONFIG_INVALID_VALUE state\.redis .* is given, but .*Set `store: redis`/],
    ['{ store: redis, redis: { prefix: a } }', /names no server\. Add one of url, sentinels/],
    ['{ store: redis, redis: { url: "redis://h", cluster_nodes: ["redis://h"] } }', /cannot stand beside url/],
    ['{ store: redis, redis: { sentinels: ["redis://h"] } }', /need sentinel_name.*mymaster/],
    ['{ store: redis, redis: { cluster_nodes: ["redis://h", "rediss://i"] } }', /with and without TLS/],
    ['{ store: redis, redis: { cluster_nodes: ["redis://h/1"] } }', /only database 0/],
    ['{ store: redis, redis: { url: "http://h" } }', /must be an address such as redis:.*Write redis:\/\/HOST/],
    ['{ store: redis, redis: { url: "redis://h", password: "${A}", password_file: b } }', /beside password/],
    ['{ store: redis, redis: { url: "redis://h", prefix: "a{b}" } }', /letters, digits, dots/],
    ['{ store: reddis }', /Did you mean|redis/],
  ])('%s is refused, with the way to mend it', (state, message) => {
    expect(refused(state)).toMatch(message);
  });

  it.each([
    '{ store: redis, redis: { url: "redis://user:hunter2@h" } }',
    '{ store: redis, redis: { url: "redis://:hunter2@h:6379/0" } }',
    '{ store: redis, redis: { cluster_nodes: ["redis://h:6379?password=hunter2"] } }',
    '{ store: redis, redis: { url: "redis://h", password: hunter2 } }',
    '{ store: redis, redis: { sentinels: ["redis://h"], sentinel_name: a, sentinel_password: hunter2 } }',
  ])('a secret in the file is refused, and never repeated: %s', (state) => {
    const text = refused(state);
    expect(text).toMatch(/^CONFIG_SECRET_IN_FILE /);
    expect(text).not.toContain('hunter2');
  });
});
