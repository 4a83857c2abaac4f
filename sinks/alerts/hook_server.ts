/** For tests: a real HTTP server that answers webhooks as it is told. */
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { WebhookConfig } from '../../config/site_alerts.ts';
import type { Incident } from '../../runtime/messages/types.ts';

export interface Received {
  key: string;
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  incident: Incident;
  /** What was answered; `hang`: nothing, the connection stays open. */
  answer: Answer;
}

export type Answer = number | 'hang' | 'drop' | { status: number; headers: Record<string, string> };

export class HookServer {
  readonly received: Received[] = [];
  /** Decides by key and by how often that key has come before. */
  answer: (key: string, times: number) => Answer = () => 204;
  #server: Server | undefined;
  #port = 0;

  /** On the port that it had before, if any. */
  async start(): Promise<void> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        const { incident }: { incident: Incident } = JSON.parse(body);
        const key = String(request.headers['idempotency-key']);
        const answer = this.answer(key, this.keys().filter((other) => other === key).length);
        const { method = '', url: path = '', headers } = request;
        this.received.push({ key, method, path, headers, body, incident, answer });
        reply(response, answer);
      });
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#server = server;
    const address = server.address();
    if (address && typeof address === 'object') this.#port = address.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  keys(): string[] {
    return this.received.map(({ key }) => key);
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  }
}

function reply(response: ServerResponse, answer: Answer): void {
  if (answer === 'hang') return;
  if (answer === 'drop') response.destroy();
  else if (typeof answer === 'number') response.writeHead(answer).end('{}');
  else response.writeHead(answer.status, answer.headers).end();
}

export function sampleWebhook(over: Partial<WebhookConfig> = {}): WebhookConfig {
  return {
    id: 'ops',
    url: 'http://127.0.0.1:9/hook',
    secret: null,
    min_severity: 'low',
    rules: null,
    transitions: ['opened', 'unobserved', 'closed'],
    timeout_s: 10,
    ...over,
  };
}
