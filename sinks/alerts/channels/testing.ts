/**
 * For tests: a receiver of each kind. SMTP, MQTT and Alertmanager are real servers; for the others there is an HTTP
 * server that takes nothing but the documented shape.
 */
import type { ChannelConfig, ChannelOf, ChannelPolicy, ChannelType } from '../../../config/site_alerts.ts';
import { Alertmanager } from '../../../test/services/alertmanager.ts';
import { Mosquitto } from '../../../test/services/mosquitto.ts';
import { SmtpServer } from '../../../test/services/smtp.ts';
import { until } from '../../../test/wait.ts';
import { GrafanaStandIn } from './testing_grafana.ts';
import { HttpReceiver, SHAPES } from './testing_http.ts';

/** What a receiver took as one message. */
export interface Taken {
  keys: string[];
  text: string;
}

export interface Receiver {
  /** Started again it has the address that it had. */
  start(): Promise<void>;
  stop(): Promise<void>;
  remove(): Promise<void>;
  config(over?: Partial<ChannelPolicy>): ChannelConfig;
  taken(): Promise<Taken[]>;
  /** It takes connections and says nothing. */
  hang(on: boolean): void;
  /** It wants no message, for good. Absent where the protocol has no such answer. */
  refuse?(on: boolean): void;
}

/** Of receivers: in every test it must come out nowhere. */
export const SECRET = 'kestrel-over-the-quarry';
export const SECRET_NAME = 'BANKSMAN_TEST_CHANNEL_SECRET';
const secret = { env: SECRET_NAME };

export function samplePolicy(over: Partial<ChannelPolicy> = {}): ChannelPolicy {
  return {
    id: 'ops',
    min_severity: 'low',
    rules: null,
    cameras: null,
    zones: null,
    schedule: null,
    transitions: ['opened', 'unobserved', 'closed'],
    timeout_s: 10,
    escalate_after_s: 0,
    quiet_hours: null,
    group_wait_s: 0,
    max_per_hour: null,
    realert_s: 0,
    template: null,
    snapshot: 'none',
    ...over,
  };
}

/** A server that speaks HTTP; `config` gets its address, which has the secret where the address is one. */
function overHttp<T extends keyof typeof SHAPES>(
  type: T,
  config: (url: string) => Omit<ChannelOf<T>, keyof ChannelPolicy>,
) {
  return async (): Promise<Receiver> => {
    const server = new HttpReceiver(SHAPES[type]);
    await server.start();
    // The whole address is the secret of these.
    if (type === 'slack' || type === 'teams') process.env[SECRET_NAME] = `${server.url}/${SECRET}`;
    return Object.assign(server, {
      // The two halves of one kind.
      config: (over?: Partial<ChannelPolicy>) =>
        ({ ...samplePolicy(over), ...config(server.url) }) as unknown as ChannelConfig,
    });
  };
}

export const RECEIVERS: Readonly<Record<ChannelType, () => Promise<Receiver>>> = {
  webhook: overHttp('webhook', (url) => ({ type: 'webhook', url, secret })),
  slack: overHttp('slack', () => ({ type: 'slack', url: secret })),
  teams: overHttp('teams', () => ({ type: 'teams', url: secret })),
  telegram: overHttp('telegram', (api_url) => ({ type: 'telegram', token: secret, chat: '-1001', api_url })),
  ntfy: overHttp('ntfy', (url) => ({ type: 'ntfy', url, topic: 'yard', token: secret })),
  email: async () => {
    const server = new SmtpServer({ user: 'banksman', password: SECRET });
    await server.start();
    return Object.assign(server, {
      taken: async () =>
        server.mails.map(({ body }) => {
          const keys = body.split('\n').filter((line) => /^\S+\/\d+(\.\d+)?$/.test(line));
          return { keys, text: body };
        }),
      config: (over?: Partial<ChannelPolicy>): ChannelConfig => ({
        ...samplePolicy(over),
        ...{ type: 'email', host: '127.0.0.1', port: server.port, tls: 'starttls', ca_file: server.certFile },
        ...{ username: { text: 'banksman' }, password: secret },
        ...{ from: 'Yard <banksman@yard.example>', to: ['ada@yard.example', 'grace@yard.example'] },
      }),
    });
  },
  mqtt: async () => {
    const server = await new Mosquitto({ user: 'banksman', password: SECRET }).start();
    return new MqttReceiver(server);
  },
  alertmanager: async () => new AlertmanagerReceiver(await new Alertmanager().start()),
  grafana: async () => {
    const server = new GrafanaStandIn(SECRET);
    await server.start();
    return Object.assign(server, {
      config: (over?: Partial<ChannelPolicy>): ChannelConfig => {
        return { ...samplePolicy(over), type: 'grafana', url: server.url, token: secret };
      },
    });
  },
};

class MqttReceiver implements Receiver {
  readonly #server: Mosquitto;
  readonly #taken: Taken[] = [];
  #listening: Promise<void> | undefined;
  #leave: () => void = () => undefined;

  constructor(server: Mosquitto) {
    this.#server = server;
  }

  async start(): Promise<void> {
    if (!this.#listening) await this.#listen();
    else await this.#server.start();
  }

  async #listen(): Promise<void> {
    const { connect } = await import('mqtt');
    const account = { username: 'banksman', password: SECRET };
    // In a session that outlives the broker's restart nothing is missed.
    const client = connect(this.#server.url, { ...account, clientId: 'listener', reconnectPeriod: 100 });
    client.on('error', () => undefined);
    this.#leave = () => void client.end(true);
    client.on('message', (_topic, bytes) => {
      const said: { key: string; keys?: string[]; text: string } = JSON.parse(bytes.toString());
      this.#taken.push({ keys: said.keys ?? [said.key], text: said.text });
    });
    this.#listening = new Promise<void>((resolve, reject) => {
      client.once('connect', () =>
        client.subscribe('yard/alerts', { qos: 1 }, (error) => (error ? reject(error) : resolve())),
      );
    });
    await this.#listening;
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  async remove(): Promise<void> {
    this.#leave();
    await this.#server.remove();
  }

  config(over?: Partial<ChannelPolicy>): ChannelConfig {
    const account = { username: { text: 'banksman' }, password: secret };
    const { url } = this.#server;
    return { ...samplePolicy(over), type: 'mqtt', url, topic: 'yard/alerts', ca_file: null, ...account };
  }

  async taken(): Promise<Taken[]> {
    return this.#taken;
  }

  hang(on: boolean): void {
    this.#server.freeze(on);
  }
}

class AlertmanagerReceiver implements Receiver {
  readonly #server: Alertmanager;
  #running = true;

  constructor(server: Alertmanager) {
    this.#server = server;
  }

  async start(): Promise<void> {
    if (!this.#running) await this.#server.start();
    this.#running = true;
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#server.stop();
  }

  remove(): Promise<void> {
    return this.#server.remove();
  }

  config(over?: Partial<ChannelPolicy>): ChannelConfig {
    const { url } = this.#server;
    return { ...samplePolicy(over), type: 'alertmanager', url, token: secret, renew_s: 60, hold_s: 60 };
  }

  /** It knows no messages: all that fires, as one. */
  async taken(): Promise<Taken[]> {
    const firing = await this.#server.firing();
    if (firing.length === 0) return [];
    const keys = firing.map(({ annotations }) => annotations['key'] ?? '').sort();
    return [{ keys, text: firing.map(({ annotations }) => annotations['summary']).join('\n') }];
  }

  firing() {
    return this.#server.firing();
  }

  hang(on: boolean): void {
    this.#server.freeze(on);
  }
}

/** Until a receiver has taken as many messages. */
export async function untilTaken(receiver: Receiver, count: number): Promise<Taken[]> {
  return until(`${count} messages`, async () => {
    const taken = await receiver.taken();
    return taken.length >= count && taken;
  });
}
