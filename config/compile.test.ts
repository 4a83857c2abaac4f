import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMemoryBus } from '../runtime/bus/local/memory.ts';
import type { Bus, Message } from '../runtime/bus/types.ts';
import { parseMessage } from '../runtime/messages/schemas.ts';
import type { CameraRecord, RuleRecord } from '../runtime/messages/types.ts';
import { compileSite, publishSite } from './compile.ts';
import { type LoadedSite, loadSiteText } from './load.ts';

const TEXT = `site: yard
cameras:
  gate:
    url: rtsp://10.0.0.11/live
    username: watcher
    password: \${GATE_PASSWORD}
    zones: { road: [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0]] }
  shed: { url: rtsp://10.0.0.12/live }
  old: { url: rtsp://10.0.0.13/live, enabled: false }
rules:
  - { id: entry, type: zone_entry, zone: road, detect_within_s: 3 }
  - { id: any, type: dwell, dwell_s: 10, detect_within_s: 4 }
  - { id: down, type: camera_offline }
`;

function load(text: string): LoadedSite {
  const result = loadSiteText(text, '/site.yaml');
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result;
}
const compile = (text: string) => {
  const { config, configHash } = load(text);
  return compileSite(config, configHash);
};

describe('compileSite', () => {
  it('gives a record for each camera that is on, with the tightest promise of its rules', () => {
    const { cameras, rules } = compile(TEXT);
    expect(cameras.map(({ camera, detect_within_s }) => [camera, detect_within_s])).toEqual([
      ['gate', 3],
      ['shed', 4],
    ]);
    expect(rules.map((rule) => [rule.rule, rule.cameras, rule.min_duration_s, rule.dwell_s])).toEqual([
      ['entry', ['gate'], 0.5, 0],
      ['any', ['gate', 'shed'], 10, 10],
      ['down', ['gate', 'shed'], 30, 0],
    ]);
    expect(cameras[0]).toMatchObject({
      site: 'yard',
      password: { env: 'GATE_PASSWORD' },
      configHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it('changes no other record’s hash when one camera is edited', () => {
    const [before, after] = [compile(TEXT), compile(TEXT.replace('12/live', '12/other'))];
    expect(after.cameras[0]).toEqual(before.cameras[0]);
    expect(after.rules).toEqual(before.rules);
    expect(after.cameras[1]?.configHash).not.toBe(before.cameras[1]?.configHash);
    expect(after.configHash).not.toBe(before.configHash);
  });
});

describe('publishSite', () => {
  let bus: Bus;
  beforeEach(() => {
    bus = openMemoryBus();
  });
  afterEach(() => bus.close());

  async function all(topic: string): Promise<Message[]> {
    const found: Message[] = [];
    for await (const message of bus.tail(topic, 'earliest', { stopAtEnd: true })) found.push(message);
    return found;
  }
  async function live<T>(topic: string): Promise<Map<string, T>> {
    const table = bus.table(topic);
    await table.start();
    const found = new Map([...table.entries()].map(([key, { value }]) => [key, JSON.parse(String(value)) as T]));
    await table.stop();
    return found;
  }

  it('writes everything the first time and nothing the second', async () => {
    const first = await publishSite(bus, compile(TEXT));
    expect(first).toEqual({
      cameras: { added: ['gate', 'shed'], changed: [], removed: [] },
      rules: { added: ['entry', 'any', 'down'], changed: [], removed: [] },
    });
    expect([...(await live<CameraRecord>('cameras.v1')).keys()].sort()).toEqual(['yard/gate', 'yard/shed']);
    const second = await publishSite(bus, compile(TEXT));
    expect(Object.values(second).every((diff) => Object.values(diff).flat().length === 0)).toBe(true);
    expect(await all('cameras.v1')).toHaveLength(2);
  });

  it('writes only what an edit changed, and takes away what is gone', async () => {
    await publishSite(bus, compile(TEXT));
    const before = new Map((await all('cameras.v1')).map(({ key, offset }) => [key, offset]));
    const edited = TEXT.replace('12/live', '12/other').replace('  - { id: down, type: camera_offline }\n', '');
    expect(await publishSite(bus, compile(edited))).toEqual({
      cameras: { added: [], changed: ['shed'], removed: [] },
      rules: { added: [], changed: [], removed: ['down'] },
    });
    expect([...(await live<RuleRecord>('rules.v1')).keys()].sort()).toEqual(['yard/any', 'yard/entry']);
    expect((await live<CameraRecord>('cameras.v1')).get('yard/shed')?.url).toBe('rtsp://10.0.0.12/other');
    const gate = (await all('cameras.v1')).filter(({ key }) => key === 'yard/gate');
    expect(gate.map(({ offset }) => offset)).toEqual([before.get('yard/gate')]);
  });

  it('leaves other sites alone unless the bus is ours', async () => {
    await publishSite(bus, compile(TEXT.replace('yard', 'quay')));
    await publishSite(bus, compile(TEXT));
    expect((await live('cameras.v1')).size).toBe(4);
    const { cameras } = await publishSite(bus, compile(TEXT), { onlySite: true });
    expect(cameras.removed.sort()).toEqual(['quay/gate', 'quay/shed']);
    expect((await live('cameras.v1')).size).toBe(2);
  });

  it('publishes records that readers believe, without the value of any secret', async () => {
    process.env['GATE_PASSWORD'] = 'tr0ub4dor';
    await publishSite(bus, compile(TEXT));
    delete process.env['GATE_PASSWORD'];
    for (const topic of ['cameras.v1', 'rules.v1'] as const) {
      for (const message of await all(topic)) {
        expect(() => parseMessage(topic, message)).not.toThrow();
        expect(String(message.value)).not.toContain('tr0ub4dor');
      }
    }
  });
});
