import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { connectKafkaBus } from '../runtime/bus/kafka/connect.ts';
import { KafkaServer } from '../test/services/kafka.ts';
import { banksman } from '../test/system/up.ts';

const server = new KafkaServer();
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'banksman-topics-'));
  await server.start();
}, 180_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

async function topics(command: 'plan' | 'apply' | 'check', partitions: number) {
  const file = join(dir, 'site.yaml');
  const kafka = { brokers: [server.address], topics: { partitions, replication: 1 } };
  await writeFile(file, stringify({ site: 'yard', cameras: {}, bus: { type: 'kafka', kafka } }));
  return banksman(['topics', command, ...(command === 'apply' ? ['--yes'] : []), '-c', file]);
}

const lines = (text: string, pattern: RegExp) => text.split('\n').filter((line) => pattern.test(line));

it('topics that hold records are not widened, `--yes` or not, and every command says what to do', async () => {
  expect((await topics('apply', 2)).code).toBe(0);
  expect((await topics('apply', 3)).stdout).toContain('+ widen banksman.tracks.v1 from 2 to 3 partitions');
  const bus = await connectKafkaBus({
    ...{ brokers: [server.address], client: 'platformatic', prefix: 'banksman.', clientId: 'test' },
  });
  await bus.producer().send('tracks.v1', { key: 'yard/gate', value: Buffer.from('{}') });
  for (const [command, code] of [
    ['plan', 0],
    ['apply', 1],
    ['check', 1],
  ] as const) {
    const said = await topics(command, 6);
    expect(said.code, command).toBe(code);
    expect(lines(said.stdout, /^\+/), command).toEqual([]);
    expect(lines(said.stdout, /^! banksman.tracks.v1: it has 3 partitions, not 6, and holds records/)).toHaveLength(1);
    expect(lines(said.stdout, /^Set bus.kafka.topics.partitions back to 3\..*More partitions/), command).toHaveLength(
      1,
    );
    expect(said.stdout).not.toContain('Run: banksman topics apply');
  }
  expect(await bus.partitions('tracks.v1')).toBe(3);
  expect((await topics('check', 3)).code).toBe(0);
  await bus.close();
}, 300_000);
