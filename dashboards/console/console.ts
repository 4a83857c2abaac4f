import { type ServerType, serve } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { streamSSE } from 'hono/streaming';
import { isLoopback } from '../../config/formats.ts';
import type { Bus, Producer } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { BanksmanError } from '../../runtime/errors.ts';
import type { Component } from '../../runtime/lifecycle.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { RefusedEdit } from '../../runtime/refused_edit.ts';
import type { ObjectStore } from '../../runtime/stores/objects/types.ts';
import type { StateReader } from '../../runtime/stores/state/types.ts';
import { createApi } from './api.ts';
import { CameraViews } from './cameras.ts';
import { guard } from './guard.ts';
import { Live } from './live.ts';
import { loadPage } from './page.ts';

export interface ConsoleDeps {
  bus: Bus;
  site: string;
  log: Logger;
  metrics: Metrics;
  clock: Clock;
}

export interface ConsoleOptions {
  bind: { host: string; port: number };
  version: string;
  state: StateReader;
  objects: ObjectStore;
  /** Why the edited site file is not active. */
  refusedEdit: () => Promise<RefusedEdit | null>;
}

/** Each holds a connection and a queue. */
const MAX_FOLLOWERS = 64;
/** Judgements and mutes are small. */
const MAX_BODY_BYTES = 64 * 1024;

/** The HTTP API, its events and the page, on loopback. */
export class Console implements Component {
  readonly name = 'console';
  readonly #deps: ConsoleDeps;
  readonly #options: ConsoleOptions;
  readonly #cameras: CameraViews;
  readonly #live: Live;
  readonly #producer: Producer;
  #server: ServerType | undefined;

  constructor(deps: ConsoleDeps, options: ConsoleOptions) {
    this.#deps = deps;
    this.#options = options;
    const { state, refusedEdit } = options;
    this.#cameras = new CameraViews({ bus: deps.bus, site: deps.site, clock: deps.clock, state });
    this.#live = new Live({
      bus: deps.bus,
      clock: deps.clock,
      log: deps.log,
      state,
      cameras: this.#cameras,
      refusedEdit,
    });
    this.#producer = deps.bus.producer();
  }

  /** `http://HOST:PORT`, once started. */
  get address(): string | undefined {
    const address = this.#server?.address();
    return address && typeof address === 'object' ? `http://${this.#options.bind.host}:${address.port}` : undefined;
  }

  /** @throws BanksmanError CONFIG_BIND_REFUSED, PORT_TAKEN. */
  async start(): Promise<void> {
    const { host, port } = this.#options.bind;
    if (!isLoopback(host)) {
      throw new BanksmanError('CONFIG_BIND_REFUSED', { where: `console.bind ${host}:${port}` });
    }
    await this.#cameras.start();
    this.#live.start();
    const app = this.#routes();
    await new Promise<void>((resolve, reject) => {
      const server = serve({ fetch: app.fetch, hostname: host, port }, () => resolve());
      server.once('error', (cause: NodeJS.ErrnoException) => {
        const code = cause.code === 'EADDRINUSE' ? 'PORT_TAKEN' : 'INTERNAL';
        reject(new BanksmanError(code, { where: `console.bind ${host}:${port}`, cause }));
      });
      this.#server = server;
    });
  }

  async stop(): Promise<void> {
    await this.#live.stop();
    const server = this.#server;
    if (server?.listening) {
      if ('closeAllConnections' in server) server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    await this.#cameras.stop();
    await this.#producer.close();
  }

  #routes(): Hono {
    const { site, clock, log, metrics } = this.#deps;
    const { version, state, objects, refusedEdit } = this.#options;
    const app = new Hono();
    app.use(guard(metrics));
    app.use(bodyLimit({ maxSize: MAX_BODY_BYTES }));
    for (const [path, asset] of loadPage()) {
      app.get(path, (c) =>
        c.body(asset.body, 200, {
          'content-type': asset.contentType,
          'cache-control': 'no-cache',
          'content-security-policy':
            "default-src 'self'; img-src 'self' data:; style-src 'self'; frame-ancestors 'none'",
        }),
      );
    }
    app.get('/healthz', (c) => c.text('ok\n'));
    app.get('/readyz', async (c) => {
      await state.mutes();
      return c.text('ready\n');
    });
    app.route(
      '/',
      createApi({
        site,
        version,
        clock,
        state,
        objects,
        producer: this.#producer,
        cameras: this.#cameras,
        refusedEdit,
      }),
    );
    this.#events(app);
    app.notFound((c) => c.json({ error: 'no such address; see /openapi.json' }, 404));
    app.onError((error, c) => {
      if (error instanceof BanksmanError && error.code === 'USAGE') return c.json({ error: error.message }, 400);
      if (error instanceof HTTPException && error.status < 500) {
        return c.json({ error: error.message || 'the request cannot be read' }, error.status);
      }
      log.error({ err: error, path: c.req.path }, 'request failed');
      return c.json({ error: 'the console could not answer; see its log' }, 500);
    });
    return app;
  }

  #events(app: Hono): void {
    let followers = 0;
    app.get('/api/v1/events', (c) => {
      if (followers >= MAX_FOLLOWERS) return c.json({ error: 'too many pages follow already' }, 503);
      followers += 1;
      return streamSSE(c, async (stream) => {
        const abort = new AbortController();
        stream.onAbort(() => abort.abort());
        try {
          const messages = this.#live.follow(abort.signal);
          await stream.writeSSE({ event: 'ping', data: '{}' });
          for await (const message of messages) await stream.writeSSE({ ...message });
        } finally {
          followers -= 1;
        }
      });
    });
  }
}
