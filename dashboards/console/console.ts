import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { type ServerType, serve } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { streamSSE } from 'hono/streaming';
import type { CameraControl } from '../../config/control.ts';
import { isLoopback } from '../../config/formats.ts';
import type { ConsoleConfig } from '../../config/site.ts';
import type { PictureLinks } from '../../runtime/access/picture_links.ts';
import type { Bus, Producer } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { BanksmanError } from '../../runtime/errors.ts';
import type { Component } from '../../runtime/lifecycle.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { RefusedEdit } from '../../runtime/refused_edit.ts';
import { isAway, type ObjectReader } from '../../runtime/stores/objects/types.ts';
import { NOTHING_WAITS, type SpoolState } from '../../runtime/stores/objects/waiting.ts';
import { isStoreAway } from '../../runtime/stores/state/away.ts';
import type { StateReader } from '../../runtime/stores/state/types.ts';
import { Access, type AppEnv } from './access/access.ts';
import { Accounts } from './access/accounts.ts';
import { followPair, type Pair, readPair } from './access/certificate.ts';
import { clientReader } from './access/client.ts';
import { createApi } from './api.ts';
import { CameraViews } from './cameras.ts';
import { APPLY_PATH } from './fleet_api.ts';
import { guard } from './guard.ts';
import { Live } from './live.ts';
import { loadPage } from './page.ts';
import { pictureRoutes } from './pictures.ts';
import { StoreWatch } from './store_watch.ts';

export interface ConsoleDeps {
  bus: Bus;
  site: string;
  log: Logger;
  metrics: Metrics;
  clock: Clock;
}

/** Of the site file's section only the address must be given. */
export interface ConsoleOptions extends Pick<ConsoleConfig, 'bind'>, Partial<Omit<ConsoleConfig, 'bind'>> {
  version: string;
  state: StateReader;
  /** Closed at stop. */
  objects: ObjectReader;
  /** Browsers are sent to the object store by links that hold so long. Default 0: they get the bytes from here. */
  linkExpiresS?: number;
  /** For links in messages. Default: there are none. */
  pictureLinks?: PictureLinks;
  /** Whether evidence waits for its store. */
  evidence?: () => SpoolState;
  /** Changes cameras; none where they come from the site file alone. */
  control?: CameraControl | null;
  /** What whoever changes cameras should know. */
  controlNote?: string | null;
  /** Why the edited site file is not active. */
  refusedEdit: () => Promise<RefusedEdit | null>;
}

/** Each holds a connection and a queue. */
const MAX_FOLLOWERS = 64;
/** A browser opens six to a page. */
const MAX_CONNECTIONS = 1_024;
/** Judgements and mutes are small. */
const MAX_BODY_BYTES = 64 * 1024;

/** The HTTP API, its events and the page: on loopback for whoever is there, elsewhere for accounts. */
export class Console implements Component {
  readonly name = 'console';
  readonly #deps: ConsoleDeps;
  readonly #options: ConsoleOptions;
  readonly #cameras: CameraViews;
  readonly #store: StoreWatch;
  readonly #live: Live;
  readonly #producer: Producer;
  readonly #accounts: Accounts | null;
  readonly #access: Access;
  readonly #abort = new AbortController();
  #server: ServerType | undefined;
  #renewals: Promise<void> | undefined;

  constructor(deps: ConsoleDeps, options: ConsoleOptions) {
    this.#deps = deps;
    this.#options = options;
    const { state, refusedEdit, evidence = () => NOTHING_WAITS } = options;
    this.#cameras = new CameraViews({ ...deps, state });
    this.#store = new StoreWatch({ state, clock: deps.clock, log: deps.log });
    this.#live = new Live({
      bus: deps.bus,
      clock: deps.clock,
      log: deps.log,
      state,
      cameras: this.#cameras,
      refusedEdit,
      evidence,
      store: this.#store,
    });
    this.#producer = deps.bus.producer();
    this.#accounts = options.accounts ? new Accounts(options.accounts, deps) : null;
    this.#access = new Access(this.#accounts, { ...deps, sessionMs: (options.session_hours ?? 12) * 3_600_000 });
  }

  /** `http://HOST:PORT` or `https://…`, once started. */
  get address(): string | undefined {
    const address = this.#server?.address();
    if (!address || typeof address !== 'object') return undefined;
    const { host } = this.#options.bind;
    const name = host.includes(':') ? `[${host}]` : host;
    return `${this.#options.tls ? 'https' : 'http'}://${name}:${address.port}`;
  }

  /** @throws BanksmanError CONFIG_BIND_REFUSED, CONFIG_ACCOUNTS, CONFIG_TLS, PORT_TAKEN. */
  async start(): Promise<void> {
    const { host, port } = this.#options.bind;
    const { tls } = this.#options;
    if (!isLoopback(host) && !this.#accounts) {
      throw new BanksmanError('CONFIG_BIND_REFUSED', { where: `console.bind ${host}:${port}` });
    }
    const pair = tls ? await readPair(tls) : undefined;
    await this.#accounts?.start();
    await this.#cameras.start();
    this.#live.start();
    const app = this.#routes();
    await new Promise<void>((resolve, reject) => {
      const secure = pair ? { createServer: createTlsServer, serverOptions: pair } : {};
      const server = serve({ fetch: app.fetch, hostname: host, port, ...secure }, () => resolve());
      server.once('error', (cause: NodeJS.ErrnoException) => {
        const code = cause.code === 'EADDRINUSE' ? 'PORT_TAKEN' : 'INTERNAL';
        reject(new BanksmanError(code, { where: `console.bind ${host}:${port}`, cause }));
      });
      server.maxConnections = MAX_CONNECTIONS;
      this.#server = server;
    });
    if (pair) this.#renewals = this.#followRenewals(pair);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#renewals;
    await this.#accounts?.stop();
    await this.#live.stop();
    const server = this.#server;
    if (server?.listening) {
      if ('closeAllConnections' in server) server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    await this.#cameras.stop();
    await this.#producer.close();
    await this.#options.objects.close();
  }

  async #followRenewals(pair: Pair): Promise<void> {
    const { tls } = this.#options;
    const { clock, log, metrics } = this.#deps;
    // With a certificate it is a TLS server that was made.
    const server = this.#server as TlsServer;
    if (tls) await followPair(tls, server, pair, { clock, log, metrics, signal: this.#abort.signal });
  }

  #routes(): Hono<AppEnv> {
    const { site, clock, log, metrics } = this.#deps;
    const { version, state, objects, refusedEdit, hosts = [], trusted_proxies: trustedProxies = [] } = this.#options;
    const { linkExpiresS = 0, evidence = () => NOTHING_WAITS, pictureLinks } = this.#options;
    const tls = Boolean(this.#options.tls);
    const app = new Hono<AppEnv>();
    const { hasAccounts } = this.#access;
    app.use(guard({ metrics, clientOf: clientReader({ trustedProxies, tls }), hasAccounts, hosts, tls }));
    app.use(this.#access.middleware());
    const small = bodyLimit({ maxSize: MAX_BODY_BYTES });
    app.use((c, next) => (c.req.path === APPLY_PATH ? next() : small(c, next)));
    for (const [path, asset] of loadPage()) {
      app.get(path, async (c) =>
        c.body(asset.body, 200, {
          'content-type': asset.contentType,
          'cache-control': 'no-cache',
          'content-security-policy': `default-src 'self'; img-src 'self' data:${await this.#pictureSource()}; style-src 'self'; frame-ancestors 'none'`,
        }),
      );
    }
    app.get('/healthz', (c) => c.text('ok\n'));
    app.get('/readyz', async (c) => {
      // Not a reason to be taken out of service: all consoles would be, and nobody could see why.
      const trouble = await this.#store.look();
      return c.text(
        trouble ? `degraded: state store ${trouble.state} ${trouble.code ?? ''} ${trouble.message}\n` : 'ready\n',
      );
    });
    app.route(
      '/',
      createApi({
        site,
        version,
        clock,
        metrics,
        state,
        objects,
        linkExpiresS,
        evidence,
        producer: this.#producer,
        cameras: this.#cameras,
        store: this.#store,
        access: this.#access,
        fleet: {
          ...{ site, clock, bus: this.#deps.bus, cameras: this.#cameras },
          control: this.#options.control ?? null,
          note: this.#options.controlNote ?? null,
        },
        refusedEdit,
      }),
    );
    if (pictureLinks) app.route('/', pictureRoutes({ links: pictureLinks, state, objects }));
    this.#events(app);
    app.notFound((c) => c.json({ error: 'no such address; see /openapi.json' }, 404));
    app.onError((error, c) => {
      if (error instanceof BanksmanError && error.code === 'USAGE') return c.json({ error: error.message }, 400);
      if (isStoreAway(error)) {
        c.header('retry-after', '5');
        return c.json({ error: `what is stored cannot be read now: ${error.message}` }, 503);
      }
      if (isAway(error)) return c.json({ error: `evidence cannot be read now: ${error.message}` }, 503);
      if (error instanceof HTTPException && error.status < 500) {
        return c.json({ error: error.message || 'the request cannot be read' }, error.status);
      }
      log.error({ err: error, path: c.req.path }, 'request failed');
      return c.json({ error: 'the console could not answer; see its log' }, 500);
    });
    return app;
  }

  /** Where links to pictures lead, for the page's policy; empty where there are none or nobody knows yet. */
  async #pictureSource(): Promise<string> {
    const { objects, linkExpiresS = 0 } = this.#options;
    if (linkExpiresS === 0) return '';
    const link = await objects.presign('configs/policy.json', 60).catch(() => null);
    return link === null ? '' : ` ${new URL(link).origin}`;
  }

  #events(app: Hono<AppEnv>): void {
    let followers = 0;
    app.get('/api/v1/events', (c) => {
      if (followers >= MAX_FOLLOWERS) return c.json({ error: 'too many pages follow already' }, 503);
      followers += 1;
      const caller = c.get('caller');
      return streamSSE(c, async (stream) => {
        const abort = new AbortController();
        stream.onAbort(() => abort.abort());
        try {
          const messages = this.#live.follow(abort.signal);
          await stream.writeSSE({ event: 'ping', data: '{}' });
          for await (const message of messages) {
            // A page stays open for days: whoever was taken back, or whose session ended, hears no more.
            if (!caller.holds()) break;
            await stream.writeSSE({ ...message });
          }
        } finally {
          followers -= 1;
        }
      });
    });
  }
}
