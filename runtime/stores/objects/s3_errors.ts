/** What an S3 store or the way to it says, in our codes: what is wrong, where, and who can mend it. */
import { asError, BanksmanError, ERRORS, type ErrorCode } from '../../errors.ts';

const BY_NAME: Readonly<Record<string, ErrorCode>> = {
  NoSuchBucket: 'STORE_NO_BUCKET',
  AccessDenied: 'STORE_FORBIDDEN',
  AllAccessDisabled: 'STORE_FORBIDDEN',
  AccountProblem: 'STORE_FORBIDDEN',
  Forbidden: 'STORE_FORBIDDEN',
  CredentialsProviderError: 'STORE_CREDENTIALS',
  ExpiredToken: 'STORE_CREDENTIALS',
  ExpiredTokenException: 'STORE_CREDENTIALS',
  InvalidAccessKeyId: 'STORE_CREDENTIALS',
  InvalidClientTokenId: 'STORE_CREDENTIALS',
  InvalidToken: 'STORE_CREDENTIALS',
  SignatureDoesNotMatch: 'STORE_CREDENTIALS',
  AuthorizationHeaderMalformed: 'STORE_WRONG_REGION',
  IncorrectEndpoint: 'STORE_WRONG_REGION',
  PermanentRedirect: 'STORE_WRONG_REGION',
  TemporaryRedirect: 'STORE_WRONG_REGION',
  RequestExpired: 'STORE_CLOCK_SKEW',
  RequestTimeTooSkewed: 'STORE_CLOCK_SKEW',
  InsufficientCapacity: 'STORE_FULL',
  QuotaExceeded: 'STORE_FULL',
  InternalError: 'STORE_UNAVAILABLE',
  RequestTimeout: 'STORE_UNAVAILABLE',
  ServiceUnavailable: 'STORE_UNAVAILABLE',
  SlowDown: 'STORE_UNAVAILABLE',
  TooManyRequests: 'STORE_UNAVAILABLE',
};

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  301: 'STORE_WRONG_REGION',
  307: 'STORE_WRONG_REGION',
  401: 'STORE_CREDENTIALS',
  403: 'STORE_FORBIDDEN',
  429: 'STORE_UNAVAILABLE',
  507: 'STORE_FULL',
};

interface Seen {
  name: string;
  message: string;
  status: number | undefined;
}

/** Names of the SDK's errors are the codes of S3; what never reached the store has no status. */
function look(error: Error): Seen {
  const metadata: unknown = Reflect.get(error, '$metadata');
  const status: unknown =
    typeof metadata === 'object' && metadata ? Reflect.get(metadata, 'httpStatusCode') : undefined;
  const code: unknown = Reflect.get(error, 'code');
  const network = typeof code === 'string' && typeof status !== 'number';
  return {
    name: network ? code : error.name,
    message: error.message,
    status: typeof status === 'number' ? status : undefined,
  };
}

export function statusOf(error: unknown): number | undefined {
  return error instanceof Error ? look(error).status : undefined;
}

export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

/** @param where bucket and key. */
export function toStoreError(thrown: unknown, where: string): BanksmanError {
  if (thrown instanceof BanksmanError) return thrown;
  const { name, message, status } = look(asError(thrown));
  if (name.startsWith('KMS.')) {
    return new BanksmanError('STORE_FORBIDDEN', {
      where,
      message: `the key of the encryption cannot be used (${name})`,
      mend: 'Check evidence.s3.kms_key_id, that the key is enabled, and that these credentials may use it.',
    });
  }
  if (/region is missing/i.test(message)) {
    return new BanksmanError('STORE_WRONG_REGION', {
      where,
      message: 'no region is given',
      mend: 'Set evidence.s3.region.',
    });
  }
  const code = BY_NAME[name] ?? (status === undefined ? undefined : (BY_STATUS[status] ?? beyond(status)));
  // Without a status nobody has answered: refused, unknown host, TLS, cut off, too slow.
  const known = code ?? (status === undefined ? 'STORE_UNREACHABLE' : 'STORE_FAILED');
  const words = message === '' || message === 'UnknownError' ? '' : `: ${message.slice(0, 300)}`;
  const detail = `${status === undefined ? '' : `${status} `}${name}${words}`;
  // The cause stays out: it carries the signed request.
  return new BanksmanError(known, { where, message: `${ERRORS[known].message} (${detail})` });
}

function beyond(status: number): ErrorCode | undefined {
  return status >= 500 && status !== 501 ? 'STORE_UNAVAILABLE' : undefined;
}
