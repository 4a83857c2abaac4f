/** TLS and logins against a real broker, with both libraries: what works, and what is said where it does not. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { alterUserScramCredentialsV0, Connection } from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../../../simulator/rtsp/certificate.ts';
import { KafkaServer } from '../../../test/services/kafka.ts';
import { until } from '../../../test/wait.ts';
import { freePort } from '../../ports.ts';
import { connectKafkaBus } from './connect.ts';
import { type KafkaSettings, kafkaOptions } from './settings.ts';
import { TopicAdmin, wantedTopics } from './topics.ts';

const WISHES = { partitions: 1, replication: 1, framesMs: 300_000, framesBytes: 100_000_000 };
const PASSWORD = 'correct horse';
const folder = mkdtempSync(join(tmpdir(), 'banksman-kafka-tls-'));
let server: KafkaServer;
let tlsPort: number;
let saslPort: number;
/** A login over TLS, as most clusters want it. */
let saslTlsPort: number;
/** Wants a certificate of whoever comes. */
let mutualPort: number;
let ca: string;
let caKey: string;

beforeAll(async () => {
  const { certFile, keyFile } = makeCertificate(folder);
  [ca, caKey] = [certFile, keyFile];
  const chain = join(folder, 'broker.pem');
  writeFileSync(chain, readFileSync(keyFile, 'utf8') + readFileSync(certFile, 'utf8'));
  [tlsPort, mutualPort] = [await freePort(), await freePort()];
  [saslPort, saslTlsPort] = [await freePort(), await freePort()];
  server = await new KafkaServer({
    listeners: { SSL: tlsPort, SASL_PLAINTEXT: saslPort, SASL_SSL: saslTlsPort, MUTUAL: mutualPort },
    properties: {
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': chain,
      'listener.security.protocol.map':
        'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,MUTUAL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL',
      'listener.name.mutual.ssl.keystore.type': 'PEM',
      'listener.name.mutual.ssl.keystore.location': chain,
      'listener.name.mutual.ssl.truststore.type': 'PEM',
      'listener.name.mutual.ssl.truststore.location': certFile,
      'listener.name.mutual.ssl.client.auth': 'required',
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
      ...logins('sasl_plaintext'),
      ...logins('sasl_ssl'),
    },
  }).start();
  const admin = new TopicAdmin({ brokers: [server.address], client: 'platformatic', prefix: 's.', clientId: 'test' });
  await admin.apply(await admin.plan(wantedTopics('s.', WISHES)));
  await admin.close();
  await addScramUser();
}, 240_000);

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** What a listener takes. */
function logins(listener: string): Record<string, string> {
  const [at, of] = [`listener.name.${listener}`, 'org.apache.kafka.common.security'];
  const oauth = `${of}.oauthbearer`;
  return {
    [`${at}.plain.sasl.jaas.config`]: `${of}.plain.PlainLoginModule required user_yard="${PASSWORD}";`,
    [`${at}.scram-sha-256.sasl.jaas.config`]: `${of}.scram.ScramLoginModule required;`,
    [`${at}.scram-sha-512.sasl.jaas.config`]: `${of}.scram.ScramLoginModule required;`,
    [`${at}.oauthbearer.sasl.jaas.config`]: `${oauth}.OAuthBearerLoginModule required;`,
    [`${at}.oauthbearer.sasl.server.callback.handler.class`]: `${oauth}.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler`,
  };
}

/** As `kafka-configs --alter --add-config SCRAM-SHA-256=[...]` does. */
async function addScramUser(): Promise<void> {
  const { pbkdf2Sync, randomBytes } = await import('node:crypto');
  const connection = new Connection('test');
  const [host = '', port = ''] = server.address.split(':');
  await connection.connect(host, Number(port));
  const mechanisms = [
    ['sha256', 1, 32],
    ['sha512', 2, 64],
  ] as const;
  for (const [digest, mechanism, length] of mechanisms) {
    const salt = randomBytes(16);
    const saltedPassword = pbkdf2Sync(PASSWORD, salt, 4096, length, digest);
    const credential = { name: 'yard', mechanism, iterations: 4096, salt, saltedPassword };
    await alterUserScramCredentialsV0.api.async(connection, [], [credential]);
  }
  await connection.close();
}

const settings = (more: Partial<KafkaSettings>): KafkaSettings => ({
  brokers: [`127.0.0.1:${saslPort}`],
  client: 'platformatic',
  prefix: 's.',
  tls: null,
  sasl: null,
  topics: { partitions: 1, replication: 1, frames_max_age_s: 300, frames_max_bytes: 1e8 },
  ...more,
});
const NO_SASL = { username: null, password: null, token_file: null, oauth: null };
const login = (
  mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512',
  password = PASSWORD,
): Partial<KafkaSettings> => ({
  sasl: { ...NO_SASL, mechanism, username: { text: 'yard' }, password: { text: password } },
});
const tls = (more: object): Partial<KafkaSettings> => ({
  brokers: [`127.0.0.1:${tlsPort}`],
  tls: { verify: true, ca_file: null, cert_file: null, key_file: null, ...more },
});

async function works(given: KafkaSettings): Promise<void> {
  const bus = await connectKafkaBus(kafkaOptions(given, 'test'));
  try {
    const at = await bus.producer().send('tracks.v1', { key: 'a', value: Buffer.from('x') });
    expect((await bus.read('tracks.v1', at.partition, at.offset))?.key).toBe('a');
  } finally {
    await bus.close();
  }
}

describe.each(['platformatic', 'kafkajs'] as const)('with %s', { timeout: 120_000 }, (client) => {
  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('logs in by %s', async (mechanism) => {
    await works(settings({ client, ...login(mechanism) }));
  });

  it.each(['plain', 'scram-sha-512'] as const)('logs in over TLS by %s, and says what is wrong', async (mechanism) => {
    const { tls: own } = tls({ ca_file: ca });
    const over = { client, brokers: [`127.0.0.1:${saslTlsPort}`], ...(own && { tls: own }) };
    await works(settings({ ...over, ...login(mechanism) }));
    const wrong = works(settings({ ...over, ...login(mechanism, 'wrong secret') }));
    await expect(wrong).rejects.toMatchObject({ code: 'BUS_UNAUTHORIZED' });
    const open = works(settings({ ...over, tls: null, ...login(mechanism) }));
    await expect(open).rejects.toMatchObject({
      code: 'BUS_UNREACHABLE',
      mend: expect.stringContaining('wants TLS (bus.kafka.tls)'),
    });
  });

  it('plans topics over TLS with a login', async () => {
    const { tls: own } = tls({ ca_file: ca });
    const given = settings({ client, brokers: [`127.0.0.1:${saslTlsPort}`], ...(own && { tls: own }) });
    for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
      const admin = new TopicAdmin(kafkaOptions({ ...given, ...login(mechanism) }, 'test'));
      expect(await admin.plan(wantedTopics('s.', WISHES))).toEqual([]);
      await admin.close();
    }
  });

  it.each(['plain', 'scram-sha-512'] as const)(
    'says that a password is wrong, and not which (%s)',
    async (mechanism) => {
      const attempt = works(settings({ client, ...login(mechanism, 'wrong secret') }));
      await expect(attempt).rejects.toMatchObject({ code: 'BUS_UNAUTHORIZED' });
      await expect(attempt).rejects.not.toMatchObject({ message: expect.stringContaining('wrong secret') });
    },
  );

  it('logs in with a token from a file, and from a server', async () => {
    const file = join(folder, `token-${client}`);
    writeFileSync(file, `${token()}\n`);
    await works(settings({ client, sasl: { ...NO_SASL, mechanism: 'oauthbearer', token_file: file } }));

    let asked: string | undefined;
    const tokens = createServer((request, response) => {
      asked = request.headers.authorization;
      response.end(JSON.stringify({ access_token: token(), expires_in: 300 }));
    });
    await new Promise<void>((resolve) => tokens.listen(0, '127.0.0.1', resolve));
    const { port } = tokens.address() as AddressInfo;
    const client_secret = { text: 'shh' };
    const oauth = { token_url: `http://127.0.0.1:${port}/token`, client_id: 'me', client_secret, scope: null };
    await works(settings({ client, sasl: { ...NO_SASL, mechanism: 'oauthbearer', oauth } }));
    expect(asked).toBe(`Basic ${Buffer.from('me:shh').toString('base64')}`);
    await new Promise((resolve) => tokens.close(resolve));
  });

  it('speaks TLS with an authority of its own', async () => {
    await works(settings({ client, ...tls({ ca_file: ca }) }));
  });

  it('says that its certificate has ended; once connected it waits for a new one and loses nothing', async () => {
    const [cert_file, key_file] = [join(folder, `${client}.pem`), join(folder, `${client}-key.pem`)];
    const use = (days: number): void => copyFileSync(certificate(key_file, days), cert_file);
    const given = settings({
      client,
      ...tls({ ca_file: ca, cert_file, key_file }),
      brokers: [`127.0.0.1:${mutualPort}`],
    });
    use(-1);
    await expect(works(given)).rejects.toMatchObject({
      ...{ code: 'BUS_TLS', where: cert_file },
      message: expect.stringContaining('ended at'),
      mend: expect.stringContaining('when it ends'),
    });

    use(2);
    await works(given);
    const told: string[] = [];
    const bus = await connectKafkaBus(kafkaOptions(given, 'test'), { onTrouble: ({ code }) => told.push(code) });
    const producer = bus.producer();
    const send = (value: string) => producer.send('rules.v1', { key: client, value: Buffer.from(value) });
    await send('before');
    use(-1);
    // A broker asks for it only when somebody connects.
    await server.kill();
    await server.start();
    const meanwhile = send('meanwhile');
    await until('it to be said', () => told.includes('BUS_TLS'), 60_000);
    use(2);
    const { partition, offset } = await meanwhile;
    expect((await bus.read('rules.v1', partition, offset))?.value?.toString()).toBe('meanwhile');
    await bus.close();
  });

  it('says that nobody vouches for a certificate, and that a broker wants TLS', async () => {
    await expect(works(settings({ client, ...tls({}) }))).rejects.toMatchObject({ code: 'BUS_TLS' });
    const missing = works(settings({ client, ...tls({ ca_file: '/nowhere.pem' }) }));
    await expect(missing).rejects.toMatchObject({ code: 'BUS_TLS', where: '/nowhere.pem' });
  });
});

/** One that the broker's authority has signed, of a new key. @param days from now; negative: ended. @returns its file */
function certificate(keyFile: string, days: number): string {
  const [request, file] = [`${keyFile}.csr`, `${keyFile}${days}.pem`];
  const run = (args: string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' });
  run(['req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=yard', '-keyout', keyFile, '-out', request]);
  const signed = ['-CA', ca, '-CAkey', caKey, '-CAcreateserial'];
  run(['x509', '-req', '-in', request, ...signed, '-days', String(days), '-out', file]);
  return file;
}

/** Unsecured, as a broker takes it that is told to. */
function token(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  return `${part({ alg: 'none' })}.${part({ sub: 'yard', iat: now - 10, exp: now + 3600 })}.`;
}
