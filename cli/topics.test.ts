/** `banksman topics` as an operator calls it: over TLS with a login, on a broker whose groups cannot work. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { connectKafkaBus } from '../runtime/bus/kafka/connect.ts';
import { TopicAdmin, wantedTopics } from '../runtime/bus/kafka/topics.ts';
import { freePort } from '../runtime/ports.ts';
import { makeCertificate } from '../simulator/rtsp/certificate.ts';
import { KafkaServer } from '../test/services/kafka.ts';
import { banksman, type CommandResult } from '../test/system/up.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const PASSWORD = 'correct horse';
const dir = mkdtempSync(join(tmpdir(), 'banksman-topics-'));
let server: KafkaServer;
/** TLS, and who logs in as yard. */
let port: number;
let ca: string;

beforeAll(async () => {
  const { certFile, keyFile } = makeCertificate(dir);
  ca = certFile;
  const chain = join(dir, 'broker.pem');
  writeFileSync(chain, readFileSync(keyFile, 'utf8') + readFileSync(certFile, 'utf8'));
  port = await freePort();
  server = await new KafkaServer({
    listeners: { SASL_SSL: port },
    properties: {
      'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL',
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': chain,
      'sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.sasl_ssl.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required user_yard="${PASSWORD}";`,
      'group.min.session.timeout.ms': '10000',
    },
  }).start();
  const admin = new TopicAdmin({
    brokers: [server.address],
    prefix: 'made.',
    clientId: 'test',
    client: 'platformatic',
  });
  const wishes = { partitions: 2, replication: 1, framesMs: 300_000, framesBytes: 2_000_000_000 };
  await admin.apply(await admin.plan(wantedTopics('made.', wishes)));
  await admin.close();
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

interface Site {
  prefix?: string;
  replication?: number;
  tls?: object | null;
}

/** @returns a site file whose bus is this broker. */
function site({ prefix = 'yard.', replication = 1, tls = { ca_file: ca } }: Site = {}): string {
  const path = join(dir, 'site.yaml');
  const sasl = { mechanism: 'plain', username: 'yard', password: '${KAFKA_PASSWORD}' };
  const kafka = { brokers: [`127.0.0.1:${port}`], prefix, tls, sasl, topics: { partitions: 2, replication } };
  const state = { store: 'redis', redis: { url: 'redis://127.0.0.1:1' } };
  const evidence = { store: 's3', s3: { bucket: 'evidence', region: 'us-east-1' } };
  writeFileSync(path, stringify({ site: 'yard', bus: { type: 'kafka', kafka }, state, evidence, cameras: {} }));
  return path;
}

const topics = (command: string, path: string, more: string[] = [], password = PASSWORD): Promise<CommandResult> =>
  banksman(['topics', command, '-c', path, ...more], { NO_COLOR: '1', KAFKA_PASSWORD: password });

it('over TLS with a login: shows what is to be made, makes it when it may, and then has nothing to do', async () => {
  const planned = await topics('plan', site());
  expect(planned).toMatchObject({ code: 0, stderr: '' });
  expect(planned.stdout).toContain('+ create yard.cameras.v1: 2 partitions, 1 copy\n');
  const steps: { kind: string; topic: { name: string } }[] = JSON.parse(
    (await topics('plan', site(), ['--json'])).stdout,
  );
  expect(steps.map(({ kind }) => kind)).toEqual(
    planned.stdout
      .trim()
      .split('\n')
      .map(() => 'create'),
  );
  expect(steps.map(({ topic }) => topic.name)).toContain('yard.frames.v1');

  // Nobody is there to be asked.
  const refused = await topics('apply', site());
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('Add --yes.') });
  expect((await topics('plan', site())).stdout).toBe(planned.stdout);

  const applied = await topics('apply', site(), ['--yes']);
  expect(applied).toMatchObject({ code: 0, stdout: expect.stringContaining(`done: ${steps.length} steps\n`) });
  expect(await topics('apply', site(), ['--yes'])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('nothing to do'),
  });
  expect(await topics('plan', site(), ['--json'])).toMatchObject({ code: 0, stdout: '[]\n' });
});

it('says which part of the connection is wrong, and not the password', async () => {
  const wrong = await topics('plan', site(), [], 'wrong secret');
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('BUS_UNAUTHORIZED') });
  expect(wrong.stderr + wrong.stdout).not.toContain('wrong secret');
  const unvouched = await topics('check', site({ tls: {} }));
  expect(unvouched).toMatchObject({ code: 1, stderr: expect.stringContaining('BUS_TLS') });
});

it('finds topics of fewer copies than the site wants', async () => {
  const found = await topics('check', site({ prefix: 'made.', replication: 3 }));
  expect(found.code).toBe(1);
  expect(found.stdout).toContain('! made.frames.v1: each record has 1 copy, not 3\n');
  expect(found.stdout).not.toContain('min.insync.replicas');
  // What only an operator can mend stays, and its exit code says so.
  const applied = await topics('apply', site({ prefix: 'made.', replication: 3 }), ['--yes']);
  expect(applied).toMatchObject({ code: 1, stdout: expect.stringContaining('! made.frames.v1: ') });
});

it('finds that the brokers allow groups no session of 6 s; who starts all the same is told why it cannot', async () => {
  const strict = await topics('check', site({ prefix: 'made.' }));
  expect(strict).toMatchObject({ code: 1, stderr: '' });
  expect(strict.stdout).toContain('! broker 1 has group.min.session.timeout.ms=10000: ');
  expect(strict.stdout).not.toContain('topics apply');
  const { groups } = JSON.parse((await topics('check', site({ prefix: 'made.' }), ['--json'])).stdout);
  expect(groups).toMatchObject({ protocol: 'classic', refusals: [expect.stringContaining('broker 1')] });

  const where = { brokers: [server.address], prefix: 'made.', clientId: 'test' };
  for (const client of ['platformatic', 'kafkajs'] as const) {
    const bus = await connectKafkaBus({ ...where, client });
    await expect(bus.consumer(`strict-${client}`, ['tracks.v1'], () => {}).start()).rejects.toMatchObject({
      code: 'BUS_REFUSED',
      message: expect.stringContaining('INVALID_SESSION_TIMEOUT'),
      mend: expect.stringContaining('group.min.session.timeout.ms'),
    });
    await bus.close();
  }
});
