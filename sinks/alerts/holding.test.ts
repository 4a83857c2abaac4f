/** The whole sink with channels that hold, group, escalate and repeat. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChannelConfig, ChannelPolicy } from '../../config/site_alerts.ts';
import { FakeClock } from '../../runtime/clock.ts';
import type { Incident, Schedule } from '../../runtime/messages/types.ts';
import type { ObjectReader } from '../../runtime/stores/objects/types.ts';
import { at, sampleFeedback, sampleIncident, sampleMute } from '../../runtime/stores/state/samples.ts';
import { toTimestamp } from '../../runtime/time.ts';
import { until } from '../../test/wait.ts';
import { caughtUp, publish, type TestDeps, testDeps } from '../testing.ts';
import { AlertsSink } from './alerts.ts';
import { samplePolicy } from './channels/testing.ts';
import { HttpReceiver, SHAPES } from './channels/testing_http.ts';
import { messageBody } from './message.ts';
import { Outbox } from './outbox.ts';
import { Pictures } from './pictures.ts';

const START = Date.parse(at(0));
const TOKEN = 'BANKSMAN_TEST_HOLDING_TOKEN';

let folder: string;
let clock: FakeClock;
let deps: TestDeps;
let receiver: HttpReceiver;
let sink: AlertsSink | undefined;

/** Its attempts end by themselves: time that is moved on must not end them. */
const channel = (over: Partial<ChannelPolicy> = {}, url = receiver.url): ChannelConfig => ({
  ...samplePolicy({ timeout_s: 1_000_000, ...over }),
  ...{ type: 'ntfy', url, topic: 'yard', token: { env: TOKEN } },
});

async function run(...channels: ChannelConfig[]): Promise<void> {
  const retry = { minMs: 10, maxMs: 50 };
  sink = new AlertsSink(deps, { webhooks: [], channels, version: '1', onError: () => undefined, retry });
  await sink.start();
}

const taken = async (): Promise<string[][]> => (await receiver.taken()).map(({ keys }) => keys);
const judged = () => until('everything judged', () => caughtUp(deps.bus, 'alerts'), 15_000, 5);
const waits = (where = 'TRUE') => rows(`status = 'pending' AND ${where}`).length;

function rows(where: string): Record<string, unknown>[] {
  const db = new DatabaseSync(join(folder, 'alerts.db'), { readOnly: true });
  try {
    return db.prepare(`SELECT * FROM messages WHERE ${where} ORDER BY seq`).all();
  } finally {
    db.close();
  }
}

/** Moves time in steps, so that what is sent at one is taken before the next. */
async function pass(seconds: number, step = 10): Promise<void> {
  for (let gone = 0; gone < seconds; gone += step) {
    await clock.advance(Math.min(step, seconds - gone) * 1000);
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
}

/** Until as many messages were taken and noted, moving time on. */
async function untilTaken(count: number, stepMs = 20): Promise<string[][]> {
  await until(
    `${count} messages`,
    async () => {
      if ((await taken()).length >= count) return true;
      await clock.advance(stepMs);
      return false;
    },
    15_000,
    5,
  );
  await until('them noted', () => deps.metrics.value('alerts_sent_total', { channel: 'ops' }) >= count, 15_000, 5);
  return taken();
}

const opened = (id: string, from = 0, over: Partial<Incident> = {}): Incident =>
  sampleIncident({ id, openedAt: at(from), ...over });
const closed = (incident: Incident, seconds: number, revision = 2): Incident => ({
  ...incident,
  ...{ revision, transition: 'closed', state: 'closed', closeReason: 'left' },
  ...{ updatedAt: at(seconds), closedAt: at(seconds) },
});

beforeEach(async () => {
  process.env[TOKEN] = 'a-token';
  folder = await mkdtemp(join(tmpdir(), 'banksman-holding-'));
  clock = new FakeClock(START);
  deps = testDeps(folder, { clock });
  sink = undefined;
  receiver = new HttpReceiver(SHAPES.ntfy);
  await receiver.start();
});
afterEach(async () => {
  const stopped = sink?.stop();
  // The time that it has for what is due.
  await clock.advance(5_000);
  await stopped;
  await receiver.stop();
  await deps.bus.close();
  await rm(folder, { recursive: true });
});

it('forty cameras behind one dead switch are one message with forty members', async () => {
  await run(channel({ group_wait_s: 20 }));
  const forty = Array.from({ length: 40 }, (_, n) =>
    opened(`down-${n}`, 0, { camera: `camera-${n}`, rule: 'camera-down', type: 'camera_offline', zone: null }),
  );
  await publish(deps.bus, 'incidents.v1', ...forty);
  await judged();
  await until('forty waiting', () => waits() === 40);
  await clock.advance(19_000);
  expect(await taken()).toEqual([]);
  await clock.advance(2_000);
  const [keys] = await untilTaken(1);
  expect(keys?.length).toBeGreaterThan(0);
  const said: { title: string } = JSON.parse(receiver.got[0]?.body.toString() ?? '');
  expect(said.title).toBe('40 messages: 40 × camera-down opened');
  await until('all noted', () => rows(`status = 'sent'`).length === 40);
  expect(await taken()).toHaveLength(1);
});

it('a channel that is away keeps its own queue, and no other waits for it', async () => {
  const away = new HttpReceiver(SHAPES.ntfy);
  await away.start();
  const { url } = away;
  await away.stop();
  await run(channel({ id: 'away', group_wait_s: 1 }, url), channel());
  await publish(deps.bus, 'incidents.v1', opened('a'), opened('b'));
  await untilTaken(2);
  expect(await taken()).toEqual([['a/1'], ['b/1']]);
  await pass(5, 1);
  await until('attempts', () => rows(`webhook = 'away' AND attempts > 0`).length > 0);
  expect(waits(`webhook = 'away'`)).toBe(2);
});

describe('what was held is held over a restart', () => {
  const always: Schedule = { days: [0, 1, 2, 3, 4, 5, 6], from: '20:00', to: '21:00', timezone: 'UTC' };

  it('quiet hours: all but the critical, then one message', async () => {
    // The samples begin at 20:00 UTC.
    await run(channel({ quiet_hours: always }));
    await publish(deps.bus, 'incidents.v1', opened('a'), opened('b', 1), opened('grave', 2, { severity: 'critical' }));
    expect(await untilTaken(1)).toEqual([['grave/1']]);
    await until('two waiting', () => waits() === 2);
    const stopped = sink?.stop();
    await clock.advance(5_000);
    await stopped;
    await run(channel({ quiet_hours: always }));
    await pass(3_500, 100);
    expect(await taken()).toHaveLength(1);
    expect(await untilTaken(2, 5_000)).toEqual([['grave/1'], ['a/1', 'b/1']]);
  });
});

describe('escalation', () => {
  it('speaks of what nobody has judged in time, and of nothing else', async () => {
    await run(channel({ escalate_after_s: 300 }));
    const [judgedOne, over, open] = [opened('judged'), opened('over'), opened('open')];
    await publish(deps.bus, 'incidents.v1', judgedOne, over, open, closed(over, 60));
    await publish(deps.bus, 'feedback.v1', sampleFeedback({ incident: 'judged', at: at(60) }));
    await judged();
    await pass(290, 30);
    expect(await taken()).toEqual([]);
    await pass(20);
    expect(await untilTaken(1)).toEqual([['open/1']]);
    await until('nothing waiting', () => waits() === 0);
    expect(deps.metrics.value('alerts_silenced_total', { reason: 'acknowledged' })).toBe(1);
    expect(deps.metrics.value('alerts_silenced_total', { reason: 'over' })).toBe(2);
    // Who was told is told of the end, though somebody has judged it since.
    await publish(deps.bus, 'feedback.v1', sampleFeedback({ id: 'f-2', incident: 'open', at: at(400) }));
    await publish(deps.bus, 'incidents.v1', closed(open, 420));
    expect(await untilTaken(2)).toEqual([['open/1'], ['open/2']]);
  });
});

it('so many an hour: what is over comes as one when there is room, also over a restart', async () => {
  const limited = () => channel({ max_per_hour: 2 });
  await run(limited());
  for (const [index, id] of ['a', 'b', 'c', 'd'].entries()) {
    await publish(deps.bus, 'incidents.v1', opened(id, index));
    await judged();
    if (index < 2) await untilTaken(index + 1);
  }
  const stopped = sink?.stop();
  await clock.advance(5_000);
  await stopped;
  await run(limited());
  await pass(3_400, 100);
  expect(await taken()).toEqual([['a/1'], ['b/1']]);
  expect(await untilTaken(3, 5_000)).toEqual([['a/1'], ['b/1'], ['c/1', 'd/1']]);
});

describe('pictures', () => {
  const LINK = 'https://bucket.example/a?X-Amz-Expires=3600';
  const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 7]);
  const withPictures = async (presigned: string | null, wanted: ChannelConfig) => {
    const objects: ObjectReader = {
      get: async () => jpeg,
      presign: async () => presigned,
      close: async () => undefined,
    };
    const pictures = new Pictures({ objects, clock, linkS: 3_600, reachable: true, console: null });
    const retry = { minMs: 10, maxMs: 50 };
    const options = { webhooks: [], channels: [wanted], version: '1', onError: () => undefined, retry };
    sink = new AlertsSink(deps, { ...options, pictures, consoleUrl: 'https://yard.example' });
    await sink.start();
    await publish(deps.bus, 'incidents.v1', opened('a'));
    await untilTaken(1);
    const [got] = receiver.got;
    if (!got) throw new Error('nothing came');
    return got;
  };

  it('leave with the message only where the channel says so', async () => {
    const { method, body } = await withPictures(null, channel({ snapshot: 'attached' }));
    expect(method).toBe('PUT');
    expect(body).toEqual(jpeg);
  });

  it('are shown by what fetches them only where the channel says so', async () => {
    await receiver.stop();
    receiver = new HttpReceiver(SHAPES.slack);
    await receiver.start();
    process.env[TOKEN] = receiver.url;
    const policy = samplePolicy({ timeout_s: 1_000_000, snapshot: 'attached' });
    const { body } = await withPictures(LINK, { ...policy, type: 'slack', url: { env: TOKEN } });
    expect(JSON.parse(body.toString())).toMatchObject({ attachments: [{ image_url: LINK }] });
  });

  it('are a link that ends otherwise, beside that to the console', async () => {
    const { body } = await withPictures(LINK, channel({ snapshot: 'link' }));
    expect(JSON.parse(body.toString())).toMatchObject({
      actions: [{ action: 'view', label: 'Picture', url: LINK }],
      click: 'https://yard.example/#incident=a',
    });
  });
});

describe('what lasts', () => {
  it('speaks again after so long, judged or not, until it ends', async () => {
    await run(channel({ realert_s: 600 }));
    const lasting = opened('lasts');
    await publish(deps.bus, 'incidents.v1', lasting);
    await untilTaken(1);
    await publish(deps.bus, 'feedback.v1', sampleFeedback({ incident: 'lasts', at: at(60) }));
    await pass(590, 60);
    expect(await taken()).toEqual([['lasts/1']]);
    expect(await untilTaken(2, 5_000)).toEqual([['lasts/1'], ['lasts/1.1']]);
    expect((await receiver.taken())[1]?.text).toMatch(/^person-on-road still open after 1\d min: camera gate, road/);
    expect(await untilTaken(3, 5_000)).toEqual([['lasts/1'], ['lasts/1.1'], ['lasts/1.2']]);
    await publish(deps.bus, 'incidents.v1', closed(lasting, 1_300));
    await untilTaken(4);
    await pass(1_300, 60);
    expect((await taken()).at(-1)).toEqual(['lasts/2']);
    expect(await taken()).toHaveLength(4);
    // Reminders are no record of anything.
    expect(rows('TRUE').map(({ revision, again }) => [revision, again])).toEqual([
      [1, 0],
      [2, 0],
    ]);
  });

  it('does not speak under a mute', async () => {
    await run(channel({ realert_s: 600 }));
    await publish(deps.bus, 'incidents.v1', opened('lasts'));
    await untilTaken(1);
    const mute = sampleMute({ at: toTimestamp(clock.now()), until: at(900) });
    await publish(deps.bus, 'feedback.v1', sampleFeedback({ action: 'mute', incident: null, mute }));
    await until(
      'the mute to be known',
      () => deps.metrics.value('mute_until_timestamp_seconds', { camera: 'gate', rule: '', zone: '' }) > 0,
    );
    await pass(700, 60);
    expect(await taken()).toHaveLength(1);
    expect(await untilTaken(2, 5_000)).toEqual([['lasts/1'], ['lasts/1.1']]);
  });
});

describe('only what a channel wants', () => {
  it('cameras, zones, and its schedule; the end of what was told outside of it too', async () => {
    const untilHalf: Schedule = { days: [0, 1, 2, 3, 4, 5, 6], from: '19:00', to: '20:30', timezone: 'UTC' };
    await run(channel({ cameras: ['gate', 'dock'], zones: ['road'], schedule: untilHalf }));
    const early = opened('early');
    await publish(
      deps.bus,
      'incidents.v1',
      early,
      opened('yard', 1, { camera: 'yard' }),
      opened('lawn', 2, { zone: 'lawn' }),
    );
    await publish(deps.bus, 'incidents.v1', opened('late', 1_900), closed(early, 2_000));
    await judged();
    expect(await untilTaken(2)).toEqual([['early/1'], ['early/2']]);
    expect(rows(`status = 'off_schedule'`)).toHaveLength(1);
  });
});

describe('the file of the outbox', () => {
  const wanted = () => channel({ group_wait_s: 10 });
  const entry = (incident: Incident) => ({
    ...{ incident, body: messageBody(incident, '1'), source: { key: 'yard/gate', partition: 0, offset: 1 } },
    ...{ muted: false, coolDownMs: 0, recalled: new Map() },
  });

  it('rows that go out together do so after a crash as well, and no other joins them', () => {
    const outbox = new Outbox(folder, { maxPending: 100 });
    for (const id of ['a', 'b']) outbox.enter(entry(opened(id)), [wanted()], START);
    const seqs = outbox.waiting('ops').map(({ seq }) => seq);
    outbox.begin({ send: seqs, drop: [], nextMs: START }, START);
    outbox.close();
    const again = new Outbox(folder, { maxPending: 100 });
    again.recover(START);
    again.enter(entry(opened('c')), [wanted()], START);
    expect(again.waiting('ops').map(({ batch }) => batch)).toEqual([seqs[0], seqs[0], null]);
    again.close();
  });

  it('what was held for days has a day of attempts nevertheless', () => {
    const outbox = new Outbox(folder, { maxPending: 100 });
    outbox.enter(entry(opened('a')), [wanted()], START);
    const later = START + 3 * 86_400_000;
    const send = outbox.waiting('ops').map(({ seq }) => seq);
    expect(outbox.begin({ send, drop: [], nextMs: later }, later)?.deadlineMs).toBe(later + 86_400_000);
    outbox.failed(send, 'away', later, later);
    const again = { send, drop: [], nextMs: later };
    expect(outbox.begin(again, later + 3_600_000)?.deadlineMs).toBe(later + 86_400_000);
    outbox.close();
  });

  it('of version 1 goes on: what waits is sent, what was sent is not', async () => {
    const old = new DatabaseSync(join(folder, 'alerts.db'));
    old.exec(VERSION_1);
    const add = old.prepare(
      `INSERT INTO messages VALUES (?, 'ops', ?, 1, 'opened', ?, NULL, NULL, ?, 'yard/gate', 0, ?, ?, ?, ?, ?, 0)`,
    );
    const note = old.prepare(`INSERT INTO incidents VALUES ('ops', ?, 1, NULL, 0, ?)`);
    for (const [seq, id, status] of [
      [1, 'was-sent', 'sent'],
      [2, 'waits', 'pending'],
    ] as const) {
      const body = status === 'sent' ? null : messageBody(opened(id, 0, { severity: 'critical' }), '1');
      add.run(seq, id, status, body, seq, START, START, START, START + 3_600_000);
      note.run(id, START);
    }
    old.close();
    await run(channel({ escalate_after_s: 60, realert_s: 600 }));
    await publish(deps.bus, 'incidents.v1', opened('was-sent'), closed(opened('was-sent'), 5));
    await pass(70);
    expect((await untilTaken(2)).sort()).toEqual([['waits/1'], ['was-sent/2']]);
  });
});

/** As the first version made it. */
const VERSION_1 = `
CREATE TABLE messages (
  seq INTEGER PRIMARY KEY,
  webhook TEXT NOT NULL, incident TEXT NOT NULL, revision INTEGER NOT NULL, transition TEXT NOT NULL,
  status TEXT NOT NULL, reason TEXT, detail TEXT, body TEXT,
  source_key TEXT NOT NULL, source_partition INTEGER NOT NULL, source_offset INTEGER NOT NULL,
  captured_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL,
  next_ms INTEGER NOT NULL, deadline_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,
  UNIQUE (webhook, incident, revision)
);
CREATE INDEX messages_pending ON messages (webhook, next_ms, seq) WHERE status = 'pending';
CREATE INDEX messages_dying ON messages (seq) WHERE status = 'dying';
CREATE INDEX messages_final ON messages (webhook, seq) WHERE status NOT IN ('pending', 'dying');
CREATE TABLE incidents (
  webhook TEXT NOT NULL, incident TEXT NOT NULL, revision INTEGER NOT NULL,
  silenced TEXT, closed INTEGER NOT NULL, changed_ms INTEGER NOT NULL,
  PRIMARY KEY (webhook, incident)
) WITHOUT ROWID;
CREATE TABLE cool_downs (
  webhook TEXT NOT NULL, place TEXT NOT NULL, announced_ms INTEGER NOT NULL,
  PRIMARY KEY (webhook, place)
) WITHOUT ROWID;
PRAGMA user_version = 1;
`;
