import { asError, BanksmanError } from '../../errors.ts';
import { CODE, codeName, isPassing, isUnauthorized } from './codes.ts';

/** What a client library threw, in the words of this product. Never holds a secret: libraries put none in. */
export function toBusError(error: unknown, brokers: readonly string[]): BanksmanError {
  if (error instanceof BanksmanError) return error;
  const chain = causes(error);
  const where = brokers.join(', ');
  const text = chain.map(({ message }) => message).join(': ');
  const told = (code: 'BUS_UNAUTHORIZED' | 'BUS_TLS' | 'BUS_UNREACHABLE', message: string): BanksmanError =>
    new BanksmanError(code, { where, message, cause: error });
  if (chain.some((each) => /sasl|authenticat/i.test(`${each.name} ${each.message}`))) {
    return told('BUS_UNAUTHORIZED', `Kafka refuses the credentials: ${text}`);
  }
  const tls = chain.find((each) => isTls(each));
  if (tls) return told('BUS_TLS', `no TLS connection to Kafka: ${tls.message}`);
  return told('BUS_UNREACHABLE', `Kafka does not answer: ${text}`);
}

/** Of an error code of the protocol. */
export function codeError(errorCode: number, where: string): BanksmanError {
  const message = codeName(errorCode);
  if (isUnauthorized(errorCode)) return new BanksmanError('BUS_UNAUTHORIZED', { where, message });
  if (errorCode === CODE.messageTooLarge || errorCode === CODE.recordListTooLarge) {
    return new BanksmanError('BUS_RECORD_TOO_LARGE', { where });
  }
  return new BanksmanError(isPassing(errorCode) ? 'BUS_UNREACHABLE' : 'BUS_REFUSED', { where, message });
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

function isTls(error: Error): boolean {
  const code = 'code' in error ? String(error.code) : '';
  return (
    /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|EPROTO)/.test(code) ||
    /certificate|Broker requires TLS|SSL routines|ssl3_/i.test(error.message)
  );
}
