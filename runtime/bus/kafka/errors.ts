import { asError, BanksmanError } from '../../errors.ts';
import { CODE, codeName, isPassing, isUnauthorized } from './codes.ts';

/** What a client library threw, in the words of this product. Never holds a secret: libraries put none in. */
export function toBusError(error: unknown, brokers: readonly string[]): BanksmanError {
  if (error instanceof BanksmanError) return error;
  const chain = causes(error);
  const where = brokers.join(', ');
  const text = chain.map(({ message }) => message).join(': ');
  const told = (code: 'BUS_UNAUTHORIZED' | 'BUS_TLS', message: string): BanksmanError =>
    new BanksmanError(code, { where, message, cause: error });
  const refused = chain.find((each) => isUnauthorized(apiCode(each)));
  if (refused) return codeError(apiCode(refused), where);
  const tls = chain.find((each) => isTls(each));
  if (tls) return told('BUS_TLS', `no TLS connection to Kafka: ${tls.message}`);
  const atLogin = chain.some((each) => /sasl|authenticat/i.test(`${each.name} ${each.message}`));
  // Hung up on while it logged in: it goes away, or wants TLS. Who is refused gets an answer.
  if (atLogin && !/closed/i.test(chain.at(-1)?.message ?? '')) {
    return told('BUS_UNAUTHORIZED', `Kafka refuses the credentials: ${text}`);
  }
  return new BanksmanError('BUS_UNREACHABLE', {
    where,
    message: `Kafka does not answer: ${text}`,
    mend: UNREACHABLE,
    cause: error,
  });
}

const UNREACHABLE =
  'Look at bus.kafka.brokers, the network and the brokers. One that wants TLS (bus.kafka.tls) hangs up on who comes without.';

/** Of an error code of the protocol. */
export function codeError(errorCode: number, where: string): BanksmanError {
  const message = codeName(errorCode);
  if (isUnauthorized(errorCode)) return new BanksmanError('BUS_UNAUTHORIZED', { where, message });
  if (errorCode === CODE.messageTooLarge || errorCode === CODE.recordListTooLarge) {
    return new BanksmanError('BUS_RECORD_TOO_LARGE', { where });
  }
  if (errorCode === CODE.invalidSessionTimeout) return sessionRefused(where);
  return new BanksmanError(isPassing(errorCode) ? 'BUS_UNREACHABLE' : 'BUS_REFUSED', { where, message });
}

/** The brokers' bounds for groups leave no room for ours. */
function sessionRefused(where: string): BanksmanError {
  return new BanksmanError('BUS_REFUSED', {
    where,
    message: `Kafka does not allow groups a session of 6 s (${codeName(CODE.invalidSessionTimeout)})`,
    mend: 'Set group.min.session.timeout.ms of the brokers to 6000 (their default) and group.max.session.timeout.ms to 6000 or more: banksman topics check says what they have.',
  });
}

function causes(error: unknown): Error[] {
  const chain: Error[] = [];
  const seen = new Set<unknown>();
  const add = (each: unknown): void => {
    if (each === undefined || each === null || seen.has(each) || chain.length > 8) return;
    seen.add(each);
    const one = asError(each);
    chain.push(one);
    add(one.cause);
    if (one instanceof AggregateError) one.errors.forEach(add);
  };
  add(error);
  return chain;
}

/** Of the protocol, where a library has kept it. */
function apiCode(error: Error): number {
  return 'apiCode' in error && typeof error.apiCode === 'number' ? error.apiCode : CODE.none;
}

function isTls(error: Error): boolean {
  const code = 'code' in error ? String(error.code) : '';
  return (
    /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|EPROTO)/.test(code) ||
    /certificate|Broker requires TLS|SSL routines|ssl3_/i.test(error.message)
  );
}
