import { createServer, type Server } from 'node:http';
import type { MetricObjectWithValues, MetricValue } from 'prom-client';
import { AggregatorRegistry, Registry } from 'prom-client';
import { BanksmanError } from '../runtime/errors.ts';
import type { Component } from '../runtime/lifecycle.ts';

export interface MetricsServerOptions {
  bind: { host: string; port: number };
  /** Registries as prom-client's JSON, one a process. */
  collect: () => Promise<MetricObjectWithValues<MetricValue<string>>[][]>;
  ready: () => boolean;
}

/** `/metrics` of all roles in one answer, `/healthz` and `/readyz`. */
export class MetricsServer implements Component {
  readonly name = 'metrics';
  readonly #options: MetricsServerOptions;
  #server: Server | undefined;

  constructor(options: MetricsServerOptions) {
    this.#options = options;
  }

  /** `http://HOST:PORT`, once started. */
  get address(): string | undefined {
    const address = this.#server?.address();
    return address && typeof address === 'object' ? `http://${this.#options.bind.host}:${address.port}` : undefined;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      const path = (request.url ?? '/').split('?')[0];
      if (path === '/metrics') {
        this.#render().then(
          (text) => response.writeHead(200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE }).end(text),
          () => response.writeHead(500).end(),
        );
      } else if (path === '/healthz') response.writeHead(200).end('ok\n');
      else if (path === '/readyz') {
        const ready = this.#options.ready();
        response.writeHead(ready ? 200 : 503).end(ready ? 'ready\n' : 'not ready\n');
      } else response.writeHead(404).end('see /metrics, /healthz, /readyz\n');
    });
    const { host, port } = this.#options.bind;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause: NodeJS.ErrnoException) => {
        const taken = cause.code === 'EADDRINUSE';
        reject(new BanksmanError(taken ? 'PORT_TAKEN' : 'INTERNAL', { where: `metrics.bind ${host}:${port}`, cause }));
      });
      server.listen(port, host, resolve);
    });
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  async #render(): Promise<string> {
    const merged = AggregatorRegistry.aggregate(await this.#options.collect());
    return merged.metrics();
  }
}
