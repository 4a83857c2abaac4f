import { asError, BanksmanError, type ErrorCode } from '../../errors.ts';

/** What a reply of the server or a failed connection says, by its beginning or its code. */
const KINDS: readonly [ErrorCode, RegExp][] = [
  ['REDIS_UNAUTHORIZED', /^(WRONGPASS|NOAUTH|NOPERM|ERR invalid password|ERR AUTH|ERR Client sent AUTH)/],
  ['STORE_FULL', /^(OOM|MISCONF)/],
  ['REDIS_TLS', /certificate|self-signed|self signed|Hostname\/IP does not match|\bSSL\b|\bTLS\b|EPROTO|ERR_TLS/i],
  [
    'REDIS_UNREACHABLE',
    /^(CLUSTERDOWN|LOADING|READONLY|MASTERDOWN|TRYAGAIN|NOREPLICAS|UNBLOCKED|BUSY )|ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EPIPE|Connection is closed|timed? ?out|Stream isn't writeable|sentinels? (are|is) unreachable|Cluster isn't ready|Cluster redirections|startup nodes|slots cache|Connection is aborted|aborted due to connection close|max retries per request/i,
  ],
];

/**
 * In our codes. The error of the client is left out: it carries the command with its arguments, which may be
 * a password or a picture.
 */
export function redisError(thrown: unknown, where: string): BanksmanError {
  if (thrown instanceof BanksmanError) return thrown;
  const error = innermost(asError(thrown));
  const text = `${error.message} ${String(Reflect.get(error, 'code') ?? '')}`.trim();
  const code = KINDS.find(([, pattern]) => pattern.test(text))?.[0] ?? 'STORE_FAILED';
  if (code !== 'STORE_FULL') return new BanksmanError(code, { where, message: `${what(code)} (${text})` });
  return new BanksmanError(code, {
    where,
    message: `Redis takes no more (${text})`,
    mend: 'Raise maxmemory or mend its disk; or lower evidence.retention.records_days or state.redis.max_incidents.',
  });
}

function what(code: ErrorCode): string {
  if (code === 'REDIS_UNAUTHORIZED') return 'Redis refused user or password';
  if (code === 'REDIS_TLS') return 'the TLS connection to Redis failed';
  return code === 'REDIS_UNREACHABLE' ? 'Redis does not answer' : 'Redis failed';
}

/** A Cluster client says that all nodes failed, and keeps what the last one said. */
function innermost(error: Error): Error {
  const inner: unknown = Reflect.get(error, 'lastNodeError');
  return inner instanceof Error ? inner : error;
}
