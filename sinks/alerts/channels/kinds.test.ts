/** What only some kinds of channels promise. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChannelOf } from '../../../config/site_alerts.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { encodeJson } from '../../../runtime/messages/codec.ts';
import type { Incident } from '../../../runtime/messages/types.ts';
import { at, sampleFeedback, sampleIncident, sampleMute } from '../../../runtime/stores/state/samples.ts';
import { toTimestamp } from '../../../runtime/time.ts';
import { Alertmanager } from '../../../test/services/alertmanager.ts';
import { Mosquitto } from '../../../test/services/mosquitto.ts';
import { SmtpServer } from '../../../test/services/smtp.ts';
import { until } from '../../../test/wait.ts';
import { publish, sampleRule, testDeps } from '../../testing.ts';
import { AlertsSink } from '../alerts.ts';
import { compose } from '../compose.ts';
import { messageBody, reminderBody } from '../message.ts';
import type { Outcome } from '../post.ts';
import { makeAdapter } from './registry.ts';
import { SECRET, SECRET_NAME, samplePolicy } from './testing.ts';
import { GrafanaStandIn } from './testing_grafana.ts';
import { HttpReceiver, SHAPES } from './testing_http.ts';
import type { Sending } from './types.ts';

const OPTIONS = { version: '1.2.3', template: null, consoleUrl: 'https://yard.example/' };
const PICTURE = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]);
const secret = { env: SECRET_NAME };
const NO_PREVIEW = { link_preview_options: { is_disabled: true } };

const bodies = (...incidents: Incident[]): string[] => incidents.map((one) => messageBody(one, '1.2.3'));
const sending = (over: Partial<Sending> = {}, ...incidents: Incident[]): Sending => ({
  ...compose(bodies(...(incidents.length > 0 ? incidents : [sampleIncident()])), OPTIONS),
  ...over,
});

async function deliver(config: Parameters<typeof makeAdapter>[0], what: Sending): Promise<Outcome> {
  const adapter = await makeAdapter(config);
  return adapter.deliver(what, { clock: systemClock, timeoutMs: 10_000, signal: new AbortController().signal });
}

beforeEach(() => {
  process.env[SECRET_NAME] = SECRET;
});
afterEach(() => {
  delete process.env[SECRET_NAME];
});

describe('words', () => {
  it('one message says what and where, several how many of what', () => {
    expect(sending().title).toBe('[high] person-on-road opened: camera gate, road');
    const many = ['a', 'b', 'c'].map((id) => sampleIncident({ id, severity: id === 'b' ? 'critical' : 'low' }));
    const { title, severity, key } = sending({}, ...many, sampleIncident({ id: 'd', rule: 'on-dock' }));
    expect(title).toBe('4 messages: 3 × person-on-road opened, 1 × on-dock opened');
    expect([severity, key]).toEqual(['critical', 'a/1']);
  });

  it('a template fills in, and escapes nothing', () => {
    const template =
      '{{incident.rule}}@{{incident.camera}}{{#incident.zone}} ({{incident.zone}}){{/incident.zone}} {{link}}';
    const [message] = compose(bodies(sampleIncident({ rule: 'a&b' })), { ...OPTIONS, template }).messages;
    expect(message?.text).toBe('a&b@gate (road) https://yard.example/#incident=incident-1');
    const [plain] = compose(bodies(sampleIncident({ zone: null })), { ...OPTIONS, template }).messages;
    expect(plain?.text).toBe('person-on-road@gate https://yard.example/#incident=incident-1');
  });

  it('a reminder says how long it lasts', () => {
    const body = reminderBody(messageBody(sampleIncident(), '1'), 2, Date.parse(at(3 * 3_600)));
    expect(JSON.parse(body)).toMatchObject({
      type: 'incident.reminder',
      key: 'incident-1/1.2',
      reminder: 2,
      lasts: '3 h',
    });
    expect(compose([body], OPTIONS).title).toBe('[high] person-on-road still open after 3 h: camera gate, road (high)');
  });
});

describe('email', () => {
  let server: SmtpServer;
  const config = (over: Partial<ChannelOf<'email'>> = {}): ChannelOf<'email'> => ({
    ...samplePolicy(),
    ...{ type: 'email', host: '127.0.0.1', port: server.port, tls: 'starttls', ca_file: server.certFile },
    ...{ username: { text: 'banksman' }, password: secret, from: 'banksman@yard.example', to: ['ada@yard.example'] },
    ...over,
  });
  beforeEach(async () => {
    server = new SmtpServer({ user: 'banksman', password: SECRET });
    await server.start();
  });
  afterEach(() => server.remove());

  it('has an id made of the key, and one thread an incident', async () => {
    const end = sampleIncident({ revision: 2, transition: 'closed', closeReason: 'left' });
    for (const one of [sampleIncident(), sampleIncident(), end])
      expect(await deliver(config(), sending({}, one))).toEqual({ kind: 'delivered' });
    const header = (name: string) => server.mails.map(({ headers }) => headers.get(name));
    const first = '<incident-1/1@yard.banksman>';
    expect(header('message-id')).toEqual([first, first, '<incident-1/2@yard.banksman>']);
    expect(new Set(header('references'))).toEqual(new Set(['<incident-1@yard.banksman>']));
    expect(header('subject')[2]).toBe('[high] person-on-road closed (left): camera gate, road');
    expect(header('auto-submitted')[0]).toBe('auto-generated');
    expect(server.mails[0]?.body).toContain('https://yard.example/#incident=incident-1');
  });

  it('attaches a picture where there is one', async () => {
    await deliver(config(), sending({ picture: PICTURE }));
    expect(server.mails[0]?.body).toContain(PICTURE.toString('base64'));
  });

  it('tries again what the server takes later, a wrong login, and TLS that nobody vouches for', async () => {
    server.codes.push(451);
    expect(await deliver(config(), sending())).toMatchObject({ kind: 'failed', reason: 'smtp_4xx' });
    expect(await deliver(config({ ca_file: null }), sending())).toMatchObject({ kind: 'failed', reason: 'tls' });
    process.env[SECRET_NAME] = 'wrong';
    expect(await deliver(config(), sending())).toMatchObject({ kind: 'failed', reason: 'smtp_login' });
    expect(server.mails).toEqual([]);
  });
});

it('email over TLS from the first byte, and none where that is not what the server speaks', async () => {
  const server = new SmtpServer({ user: 'banksman', password: SECRET }, true);
  await server.start();
  try {
    const config: ChannelOf<'email'> = {
      ...samplePolicy(),
      ...{ type: 'email', host: '127.0.0.1', port: server.port, tls: 'implicit', ca_file: server.certFile },
      ...{ username: { text: 'banksman' }, password: secret, from: 'banksman@yard.example', to: ['ada@yard.example'] },
    };
    expect(await deliver(config, sending())).toEqual({ kind: 'delivered' });
    expect(await deliver({ ...config, ca_file: '/none.pem' }, sending())).toMatchObject({
      kind: 'failed',
      reason: 'configuration',
    });
  } finally {
    await server.remove();
  }
});

it('mqtt over TLS that somebody vouches for, and over no other', async () => {
  const server = await new Mosquitto({ user: 'banksman', password: SECRET }, true).start();
  try {
    const config: ChannelOf<'mqtt'> = {
      ...samplePolicy(),
      ...{ type: 'mqtt', url: server.url, topic: 'yard', ca_file: server.certFile },
      ...{ username: { text: 'banksman' }, password: secret },
    };
    expect(await deliver(config, sending())).toEqual({ kind: 'delivered' });
    expect(await deliver({ ...config, ca_file: null }, sending())).toMatchObject({ kind: 'failed', reason: 'tls' });
    process.env[SECRET_NAME] = 'wrong';
    expect(await deliver(config, sending())).toMatchObject({ kind: 'failed', reason: 'login' });
  } finally {
    await server.remove();
  }
});

describe('over HTTP', () => {
  let server: HttpReceiver;
  const open = async (shape: keyof typeof SHAPES): Promise<void> => {
    server = new HttpReceiver(SHAPES[shape]);
    await server.start();
  };
  afterEach(() => server.stop());
  const telegram = (): ChannelOf<'telegram'> => ({
    ...samplePolicy(),
    ...{ type: 'telegram', token: secret, chat: '-1001', api_url: server.url },
  });

  it('telegram comes back when it was asked to, and sends pictures as such', async () => {
    await open('telegram');
    const body = '{"ok":false,"error_code":429,"parameters":{"retry_after":35}}';
    server.answers.push({ status: 429, body });
    const outcome = { kind: 'failed', reason: 'http_4xx', detail: 'HTTP 429', retryAfterMs: 35_000 };
    expect(await deliver(telegram(), sending())).toEqual(outcome);
    expect(await deliver(telegram(), sending({ picture: PICTURE }))).toEqual({ kind: 'delivered' });
    expect(server.got[1]?.path).toBe(`/bot${SECRET}/sendPhoto`);
    expect(server.got[1]?.body.includes(PICTURE)).toBe(true);
    expect((await server.taken())[0]?.keys).toEqual(['incident-1/1']);
  });

  describe('a picture', () => {
    const LINK = 'https://bucket.example/x.jpg?sig=1&until=2';
    /** What makes a program fetch an address by itself. */
    const FETCHED = /"(?:image_url|attach|photo)":"([^"]*)"|\{"type":"Image","url":"([^"]*)"/;
    const said = async (type: 'slack' | 'teams' | 'telegram' | 'ntfy', over: Partial<Sending>): Promise<string> => {
      await open(type);
      if (type === 'slack' || type === 'teams') process.env[SECRET_NAME] = `${server.url}/x`;
      const configs = {
        slack: { ...samplePolicy(), type: 'slack', url: secret },
        teams: { ...samplePolicy(), type: 'teams', url: secret },
        telegram: telegram(),
        ntfy: { ...samplePolicy(), type: 'ntfy', url: server.url, topic: 'yard', token: secret },
      } as const;
      expect(await deliver(configs[type], sending(over))).toEqual({ kind: 'delivered' });
      return server.got[0]?.body.toString() ?? '';
    };

    it.each(['slack', 'teams', 'telegram', 'ntfy'] as const)('at %s: a link, which nobody fetches', async (type) => {
      const body = await said(type, { pictureLink: LINK });
      expect(body.replaceAll('&amp;', '&')).toContain(LINK);
      expect(body).not.toMatch(FETCHED);
      const quiet = { slack: { unfurl_links: false, unfurl_media: false }, telegram: NO_PREVIEW, teams: {}, ntfy: {} };
      expect(JSON.parse(body)).toMatchObject(quiet[type]);
    });

    it.each(['slack', 'teams'] as const)('at %s: shown where the channel wants it in the message', async (type) => {
      const [, image, card] = FETCHED.exec(await said(type, { pictureLink: LINK, picture: PICTURE })) ?? [];
      expect(image ?? card).toBe(LINK);
    });
  });

  it('ntfy gets a picture as the body', async () => {
    await open('ntfy');
    const config: ChannelOf<'ntfy'> = {
      ...samplePolicy(),
      ...{ type: 'ntfy', url: server.url, topic: 'yard', token: secret },
    };
    const camera = sampleIncident({ zone: 'Straße' });
    expect(await deliver(config, sending({ picture: PICTURE }, camera))).toEqual({ kind: 'delivered' });
    expect(server.got[0]?.body.equals(PICTURE)).toBe(true);
    expect((await server.taken())[0]?.text).toContain('Straße');
  });

  it('slack makes no link and no mention of what is in a name', async () => {
    await open('slack');
    process.env[SECRET_NAME] = `${server.url}/services/x`;
    const config: ChannelOf<'slack'> = { ...samplePolicy(), type: 'slack', url: secret };
    const what = sending({ pictureLink: 'https://bucket.example/x?sig=1' }, sampleIncident({ zone: '<!channel>' }));
    expect(await deliver(config, what)).toEqual({ kind: 'delivered' });
    expect(server.got[0]?.body.toString()).not.toContain('<!channel>');
  });
});

describe('alertmanager', () => {
  it('fires while an incident is open, renewed, and resolves when it closes', async () => {
    const server = await new Alertmanager().start();
    const folder = await mkdtemp(join(tmpdir(), 'banksman-alertmanager-sink-'));
    const deps = testDeps(folder);
    const channel: ChannelOf<'alertmanager'> = {
      ...samplePolicy(),
      ...{ type: 'alertmanager', url: server.url, token: null, renew_s: 0.5, hold_s: 0 },
    };
    const sink = new AlertsSink(deps, { webhooks: [], channels: [channel], version: '1', onError: () => undefined });
    try {
      await sink.start();
      const open = sampleIncident({ openedAt: toTimestamp(Date.now()) });
      await publish(deps.bus, 'incidents.v1', open);
      const first = await until('it to fire', async () => (await server.firing())[0]);
      expect(first.labels).toEqual({
        ...{ alertname: 'BanksmanIncident', site: 'yard', incident: 'incident-1', rule: 'person-on-road' },
        ...{ camera: 'gate', zone: 'road', severity: 'high' },
      });
      expect(first.startsAt).toBe(open.openedAt);
      const renewed = await until('it to be renewed', async () => {
        const [now] = await server.firing();
        return now && Date.parse(now.endsAt) > Date.parse(first.endsAt) + 1_000 && now;
      });
      expect(renewed.fingerprint).toBe(first.fingerprint);
      const end = toTimestamp(Date.now());
      const closed: Partial<Incident> = { revision: 2, transition: 'closed', state: 'closed', closeReason: 'left' };
      await publish(deps.bus, 'incidents.v1', { ...open, ...closed, updatedAt: end, closedAt: end });
      await until('it to resolve', async () => (await server.firing()).length === 0);
    } finally {
      await sink.stop();
      await deps.bus.close();
      await server.remove();
      await rm(folder, { recursive: true });
    }
  }, 60_000);

  it('what has opened and closed already fires for a while, so that somebody is told', async () => {
    const server = await new Alertmanager().start();
    try {
      const channel: ChannelOf<'alertmanager'> = {
        ...samplePolicy(),
        ...{ type: 'alertmanager', url: server.url, token: null, renew_s: 60, hold_s: 60 },
      };
      const opened = sampleIncident({ openedAt: toTimestamp(Date.now() - 1_000) });
      const now = toTimestamp(Date.now());
      const closed: Incident = {
        ...opened,
        revision: 2,
        transition: 'closed',
        state: 'closed',
        closedAt: now,
        updatedAt: now,
      };
      expect(await deliver(channel, sending({}, opened, closed))).toEqual({ kind: 'delivered' });
      expect((await server.firing()).map(({ annotations }) => annotations['key'])).toEqual(['incident-1/2']);
    } finally {
      await server.remove();
    }
  }, 60_000);
});

describe('annotations of Grafana', () => {
  const channel = (url: string): ChannelOf<'grafana'> => ({ ...samplePolicy(), type: 'grafana', url, token: secret });
  const opened = sampleIncident({ openedAt: at(0) });
  const closed: Incident = {
    ...opened,
    ...{ revision: 2, transition: 'closed', state: 'closed', closeReason: 'left', updatedAt: at(9), closedAt: at(9) },
  };

  it('an incident is one, from its beginning to its end, also where an answer is lost', async () => {
    const server = new GrafanaStandIn(SECRET);
    await server.start();
    try {
      const config = channel(`${server.url}/`);
      server.lost = 1;
      expect(await deliver(config, sending({}, opened))).toMatchObject({ kind: 'failed', reason: 'unreachable' });
      expect(await deliver(config, sending({}, opened))).toEqual({ kind: 'delivered' });
      expect(server.annotations).toMatchObject([{ time: Date.parse(at(0)) }]);
      expect(server.annotations[0]).not.toHaveProperty('timeEnd');
      expect(await deliver(config, sending({}, closed))).toEqual({ kind: 'delivered' });
      expect(await deliver(config, sending({}, sampleIncident({ id: 'another' })))).toEqual({ kind: 'delivered' });
      expect(server.annotations).toHaveLength(2);
      const [one] = server.annotations;
      expect(one).toMatchObject({ time: Date.parse(at(0)), timeEnd: Date.parse(at(9)) });
      expect(one?.tags).toEqual(
        expect.arrayContaining(['banksman', 'incident:incident-1', 'revision:2', 'camera:gate', 'zone:road']),
      );
      expect(one?.text).toContain('person-on-road closed (left)');
      expect(one?.text).toContain('https://yard.example/#incident=incident-1');
    } finally {
      await server.remove();
    }
  });

  it('are made of what is muted or within a cool-down too', async () => {
    const server = new GrafanaStandIn(SECRET);
    await server.start();
    const folder = await mkdtemp(join(tmpdir(), 'banksman-annotations-'));
    const deps = testDeps(folder);
    const options = { webhooks: [], channels: [channel(server.url)], version: '1', onError: () => undefined };
    const sink = new AlertsSink(deps, options);
    const ends = () => server.annotations.filter((one) => 'timeEnd' in one).length;
    try {
      const rule = sampleRule({ cool_down_s: 600 });
      await deps.bus.producer().send('rules.v1', { key: `yard/${rule.rule}`, value: encodeJson(rule) });
      const mute = sampleMute({ at: at(100), until: at(200) });
      await publish(deps.bus, 'feedback.v1', sampleFeedback({ action: 'mute', incident: null, mute }));
      await sink.start();
      for (const [id, from] of [
        ['first', 0],
        ['within-its-cool-down', 60],
        ['muted', 150],
      ] as const) {
        const times = { openedAt: at(from), updatedAt: at(from + 9), closedAt: at(from + 9) };
        const one = sampleIncident({ id, openedAt: at(from) });
        await publish(deps.bus, 'incidents.v1', one, { ...closed, ...times, id });
      }
      await until('the end of all three', () => ends() === 3);
      expect(server.annotations).toHaveLength(3);
    } finally {
      await sink.stop();
      await deps.bus.close();
      await server.remove();
      await rm(folder, { recursive: true });
    }
  });

  it('says where something else than Grafana answers', async () => {
    const server = new HttpReceiver(() => ({ keys: [], text: '' }));
    await server.start();
    try {
      expect(await deliver(channel(server.url), sending({}, opened))).toMatchObject({
        kind: 'failed',
        reason: 'unreadable',
      });
    } finally {
      await server.remove();
    }
  });
});
