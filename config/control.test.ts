import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { Engine } from '../runtime/bus/local/engine.ts';
import { openMemoryBus } from '../runtime/bus/local/memory.ts';
import { SessionBus } from '../runtime/bus/session/bus.ts';
import type { Session } from '../runtime/bus/session/session.ts';
import type { Bus } from '../runtime/bus/types.ts';
import { parseMessage } from '../runtime/messages/schemas.ts';
import type { CameraRecord, RuleRecord } from '../runtime/messages/types.ts';
import { until } from '../test/wait.ts';
import type { SitePlan } from './compile.ts';
import { CameraControl, type Planned } from './control.ts';

const BASE = `site: yard
defaults: { sampling: { idle_fps: 1 } }
cameras:
  gate: { url: rtsp://10.0.0.11/live, zones: { road: [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0]] } }
rules:
  - { id: entry, type: zone_entry, zone: road, detect_within_s: 3 }
  - { id: down, type: camera_offline }
`;

let bus: Bus;
let folder: string;
let control: CameraControl;

beforeEach(async () => {
  bus = openMemoryBus();
  folder = mkdtempSync(join(tmpdir(), 'banksman-control-'));
  const siteFile = join(folder, 'site.yaml');
  writeFileSync(siteFile, BASE);
  control = new CameraControl({ bus, siteFile });
});
afterEach(async () => {
  await bus.close();
  rmSync(folder, { recursive: true });
});

function planOf(planned: Planned): SitePlan {
  if ('problems' in planned) throw new Error(JSON.stringify(planned.problems));
  return planned.plan;
}

async function apply(text: string): Promise<string[]> {
  const plan = planOf(await control.planApply(text));
  await control.carryOut(plan);
  return plan.lines;
}

async function cameras(): Promise<Map<string, CameraRecord>> {
  const table = bus.table('cameras.v1');
  await table.start();
  const all = [...table.entries()].map(([, message]) => parseMessage('cameras.v1', message));
  await table.stop();
  return new Map(all.map((camera) => [camera.camera, camera]));
}

async function rule(id: string): Promise<RuleRecord | undefined> {
  const table = bus.table('rules.v1');
  await table.start();
  const message = table.get(`yard/${id}`);
  await table.stop();
  return message && parseMessage('rules.v1', message);
}

describe('a file that is applied', () => {
  it('tells what it changes, changes that alone, and nothing the second time', async () => {
    expect(await apply(BASE)).toEqual(['camera gate added', 'rule entry added', 'rule down added']);
    expect(await apply(BASE)).toEqual([]);
    const lines = await apply(
      BASE.replace('10.0.0.11', '10.0.0.12').replace('detect_within_s: 3', 'detect_within_s: 4'),
    );
    expect(lines).toEqual([
      'camera gate changed: detect_within_s, url, connects anew',
      'rule entry changed: detect_within_s',
    ]);
  });

  it('may be the cameras alone: defaults and rules of the site file hold for them', async () => {
    const road = 'zones: { road: [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0]] }';
    await apply(BASE);
    const lines = await apply(
      `cameras:\n  north: { url: rtsp://10.0.0.21/live, ${road} }\n  gate: { url: rtsp://10.0.0.11/live }\n`,
    );
    expect(lines).toEqual([
      'camera north added',
      'camera gate changed: detect_within_s, zones.road',
      'rule entry changed: cameras',
      'rule down changed: cameras',
    ]);
    expect((await cameras()).get('north')?.sampling.idle_fps).toBe(1);
    expect((await rule('entry'))?.cameras).toEqual(['north']);
    expect(await apply(`cameras:\n  north: { url: rtsp://10.0.0.21/live, ${road} }\n`)).toContain(
      'camera gate removed',
    );
  });

  it('is told where it is wrong, and then changes nothing', async () => {
    const planned = await control.planApply('cameras:\n  north: { url: rtsp://10.0.0.21/live, zone: 3 }\nrules: []\n');
    expect(planned).toMatchObject({ problems: [{ code: 'CONFIG_UNKNOWN_KEY', line: 2, path: 'cameras.north.zone' }] });
    expect(await control.planApply('cameras: [\n')).toMatchObject({ problems: [{ code: 'CONFIG_SYNTAX' }] });
    await expect(control.planApply(BASE.replace('yard', 'other'))).rejects.toMatchObject({ code: 'USAGE' });
  });
});

it('records that nobody can read are overwritten, and keep nobody from going on', async () => {
  await apply(BASE);
  for (const [topic, key] of [
    ['cameras.v1', 'yard/gate'],
    ['rules.v1', 'yard/entry'],
    ['rules.v1', 'yard/down'],
  ] as const) {
    await bus.producer().send(topic, { key, value: Buffer.from('{"site":') });
  }
  const added = planOf(await control.planAdd({ north: { url: 'rtsp://10.0.0.21/live' } }));
  expect(added.diff.cameras).toMatchObject({ added: ['north'] });
  await apply(BASE);
  expect((await cameras()).get('gate')?.detect_within_s).toBe(3);
  expect((await rule('entry'))?.cameras).toEqual(['gate']);
});

describe('single cameras', () => {
  it('are added, with the rules that hold for them, and removed; the others stay', async () => {
    await apply(BASE);
    const zones = {
      road: [
        [0.1, 0.5],
        [0.9, 0.5],
        [0.9, 1],
      ],
    };
    const added = planOf(await control.planAdd({ north: { url: 'rtsp://10.0.0.21/live', zones } }));
    expect(added.lines).toEqual(['camera north added', 'rule entry changed: cameras', 'rule down changed: cameras']);
    await control.carryOut(added);
    expect((await rule('entry'))?.cameras).toEqual(['gate', 'north']);
    expect((await cameras()).get('north')?.detect_within_s).toBe(3);
    expect(planOf(await control.planAdd({ north: { url: 'rtsp://10.0.0.21/live', zones } })).records).toBe(0);

    const changed = planOf(await control.planAdd({ north: { url: 'rtsp://10.0.0.21/live' } }));
    expect(changed.lines).toContain('rule entry changed: cameras');
    await control.carryOut(changed);
    expect((await rule('entry'))?.cameras).toEqual(['gate']);

    const removed = await control.planRemove(['north']);
    expect(removed.lines).toEqual(['camera north removed', 'rule down changed: cameras']);
    await control.carryOut(removed);
    expect([...(await cameras()).keys()]).toEqual(['gate']);
    expect((await rule('down'))?.cameras).toEqual(['gate']);
    await expect(control.planRemove(['north'])).rejects.toMatchObject({ code: 'USAGE', where: 'north' });
  });
});

it('changes by several at once: none is lost to a rule', async () => {
  await apply(BASE);
  const ids = Array.from({ length: 10 }, (_, i) => `north-${i}`);
  await Promise.all(
    ids.map((id) =>
      control.alone(async () =>
        control.carryOut(planOf(await control.planAdd({ [id]: { url: 'rtsp://10.0.0.21/live' } }))),
      ),
    ),
  );
  expect((await rule('down'))?.cameras.toSorted()).toEqual(['gate', ...ids]);
  await expect(control.alone(() => control.planRemove(['nobody']))).rejects.toMatchObject({ code: 'USAGE' });
  expect((await control.alone(() => control.planRemove(['north-3']))).diff.cameras.removed).toEqual(['north-3']);
});

/** Counts the records that are read, as a cluster sends them: a key is picked out by who asks. */
function counted(session: Session): { session: Session; read: () => number } {
  let read = 0;
  const counting: Session = {
    silentMs: session.silentMs,
    send: (topic, record) => session.send(topic, record),
    fetch: async ({ key, ...request }, signal) => {
      const batch = await session.fetch(request, signal);
      read += batch.records.length;
      return key === undefined ? batch : { ...batch, records: batch.records.filter((record) => record.key === key) };
    },
    bounds: (topic, time) => session.bounds(topic, time),
    lag: (group) => session.lag(group),
    join: (spec, events) => session.join(spec, events),
    close: () => session.close(),
    abort: () => session.abort(),
  };
  return { session: counting, read: () => read };
}

describe('five thousand cameras', () => {
  const CAMERAS = 5_000;
  let engine: Engine;
  beforeEach(() => {
    engine = new Engine({ path: ':memory:' });
  });
  afterEach(() => engine.close());

  /** Whoever changes cameras, and how many records he has read. */
  function changer(): { control: CameraControl; read: () => number; close: () => Promise<void> } {
    const { session, read } = counted(engine.session({ copy: true }));
    const own = new SessionBus(session);
    return {
      control: new CameraControl({ bus: own, siteFile: join(folder, 'site.yaml') }),
      read,
      close: () => own.close(),
    };
  }

  const many = (url: string): string =>
    stringify({
      cameras: Object.fromEntries(
        Array.from({ length: CAMERAS }, (_, i) => [
          `camera-${i}`,
          { url: i === 77 ? url : `rtsp://10.0.${i >> 8}.${i & 255}/live` },
        ]),
      ),
      rules: [{ id: 'anybody', type: 'zone_entry' }],
    });

  it('one change writes one record and reads no other camera', { timeout: 240_000 }, async () => {
    const console_ = changer();
    const first = planOf(await console_.control.planApply(many('rtsp://10.9.9.9/live')));
    expect(first.records).toBe(CAMERAS + 1);
    await console_.control.carryOut(first);

    const [written, tailed, over] = [
      [] as string[],
      new SessionBus(engine.session({ copy: true })),
      new AbortController(),
    ];
    const tailing = (async () => {
      for await (const { key } of tailed.tail('cameras.v1', 'latest', { signal: over.signal })) written.push(key);
    })();
    const [startedAt, cpu] = [performance.now(), process.cpuUsage()];
    const second = planOf(await console_.control.planApply(many('rtsp://10.9.9.10/live')));
    expect(second.lines).toEqual(['camera camera-77 changed: url, connects anew']);
    expect(second.records).toBe(1);
    expect(second.bytes).toBeLessThan(3_000);
    // What it wrote itself, once.
    expect(console_.read()).toBe(CAMERAS + 1);
    await console_.control.carryOut(second);
    const { user, system } = process.cpuUsage(cpu);
    process.stdout.write(
      `apply of one change among 5,000 cameras: ${second.records} record, ${second.bytes} bytes, ` +
        `${Math.round(performance.now() - startedAt)} ms, CPU ${Math.round((user + system) / 1_000)} ms\n`,
    );

    const removal = await console_.control.planRemove(['camera-78']);
    // The camera, and the rule that named it.
    expect(removal.records).toBe(2);
    await console_.control.carryOut(removal);
    const added = planOf(await console_.control.planAdd({ north: { url: 'rtsp://10.0.0.21/live' } }));
    expect(added.diff.cameras.added).toEqual(['north']);
    expect(console_.read()).toBe(CAMERAS + 1 + second.records + removal.records);
    await console_.control.carryOut(added);

    await tailed.producer().send('cameras.v1', { key: 'yard/end', value: null });
    await until('the last of them', () => written.includes('yard/end'), 20_000, 10);
    expect(written.filter((key) => key !== 'yard/end')).toEqual(['yard/camera-77', 'yard/camera-78', 'yard/north']);
    over.abort();
    await tailing;

    // A command begins without knowing anything: it reads what there is once, however many cameras it is about.
    const command = changer();
    const twenty = Array.from({ length: 20 }, (_, i) => `camera-${100 + i}`);
    expect((await command.control.planRemove(twenty)).diff.cameras.removed).toEqual(twenty);
    const there = engine.bounds('cameras.v1').concat(engine.bounds('rules.v1'));
    expect(command.read()).toBeLessThanOrEqual(there.reduce((sum, { start, end }) => sum + end - start, 0));
    await Promise.all([console_.close(), command.close(), tailed.close()]);
  });
});
