import { createHmac } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WebhookConfig } from '../../config/site_alerts.ts';
import { FakeClock } from '../../runtime/clock.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import type { Feedback, Incident } from '../../runtime/messages/types.ts';
import { smallDisk } from '../../runtime/stores/objects/small_disk.ts';
import { at, sampleFeedback, sampleIncident, sampleMute } from '../../runtime/stores/state/samples.ts';
import { toTimestamp } from '../../runtime/time.ts';
import { until } from '../../test/wait.ts';
import { caughtUp, KEY, publish, readAll, sampleRule, type TestDeps, testDeps } from '../testing.ts';
import { AlertsSink, type AlertsSinkOptions } from './alerts.ts';
import { type Answer, HookServer, sampleWebhook } from './hook_server.ts';

let folder: string;
let deps: TestDeps;
let server: HookServer;
let sink: AlertsSink | undefined;
const failures: Error[] = [];

/** The sink, with quick retries; started. */
async function run(webhooks: Partial<WebhookConfig>[] = [{}], over: Partial<AlertsSinkOptions> = {}): Promise<void> {
  const made = new AlertsSink(deps, {
    webhooks: webhooks.map((webhook) => sampleWebhook({ url: server.url, ...webhook })),
    version: '1.2.3',
    onError: (error) => failures.push(error),
    retry: { minMs: 10, maxMs: 50 },
    ...over,
  });
  sink = made;
  await made.start();
}

function wait<T>(what: string, condition: () => T | Promise<T>): Promise<NonNullable<Awaited<T>> | unknown> {
  return until<unknown>(what, condition, 60_000, 5);
}

/** Until every transition so far has been judged and nothing waits at any webhook. */
async function settled(): Promise<void> {
  await wait('everything judged', () => caughtUp(deps.bus, 'alerts'));
  await wait('nothing waiting', () => rows(`status IN ('pending', 'dying')`).length === 0);
}

function rows(where = 'TRUE', dir = folder): Record<string, unknown>[] {
  const db = new DatabaseSync(join(dir, 'alerts.db'), { readOnly: true });
  try {
    return db.prepare(`SELECT * FROM messages WHERE ${where} ORDER BY seq`).all();
  } finally {
    db.close();
  }
}

/** An incident's whole life: opened, closed, `seconds` apart. */
function life(id: string, from: number, seconds: number, over: Partial<Incident> = {}): [Incident, Incident] {
  const opened = sampleIncident({ id, openedAt: at(from), ...over });
  const closed: Partial<Incident> = { revision: 2, transition: 'closed', state: 'closed', closeReason: 'left' };
  return [opened, { ...opened, ...closed, updatedAt: at(from + seconds), closedAt: at(from + seconds) }];
}

const muting = (over: Parameters<typeof sampleMute>[0] = {}): Feedback =>
  sampleFeedback({ action: 'mute', incident: null, mute: sampleMute(over) });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banksman-alerts-'));
  deps = testDeps(folder);
  sink = undefined;
  server = new HookServer();
  failures.length = 0;
  await server.start();
});
afterEach(async () => {
  await sink?.stop();
  await server.stop();
  await deps.bus.close();
  await rm(folder, { recursive: true });
  expect(failures).toEqual([]);
});

describe('delivery', () => {
  it('brings each wanted transition once, in order, with a key that stays', async () => {
    await run();
    const [opened, closed] = life('i-1', 0, 20);
    const updated: Incident = { ...opened, revision: 2, transition: 'updated', updatedAt: at(2) };
    const unobserved: Incident = { ...opened, revision: 3, transition: 'unobserved', state: 'unobserved' };
    await publish(deps.bus, 'incidents.v1', opened, updated, unobserved, { ...closed, revision: 4 });
    // Delivered again, as after a crash upstream.
    await publish(deps.bus, 'incidents.v1', opened, updated, unobserved, { ...closed, revision: 4 });
    await settled();
    expect(server.keys()).toEqual(['i-1/1', 'i-1/3', 'i-1/4']);
    expect(server.received[0]).toMatchObject({
      method: 'POST',
      path: '/hook',
      headers: { 'content-type': 'application/json; charset=utf-8', 'user-agent': 'banksman/1.2.3' },
      incident: opened,
    });
    expect(JSON.parse(server.received[0]?.body ?? '')).toEqual({
      type: 'incident.opened',
      key: 'i-1/1',
      text: `person-on-road opened: camera gate, road (high), ${at(0)}`,
      version: '1.2.3',
      incident: opened,
    });
    expect(server.received[0]?.headers).not.toHaveProperty('banksman-signature');
    expect(deps.metrics.value('alerts_sent_total', { channel: 'ops' })).toBe(3);
    expect(deps.metrics.value('alerts_pending', { channel: 'ops' })).toBe(0);
    expect(deps.metrics.value('stage_seconds', { stage: 'alerts' })).toBe(3);
    expect(rows().map(({ status, body }) => [status, body])).toEqual(Array(3).fill(['sent', null]));
  });

  it('signs time and body so that a receiver can check both', async () => {
    process.env['BANKSMAN_TEST_HOOK_SECRET'] = 'key-of-the-hook';
    await run([{ secret: { env: 'BANKSMAN_TEST_HOOK_SECRET' } }]);
    await publish(deps.bus, 'incidents.v1', ...life('i-1', 0, 1));
    await settled();
    for (const { headers, body } of server.received) {
      const [, time = '', mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['banksman-signature'])) ?? [];
      expect(Math.abs(Number(time) - Date.now() / 1000)).toBeLessThan(60);
      expect(mac).toBe(createHmac('sha256', 'key-of-the-hook').update(`${time}.${body}`).digest('hex'));
    }
    expect(server.received).toHaveLength(2);
  });

  it('sends nothing unsigned while the secret is not there', async () => {
    delete process.env['BANKSMAN_TEST_HOOK_SECRET'];
    await run([{ secret: { env: 'BANKSMAN_TEST_HOOK_SECRET' } }]);
    await publish(deps.bus, 'incidents.v1', sampleIncident());
    const failed = { channel: 'ops', reason: 'secret' };
    await wait('two attempts', () => deps.metrics.value('alerts_failed_total', failed) > 1);
    expect(server.received).toEqual([]);
    process.env['BANKSMAN_TEST_HOOK_SECRET'] = 'there now';
    await settled();
    expect(server.received[0]?.headers).toHaveProperty('banksman-signature');
  });

  it('keeps to severity, rules and transitions of each webhook', async () => {
    await run([
      { id: 'all', url: `${server.url}/all` },
      { id: 'grave', url: `${server.url}/grave`, min_severity: 'critical' },
      { id: 'dock', url: `${server.url}/dock`, rules: ['on-dock'] },
      { id: 'ends', url: `${server.url}/ends`, transitions: ['closed'] },
    ]);
    await publish(deps.bus, 'incidents.v1', ...life('road', 0, 1), ...life('dock', 2, 1, { rule: 'on-dock' }));
    await publish(deps.bus, 'incidents.v1', ...life('grave', 4, 1, { severity: 'critical' }));
    await settled();
    const at_ = (path: string) => server.received.filter((one) => one.path === `/hook/${path}`).map(({ key }) => key);
    expect(at_('all')).toEqual(['road/1', 'road/2', 'dock/1', 'dock/2', 'grave/1', 'grave/2']);
    expect(at_('grave')).toEqual(['grave/1', 'grave/2']);
    expect(at_('dock')).toEqual(['dock/1', 'dock/2']);
    expect(at_('ends')).toEqual(['road/2', 'dock/2', 'grave/2']);
  });

  it('puts aside what does not parse, and goes on without any webhook too', async () => {
    await run([]);
    await deps.bus.producer().send('incidents.v1', { key: KEY, value: Buffer.from('{"id": 3}') });
    await publish(deps.bus, 'incidents.v1', sampleIncident());
    await wait('all of it', () => caughtUp(deps.bus, 'alerts'));
    expect(await readAll(deps.bus, 'dead-letters.v1')).toMatchObject([{ reason: 'MESSAGE_INVALID' }]);
  });
});

describe('when a receiver fails', () => {
  it('tries again until it answers, each incident in its own order', async () => {
    const first: Answer[] = [500, 'drop', 503];
    server.answer = (key, times) => (key === 'sick/1' ? first[times] : undefined) ?? 200;
    await run();
    await publish(deps.bus, 'incidents.v1', ...life('sick', 0, 1), ...life('well', 1, 1));
    await settled();
    expect(server.keys().filter((key) => key.startsWith('sick'))).toEqual([
      'sick/1',
      'sick/1',
      'sick/1',
      'sick/1',
      'sick/2',
    ]);
    expect(server.keys().filter((key) => key.startsWith('well'))).toEqual(['well/1', 'well/2']);
    expect(deps.metrics.value('alerts_failed_total', { channel: 'ops', reason: 'http_5xx' })).toBe(2);
    expect(deps.metrics.value('alerts_failed_total', { channel: 'ops', reason: 'unreachable' })).toBe(1);
    const bodies = server.received.filter(({ key }) => key === 'sick/1').map(({ body }) => body);
    expect(new Set(bodies).size).toBe(1);
  });

  it('delivers to a receiver that was not there', async () => {
    await server.stop();
    await run();
    await publish(deps.bus, 'incidents.v1', ...life('i-1', 0, 1));
    const failed = { channel: 'ops', reason: 'unreachable' };
    await wait('attempts', () => deps.metrics.value('alerts_failed_total', failed) > 2);
    expect(deps.metrics.value('alerts_pending', { channel: 'ops' })).toBe(2);
    await server.start();
    await settled();
    expect(server.keys()).toEqual(['i-1/1', 'i-1/2']);
  });

  it('holds up no other webhook, and holds no offset', async () => {
    const hanging = new HookServer();
    hanging.answer = () => 'hang';
    await hanging.start();
    await run([{ id: 'hangs', url: hanging.url, timeout_s: 120 }, {}]);
    const many = Array.from({ length: 50 }, (_, n) => life(`i-${n}`, n, 1)).flat();
    await publish(deps.bus, 'incidents.v1', ...many);
    await wait('all at the other', () => server.received.length === 100);
    await wait('all acknowledged', () => caughtUp(deps.bus, 'alerts'));
    // The first attempt at the one that hangs, with its two minutes, is not over.
    await wait('the first attempt', () => hanging.keys().length > 0);
    expect(hanging.keys()).toEqual(['i-0/1']);
    await sink?.stop();
    expect(rows(`webhook = 'hangs' AND status = 'pending'`)).toHaveLength(100);
    await hanging.stop();
  });

  it('gives a refused message up at once, with a letter that says why', async () => {
    server.answer = (key) => (key === 'i-1/1' ? 400 : 200);
    await run();
    const [, offset] = await publish(
      deps.bus,
      'incidents.v1',
      sampleIncident({ id: 'i-0' }),
      sampleIncident({ id: 'i-1' }),
    );
    await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'i-2' }));
    await settled();
    expect(server.keys()).toEqual(['i-0/1', 'i-1/1', 'i-2/1']);
    const letters = await readAll(deps.bus, 'dead-letters.v1');
    expect(letters).toMatchObject([
      {
        source: offset,
        key: KEY,
        headers: { webhook: 'ops', 'idempotency-key': 'i-1/1' },
        reason: 'ALERT_REFUSED',
        detail: 'webhook ops: HTTP 400',
      },
    ]);
    const kept = { status: 'dead', reason: 'ALERT_REFUSED', detail: 'HTTP 400', body: server.received[1]?.body };
    expect(rows(`incident = 'i-1'`)).toMatchObject([kept]);
    expect(deps.metrics.value('dead_letters_total', { topic: 'incidents.v1', reason: 'ALERT_REFUSED' })).toBe(1);
  });

  it('comes back no sooner than it was asked to', async () => {
    const clock = new FakeClock(Date.parse(at(0)));
    deps = { ...deps, clock };
    server.answer = (_key, times) => (times === 0 ? { status: 429, headers: { 'Retry-After': '120' } } : 200);
    await run();
    await publish(deps.bus, 'incidents.v1', sampleIncident());
    await wait('a first attempt noted', () => rows('attempts = 1').length === 1);
    await clock.advance(119_000);
    expect(rows("attempts = 1 AND status = 'pending'")).toHaveLength(1);
    await clock.advance(2_000);
    await settled();
    expect(server.keys()).toEqual(['incident-1/1', 'incident-1/1']);
  });

  it('tries for 24 hours, further and further apart, then gives up with a letter', async () => {
    const clock = new FakeClock(Date.parse(at(0)));
    deps = { ...deps, clock };
    await server.stop();
    await run([{}], { retry: { minMs: 1_000, maxMs: 3_600_000, random: () => 1 } });
    await publish(deps.bus, 'incidents.v1', sampleIncident());
    await wait('a first attempt noted', () => rows('attempts = 1').length === 1);
    const hours = async (count: number): Promise<void> => {
      for (let n = 0; n < count * 4; n += 1) {
        await clock.advance(900_000);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    await hours(23);
    const [waiting] = rows();
    expect(waiting).toMatchObject({ status: 'pending' });
    expect(Number(waiting?.['attempts'])).toBeGreaterThan(10);
    expect(await readAll(deps.bus, 'dead-letters.v1')).toEqual([]);
    await wait('the end', async () => {
      await hours(1);
      return rows(`status = 'dead'`).length === 1;
    });
    expect(clock.now() - Date.parse(at(0))).toBeGreaterThanOrEqual(24 * 3_600_000);
    expect(await readAll(deps.bus, 'dead-letters.v1')).toMatchObject([{ reason: 'ALERT_FAILED' }]);
  });

  it('keeps a bounded number of messages a webhook: updates give way first, then the oldest', async () => {
    await server.stop();
    await run([{ transitions: ['opened', 'updated', 'closed'] }], { maxPending: 4 });
    const [opened, closed] = life('i-0', 0, 9);
    const updates = [2, 3].map((revision): Incident => ({ ...opened, revision, transition: 'updated' }));
    await publish(deps.bus, 'incidents.v1', opened, ...updates, { ...closed, revision: 4 });
    await publish(deps.bus, 'incidents.v1', ...life('i-1', 20, 1), sampleIncident({ id: 'i-2' }));
    await wait('everything judged', () => caughtUp(deps.bus, 'alerts'));
    await wait('letters', () => rows(`status = 'dead'`).length === 3);
    const keys = (status: string) =>
      rows(`status = '${status}'`).map(({ incident, revision }) => `${incident}/${revision}`);
    expect(keys('dead')).toEqual(['i-0/1', 'i-0/2', 'i-0/3']);
    expect(keys('pending')).toEqual(['i-0/4', 'i-1/1', 'i-1/2', 'i-2/1']);
    expect(await readAll(deps.bus, 'dead-letters.v1')).toHaveLength(3);
  });
});

describe('over a restart', () => {
  it('sends what waited, and nothing of what was sent', async () => {
    server.answer = (key) => (key === 'sent/1' ? 200 : 500);
    await run();
    await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'sent' }), ...life('waits', 1, 1));
    await wait('an attempt', () => server.keys().includes('waits/1'));
    await wait('everything judged', () => caughtUp(deps.bus, 'alerts'));
    await sink?.stop();
    server.answer = () => 200;
    server.received.length = 0;
    await run();
    await settled();
    expect(server.keys()).toEqual(['waits/1', 'waits/2']);
  });

  it('is not misled by times that another clock wrote', async () => {
    const clock = new FakeClock(Date.parse(at(86_400 * 30)));
    deps = { ...deps, clock };
    await server.stop();
    await run();
    await publish(deps.bus, 'incidents.v1', sampleIncident());
    await wait('an attempt', () => rows('attempts = 1').length === 1);
    await sink?.stop();
    // Back by a month.
    deps = { ...deps, clock: new FakeClock(Date.parse(at(0))) };
    await server.start();
    await run();
    await settled();
    expect(server.keys()).toEqual(['incident-1/1']);
    await sink?.stop();

    await server.stop();
    await run();
    await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'later' }));
    await wait('an attempt', () => rows(`attempts = 1 AND incident = 'later'`).length === 1);
    await sink?.stop();
    // Away for a week: one failed attempt is no reason to give up.
    deps = { ...deps, clock: new FakeClock(Date.parse(at(86_400 * 7))) };
    await run();
    await wait('one more', () => rows(`attempts = 2 AND incident = 'later' AND status = 'pending'`).length === 1);
  });

  it('gives up what waits for a webhook that is no more, but not at once', async () => {
    const start = Date.parse(at(0));
    deps = { ...deps, clock: new FakeClock(start) };
    await server.stop();
    await run([{ id: 'old' }]);
    await publish(deps.bus, 'incidents.v1', sampleIncident());
    await wait('it waits', () => rows(`status = 'pending'`).length === 1);
    await sink?.stop();
    const clock = new FakeClock(start + 1_000);
    deps = { ...deps, clock };
    await run([{ id: 'new' }]);
    await clock.advance(23 * 3_600_000);
    expect(rows(`status = 'pending'`)).toHaveLength(1);
    await clock.advance(2 * 3_600_000);
    await wait('a letter', () => rows(`status = 'dead'`).length === 1);
    expect(await readAll(deps.bus, 'dead-letters.v1')).toMatchObject([
      { detail: 'webhook old: the webhook is no longer configured' },
    ]);
  });
});

describe('mutes', () => {
  /** What a mute that is long over has silenced would be told when it is looked at again. */
  const timeStandsStill = (): void => {
    deps = { ...deps, clock: new FakeClock(Date.parse(at(0))) };
  };

  it('silence what they name from their beginning to their end, and are counted', async () => {
    timeStandsStill();
    await publish(
      deps.bus,
      'feedback.v1',
      muting({ id: 'm-gate', camera: 'gate', at: at(100), until: at(200) }),
      muting({ id: 'm-zone', camera: null, zone: 'lawn', at: at(100), until: at(200) }),
      muting({ id: 'm-both', camera: 'dock', rule: 'on-dock', at: at(100), until: at(200) }),
    );
    await run();
    const opening = (id: string, from: number, over: Partial<Incident> = {}) => life(id, from, 5, over)[0];
    await publish(
      deps.bus,
      'incidents.v1',
      opening('before', 99),
      opening('first', 100),
      opening('last', 199),
      opening('after', 200),
      opening('other-zone', 150, { camera: 'lane' }),
      opening('lawn', 150, { camera: 'lane', zone: 'lawn' }),
      opening('other-rule', 150, { camera: 'dock' }),
      opening('both', 150, { camera: 'dock', rule: 'on-dock' }),
    );
    await settled();
    expect(server.keys().sort()).toEqual(['after/1', 'before/1', 'other-rule/1', 'other-zone/1']);
    expect(
      rows(`status = 'muted'`)
        .map(({ incident }) => incident)
        .sort(),
    ).toEqual(['both', 'first', 'last', 'lawn']);
    expect(deps.metrics.value('alerts_silenced_total', { reason: 'muted' })).toBe(4);
  });

  it('hold from when they are said, also while running, and end when taken back', async () => {
    timeStandsStill();
    await run();
    await publish(deps.bus, 'incidents.v1', ...life('a', 0, 1));
    await settled();
    await publish(deps.bus, 'feedback.v1', muting({ at: at(10), until: at(1000) }));
    let tries = 0;
    await wait('the mute to be known', async () => {
      tries += 1;
      await publish(deps.bus, 'incidents.v1', life(`b-${tries}`, 20, 1)[0]);
      await settled();
      return deps.metrics.value('alerts_silenced_total', { reason: 'muted' }) > 0;
    });
    const unmute = sampleFeedback({
      action: 'unmute',
      incident: null,
      at: at(500),
      mute: sampleMute({ until: at(1000), at: at(10) }),
    });
    await publish(deps.bus, 'feedback.v1', unmute);
    await wait('the unmute to be known', async () => {
      tries += 1;
      await publish(deps.bus, 'incidents.v1', life(`c-${tries}`, 600, 1)[0]);
      await settled();
      return server.keys().includes(`c-${tries}/1`);
    });
    const count = server.received.length;
    await publish(deps.bus, 'incidents.v1', life('d', 499, 1)[0]);
    await settled();
    expect(server.received).toHaveLength(count);
  });

  it('let the end of what was told through, and no end of what was not', async () => {
    await publish(deps.bus, 'feedback.v1', muting({ at: at(10), until: at(100) }));
    await run();
    await publish(deps.bus, 'incidents.v1', ...life('told', 0, 50), ...life('untold', 20, 100));
    await settled();
    expect(server.keys()).toEqual(['told/1', 'told/2']);
    expect(rows(`status = 'muted'`)).toHaveLength(2);
  });

  it('are told to Prometheus while they hold, the longest of those on the same thing', async () => {
    const inMinutes = (n: number): string => toTimestamp(Math.floor(Date.now() / 1_000) * 1_000 + n * 60_000);
    const [soon, later] = [inMinutes(10), inMinutes(60)];
    const told = (labels: { camera?: string; rule?: string; zone?: string }): number =>
      deps.metrics.value('mute_until_timestamp_seconds', { camera: '', rule: '', zone: '', ...labels });
    await publish(
      deps.bus,
      'feedback.v1',
      muting({ id: 'm-over', camera: 'dock', at: at(0), until: at(1) }),
      muting({ id: 'm-soon', camera: 'gate', at: at(0), until: soon }),
      muting({ id: 'm-later', camera: 'gate', at: at(0), until: later }),
    );
    await run();
    expect(told({ camera: 'gate' })).toBe(Date.parse(later) / 1_000);
    expect(told({ camera: 'dock' })).toBe(0);
    const mute = sampleMute({ id: 'm-later', camera: 'gate', until: later });
    await publish(deps.bus, 'feedback.v1', muting({ id: 'm-rule', camera: null, rule: 'on-road', until: soon }));
    await publish(
      deps.bus,
      'feedback.v1',
      sampleFeedback({ action: 'unmute', incident: null, at: toTimestamp(Date.now()), mute }),
    );
    await wait('the end of one to be known', () => told({ camera: 'gate' }) === Date.parse(soon) / 1_000);
    expect(told({ rule: 'on-road' })).toBe(Date.parse(soon) / 1_000);
  });

  it('of another site change nothing', async () => {
    await publish(deps.bus, 'feedback.v1', { ...muting(), site: 'elsewhere' });
    await run();
    await publish(deps.bus, 'incidents.v1', sampleIncident());
    await settled();
    expect(server.keys()).toEqual(['incident-1/1']);
  });
});

describe('cool-down', () => {
  const rule = (cool_down_s: number) => {
    const record = sampleRule({ cool_down_s });
    return deps.bus.producer().send('rules.v1', { key: 'yard/person-on-road', value: encodeJson(record) });
  };

  it('announces a rule, camera and zone again only after it, and never closes what it did not announce', async () => {
    await rule(60);
    await run();
    await publish(deps.bus, 'incidents.v1', ...life('a', 0, 5), ...life('b', 59, 5), ...life('c', 60, 5));
    await publish(
      deps.bus,
      'incidents.v1',
      ...life('zone', 10, 1, { zone: 'lawn' }),
      ...life('camera', 10, 1, { camera: 'dock' }),
    );
    await publish(deps.bus, 'incidents.v1', ...life('rule', 10, 1, { rule: 'on-dock' }));
    await settled();
    const told = ['a', 'c', 'camera', 'rule', 'zone'].flatMap((id) => [`${id}/1`, `${id}/2`]);
    expect(server.keys().sort()).toEqual(told);
    expect(deps.metrics.value('alerts_silenced_total', { reason: 'cool_down' })).toBe(2);
    expect(rows(`status = 'cool_down'`).map(({ incident }) => incident)).toEqual(['b', 'b']);
  });

  it('outlasts a restart, and does not wait for a clock that went back', async () => {
    await rule(60);
    await run();
    await publish(deps.bus, 'incidents.v1', ...life('a', 3_600, 5));
    await settled();
    await sink?.stop();
    await run();
    await publish(deps.bus, 'incidents.v1', ...life('b', 3_630, 5), ...life('c', 0, 5));
    await settled();
    expect(server.keys()).toEqual(['a/1', 'a/2', 'c/1', 'c/2']);
  });

  it('is not begun by what was muted', async () => {
    await rule(60);
    await publish(deps.bus, 'feedback.v1', muting({ at: at(0), until: at(10) }));
    await run();
    await publish(deps.bus, 'incidents.v1', ...life('muted', 0, 5), ...life('a', 20, 5));
    await settled();
    expect(server.keys()).toEqual(['a/1', 'a/2']);
  });
});

it('holds what a full disk refuses, says so, and sends it when there is room', async ({ skip }) => {
  const disk = await smallDisk('4m');
  if (!disk) return skip('no small disk can be mounted here');
  try {
    deps = { ...deps, dataDir: disk.path };
    await run();
    await publish(deps.bus, 'incidents.v1', sampleIncident({ id: 'early' }));
    await wait('the first', () => server.keys().includes('early/1'));
    const ballast = join(disk.path, 'ballast');
    await writeFile(ballast, Buffer.alloc(8_000_000)).catch(() => undefined);
    const many = Array.from({ length: 100 }, (_, n) => life(`i-${n}`, n, 1)).flat();
    await publish(deps.bus, 'incidents.v1', ...many);
    const full = { store: 'alerts', reason: 'STORE_FULL' };
    await wait('the failure', () => deps.metrics.value('store_errors_total', full) > 0);
    expect(await caughtUp(deps.bus, 'alerts')).toBe(false);
    await rm(ballast);
    await wait('all of them', () => new Set(server.keys()).size === 201);
    await wait('all acknowledged', () => caughtUp(deps.bus, 'alerts'));
    expect(server.received).toHaveLength(201);
    await sink?.stop();
  } finally {
    await disk.remove();
  }
});

it('lets the secret out nowhere', async () => {
  const secret = 'kestrel-over-the-quarry';
  process.env['BANKSMAN_TEST_HOOK_SECRET'] = secret;
  const lines: string[] = [];
  deps = { ...deps, log: pino({ level: 'trace' }, { write: (line: string) => lines.push(line) }) };
  server.answer = (key, times) => (key === 'i-1/1' ? 403 : times === 0 ? 500 : 200);
  await run([
    { secret: { env: 'BANKSMAN_TEST_HOOK_SECRET' } },
    { id: 'missing', secret: { file: join(folder, 'none') } },
  ]);
  await publish(deps.bus, 'incidents.v1', ...life('i-0', 0, 1), ...life('i-1', 1, 1));
  await wait('letter and deliveries', () => rows(`webhook = 'ops' AND status IN ('sent', 'dead')`).length === 4);
  await sink?.stop();
  const letters = await readAll(deps.bus, 'dead-letters.v1');
  expect(letters).toHaveLength(1);
  expect(lines.join('')).toContain('ALERT_REFUSED');
  expect(lines.join('')).toContain('CONFIG_SECRET_MISSING');
  const files = (await readdir(folder)).filter((name) => name.startsWith('alerts.db'));
  expect(files.length).toBeGreaterThan(0);
  const contents = await Promise.all(files.map((name) => readFile(join(folder, name), 'latin1')));
  const sent = server.received.map(({ body, headers }) => body + JSON.stringify(headers));
  for (const text of [...lines, JSON.stringify(letters), ...contents, ...sent]) expect(text).not.toContain(secret);
});
