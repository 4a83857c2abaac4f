import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { asError, BanksmanError } from '../../errors.ts';
import type { SecretRef } from '../../messages/types.ts';
import { resolveSecret } from '../../secrets.ts';
import type { KafkaOptions, KafkaSasl, KafkaTls } from './link.ts';
import { type OAuthSettings, OAuthToken } from './oauth.ts';

/** `bus.kafka` of the site file, resolved: plain data that may travel to another process, secrets as references. */
export interface KafkaSettings {
  readonly brokers: readonly string[];
  readonly client: 'platformatic' | 'kafkajs';
  readonly prefix: string;
  readonly tls: {
    readonly verify: boolean;
    readonly ca_file: string | null;
    readonly cert_file: string | null;
    readonly key_file: string | null;
  } | null;
  readonly sasl: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer';
    readonly username: SecretRef | null;
    readonly password: SecretRef | null;
    /** A token that somebody else renews. */
    readonly token_file: string | null;
    readonly oauth: OAuthSettings | null;
  } | null;
  readonly topics: {
    readonly partitions: number;
    readonly replication: number;
    readonly frames_max_age_s: number;
    /** Of one partition. */
    readonly frames_max_bytes: number;
  };
}

/** What the clients take. Files and secrets are read at each connection, so that renewed ones hold at once. */
export function kafkaOptions(settings: KafkaSettings, clientId: string): KafkaOptions {
  const { brokers, client, prefix, tls, sasl } = settings;
  return {
    brokers,
    client,
    prefix,
    clientId,
    ...(tls && { tls: () => readTls(tls) }),
    ...(sasl && { sasl: toSasl(sasl) }),
  };
}

function readTls(tls: NonNullable<KafkaSettings['tls']>): KafkaTls {
  const ca = pem(tls.ca_file);
  const cert = pem(tls.cert_file);
  if (tls.cert_file !== null && cert !== undefined) checkInForce(tls.cert_file, cert);
  const key = pem(tls.key_file);
  return {
    verify: tls.verify,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

function pem(file: string | null): string | undefined {
  if (file === null) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new BanksmanError('BUS_TLS', { where: file, message: `cannot be read: ${asError(error).message}` });
  }
}

/** A broker says no more of it than that the connection is closed. */
function checkInForce(where: string, cert: string): void {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(cert);
  } catch (error) {
    throw new BanksmanError('BUS_TLS', { where, message: `is no certificate: ${asError(error).message}` });
  }
  const now = Date.now();
  const [begins, ends] = [Date.parse(parsed.validFrom), Date.parse(parsed.validTo)];
  if (ends < now) throw new BanksmanError('BUS_TLS', { where, message: `the certificate ended at ${parsed.validTo}` });
  if (begins > now) {
    throw new BanksmanError('BUS_TLS', { where, message: `the certificate begins only at ${parsed.validFrom}` });
  }
}

function toSasl({ mechanism, username, password, token_file, oauth }: NonNullable<KafkaSettings['sasl']>): KafkaSasl {
  const value = (ref: SecretRef | null) => async () => (ref ? resolveSecret(ref) : '');
  switch (mechanism) {
    case 'oauthbearer': {
      const fetched = oauth && new OAuthToken(oauth);
      return { mechanism: 'OAUTHBEARER', token: fetched ? () => fetched.get() : value(file(token_file)) };
    }
    case 'plain':
      return { mechanism: 'PLAIN', username: value(username), password: value(password) };
    case 'scram-sha-256':
      return { mechanism: 'SCRAM-SHA-256', username: value(username), password: value(password) };
    case 'scram-sha-512':
      return { mechanism: 'SCRAM-SHA-512', username: value(username), password: value(password) };
  }
}

const file = (path: string | null): SecretRef | null => (path === null ? null : { file: path });
