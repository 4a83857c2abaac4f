/** What `state.store` asks for beside itself. */
import { redisAddress } from '../runtime/stores/state/redis_options.ts';
import { asText, items, type Report } from './cross_report.ts';
import type { Path } from './tree.ts';

const REDIS: Path = ['state', 'redis'];
/** Of which a site file has one. */
const WHERE = ['url', 'sentinels', 'cluster_nodes'] as const;

export function stateProblems(report: Report): void {
  const section = report.tree.get(REDIS);
  const isRedis = asText(report.tree.get(['state', 'store'])) === 'redis';
  if (isRedis && (section === undefined || section.value === null)) {
    report.add(section ? REDIS : ['state', 'store'], 'CONFIG_MISSING_KEY', 'needs state.redis', {
      mend: 'Add `redis: { url: redis://HOST:PORT }` beside it.',
    });
    return;
  }
  if (section === undefined || section.value === null) return;
  if (!isRedis) {
    report.add(REDIS, 'CONFIG_INVALID_VALUE', 'is given, but state.store is embedded', {
      atKey: true,
      mend: 'Set `store: redis`, or remove it.',
    });
  }
  checkAddresses(report);
}

function checkAddresses(report: Report): void {
  const at = (key: string) => report.tree.get([...REDIS, key]);
  const given = WHERE.filter((key) => at(key) !== undefined);
  const [, second] = given;
  if (given.length === 0) {
    report.add(REDIS, 'CONFIG_MISSING_KEY', 'names no server', {
      mend: 'Add one of url, sentinels with sentinel_name, cluster_nodes.',
    });
  }
  if (second !== undefined) {
    const message = `cannot stand beside ${given[0]}`;
    report.add([...REDIS, second], 'CONFIG_INVALID_VALUE', message, { atKey: true, mend: 'Keep one of them.' });
  }
  if (at('sentinels') !== undefined && at('sentinel_name') === undefined) {
    report.add([...REDIS, 'sentinels'], 'CONFIG_MISSING_KEY', 'need sentinel_name', {
      atKey: true,
      mend: 'Add the name that the Sentinels have for the master, often `sentinel_name: mymaster`.',
    });
  }
  if (at('password') !== undefined && at('password_file') !== undefined) {
    report.add([...REDIS, 'password_file'], 'CONFIG_INVALID_VALUE', 'cannot stand beside password', {
      atKey: true,
      mend: 'Keep one of them.',
    });
  }
  for (const key of ['sentinels', 'cluster_nodes']) {
    const schemes = new Set(items(at(key)).map((node) => redisAddress(asText(node) ?? '')?.tls));
    schemes.delete(undefined);
    if (schemes.size > 1) {
      report.add([...REDIS, key], 'CONFIG_INVALID_VALUE', 'are with and without TLS', {
        atKey: true,
        mend: 'Write all of them with rediss://, or all with redis://.',
      });
    }
  }
  if (items(at('cluster_nodes')).some((node) => (redisAddress(asText(node) ?? '')?.db ?? 0) !== 0)) {
    report.add(
      [...REDIS, 'cluster_nodes'],
      'CONFIG_INVALID_VALUE',
      'name a database, and a Cluster has only database 0',
      {
        atKey: true,
        mend: 'Remove the /N; state.redis.prefix keeps sites apart.',
      },
    );
  }
}
