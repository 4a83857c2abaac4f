import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Incident } from '../../runtime/messages/types.ts';

export interface Received {
  key: string;
  headers: IncomingHttpHeaders;
  body: string;
  incident: Incident;
  at: number;
}

/** A real HTTP server that takes webhooks and remembers them. */
export class Receiver {
  readonly received: Received[] = [];
  /** Takes messages and never answers; what came meanwhile is not remembered. */
  hanging = false;
  /** Requests that were left without an answer. */
  hung = 0;
  #server: Server | undefined;

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (this.hanging) {
          this.hung += 1;
          return;
        }
        const body = Buffer.concat(chunks).toString('utf8');
        const { incident }: { incident: Incident } = JSON.parse(body);
        const key = String(request.headers['idempotency-key']);
        this.received.push({ key, headers: request.headers, body, incident, at: Date.now() });
        response.writeHead(204).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#server = server;
  }

  get url(): string {
    const address = this.#server?.address();
    if (!address || typeof address === 'string') throw new Error('not started');
    const { port }: AddressInfo = address;
    return `http://127.0.0.1:${port}/hook`;
  }

  /** How often each key came. */
  counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { key } of this.received) counts.set(key, (counts.get(key) ?? 0) + 1);
    return counts;
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }
}
