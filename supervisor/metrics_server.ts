import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Registry } from 'prom-client';
import { isLoopback } from '../config/formats.ts';
import { FleetGuard } from '../runtime/access/fleet_guard.ts';
import { listenAt } from '../runtime/access/listen.ts';
import type { Clock } from '../runtime/clock.ts';
import { BanksmanError } from '../runtime/errors.ts';
import { exposition, type Slice } from '../runtime/exposition.ts';
import type { Component } from '../runtime/lifecycle.ts';
import type { SecretRef } from '../runtime/messages/types.ts';

export interface MetricsServerOptions {
  bind: { host: string; port: number };
  /** Beyond loopback: without a token, because the network guards it. */
  open: boolean;
  /** Beyond loopback and not open: what a scraper must show. */
  fleetToken: SecretRef | null;
  clock: Clock;
  /** Of each process, what it has. */
  collect: () => Promise<Slice[][]>;
  ready: () => boolean;
}

/** Scrapers are few, and each needs one. */
const MAX_CONNECTIONS = 128;

/** `/metrics` of all roles in one answer, `/healthz` and `/readyz`; the last two for whoever asks. */
export class MetricsServer implements Component {
  readonly name = 'metrics';
  readonly #options: MetricsServerOptions;
  #server: Server | undefined;
  #guard: FleetGuard | undefined;

  constructor(options: MetricsServerOptions) {
    this.#options = options;
  }

  /** `http://HOST:PORT`, once started. */
  get address(): string | undefined {
    const address = this.#server?.address();
    return address && typeof address === 'object' ? `http://${this.#options.bind.host}:${address.port}` : undefined;
  }

  /** @throws BanksmanError CONFIG_BIND_REFUSED, CONFIG_SECRET_MISSING, CONFIG_INVALID_VALUE, PORT_TAKEN. */
  async start(): Promise<void> {
    const { bind, open, fleetToken, clock } = this.#options;
    if (!isLoopback(bind.host) && !open) {
      if (!fleetToken)
        throw new BanksmanError('CONFIG_BIND_REFUSED', { where: `metrics.bind ${bind.host}:${bind.port}` });
      this.#guard = new FleetGuard(fleetToken, clock);
      await this.#guard.start();
    }
    const server = createServer((request, response) => void this.#answer(request, response));
    await listenAt(server, bind, 'metrics.bind');
    server.maxConnections = MAX_CONNECTIONS;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?')[0];
    try {
      if (path === '/metrics') {
        if (this.#guard && !(await this.#guard.admits(request, response))) return;
        const processes = await this.#options.collect();
        response.writeHead(200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE });
        // Not pipeline: where the scraper has gone there is nothing to tell anybody.
        for await (const text of exposition(processes)) {
          if (response.destroyed) return;
          if (!response.write(text)) await drained(response);
        }
        response.end();
      } else if (path === '/healthz') response.writeHead(200).end('ok\n');
      else if (path === '/readyz') {
        const ready = this.#options.ready();
        response.writeHead(ready ? 200 : 503).end(ready ? 'ready\n' : 'not ready\n');
      } else response.writeHead(404).end('see /metrics, /healthz, /readyz\n');
    } catch {
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    }
  }
}

/** Resolves when it takes more, or is gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}
