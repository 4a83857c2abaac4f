/** For tests: an HTTP server that takes what the documentation of a receiver says, and 400 for everything else. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Taken } from './testing.ts';

export interface Got {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

/** @returns what was said; throws where the request is not as documented. */
type Shape = (got: Got) => Taken;

const json = (body: Buffer): unknown => JSON.parse(body.toString('utf8'));
const words = (text: string): string[] => text.split(' ').filter((word) => word.includes('/'));
const incidents = z.union([
  z.looseObject({ key: z.string(), text: z.string(), incident: z.looseObject({ id: z.string() }) }),
  z.looseObject({
    type: z.literal('incidents'),
    keys: z.array(z.string()),
    text: z.string(),
    messages: z.array(z.unknown()),
  }),
]);

/** api.slack.com/reference/messaging/attachments, as Mattermost and Rocket.Chat take it too. */
const slack = z.strictObject({
  text: z.string().min(1),
  unfurl_links: z.boolean(),
  unfurl_media: z.boolean(),
  attachments: z.array(
    z.strictObject({
      fallback: z.string(),
      color: z.string().regex(/^#[0-9a-f]{6}$/),
      text: z.string().max(8000),
      title: z.string().optional(),
      title_link: z.url().optional(),
      image_url: z.url().optional(),
      footer: z.string(),
    }),
  ),
});

/** Adaptive Cards 1.4 in the envelope of a Teams workflow. */
const teams = z.strictObject({
  type: z.literal('message'),
  attachments: z.tuple([
    z.strictObject({
      contentType: z.literal('application/vnd.microsoft.card.adaptive'),
      contentUrl: z.null(),
      content: z.strictObject({
        $schema: z.url(),
        type: z.literal('AdaptiveCard'),
        version: z.literal('1.4'),
        msteams: z.strictObject({ width: z.literal('Full') }),
        body: z.array(
          z.union([
            z.looseObject({ type: z.literal('TextBlock'), text: z.string() }),
            z.strictObject({ type: z.literal('Image'), url: z.url(), altText: z.string() }),
          ]),
        ),
        actions: z.array(z.strictObject({ type: z.literal('Action.OpenUrl'), title: z.string(), url: z.url() })),
      }),
    }),
  ]),
});

/** core.telegram.org/bots/api#sendmessage */
const telegram = z.strictObject({
  chat_id: z.string(),
  text: z.string().min(1).max(4096),
  disable_notification: z.boolean(),
  link_preview_options: z.strictObject({ is_disabled: z.boolean() }),
});

/** docs.ntfy.sh/publish/#publish-as-json */
const ntfy = z.strictObject({
  topic: z.literal('yard'),
  title: z.string(),
  message: z.string().max(4096),
  priority: z.int().min(1).max(5),
  tags: z.array(z.string()),
  click: z.url().optional(),
  attach: z.url().optional(),
  filename: z.string().optional(),
  actions: z.array(z.strictObject({ action: z.literal('view'), label: z.string(), url: z.url() })).optional(),
});

/** The key line at the end of a text. */
const bracketed = (text: string): string[] => words(/\[([^\]]*)\]$/.exec(text)?.[1] ?? '');

export const SHAPES = {
  webhook: ({ body, headers }) => {
    if (!/^t=\d+,v1=[0-9a-f]{64}$/.test(String(headers['banksman-signature']))) throw new Error('unsigned');
    const said = incidents.parse(json(body));
    return { keys: 'keys' in said ? (said.keys as string[]) : [String(said.key)], text: said.text };
  },
  slack: ({ body }) => {
    const { attachments } = slack.parse(json(body));
    return { keys: attachments.flatMap(({ footer }) => words(footer)), text: attachments[0]?.text ?? '' };
  },
  teams: ({ body }) => {
    if (body.length > 28_000) throw new Error('larger than Teams takes');
    const texts = teams
      .parse(json(body))
      .attachments[0].content.body.map((block) => ('text' in block ? block.text : ''));
    return { keys: words(texts.at(-1) ?? ''), text: texts[1] ?? '' };
  },
  telegram: ({ path, body, headers }) => {
    const method = /^\/bot([^/]+)\/(sendMessage|sendPhoto)$/.exec(path)?.[2];
    if (method === undefined) throw new Error('no method');
    if (method === 'sendMessage') {
      const { text } = telegram.parse(json(body));
      return { keys: bracketed(text), text };
    }
    if (!String(headers['content-type']).startsWith('multipart/form-data; boundary=')) throw new Error('no form');
    const form = body.toString('latin1');
    for (const name of ['chat_id', 'photo']) if (!form.includes(`name="${name}"`)) throw new Error(`no ${name}`);
    const caption = /name="caption"\r\n\r\n([\s\S]*?)\r\n--/.exec(form)?.[1] ?? '';
    if (caption.length > 1024) throw new Error('longer than a caption may be');
    return { keys: bracketed(caption), text: caption };
  },
  ntfy: ({ method, path, body, headers }) => {
    if (!String(headers.authorization).startsWith('Bearer ')) throw new Error('no token');
    if (method === 'PUT') {
      const message = new URL(path, 'http://ntfy').searchParams.get('message') ?? '';
      return { keys: bracketed(message), text: message };
    }
    const { message } = ntfy.parse(json(body));
    return { keys: bracketed(message), text: message };
  },
} satisfies Record<string, Shape>;

/** An HTTP server on loopback; started again it has the port that it had. */
export abstract class LoopbackServer {
  #server: Server | undefined;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    if (this.#server) return;
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url: path = '', headers } = request;
        this.answer({ method, path, headers, body: Buffer.concat(chunks) }, response);
      });
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    const address = server.address();
    if (address && typeof address === 'object') this.#port = address.port;
  }

  protected abstract answer(got: Got, response: ServerResponse): void;

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  }

  remove(): Promise<void> {
    return this.stop();
  }
}

export class HttpReceiver extends LoopbackServer {
  readonly #shape: Shape;
  readonly got: Got[] = [];
  readonly #taken: Taken[] = [];
  #answer: 'take' | 'hang' | 'refuse' = 'take';
  /** Instead of taking: status, headers, body. */
  answers: { status: number; headers?: Record<string, string>; body?: string }[] = [];

  constructor(shape: Shape) {
    super();
    this.#shape = shape;
  }

  protected override answer(got: Got, response: ServerResponse): void {
    this.got.push(got);
    if (this.#answer === 'hang') return;
    const next = this.answers.shift();
    if (next) response.writeHead(next.status, next.headers).end(next.body);
    else if (this.#answer === 'refuse') response.writeHead(403).end();
    else {
      try {
        this.#taken.push(this.#shape(got));
        response.writeHead(200).end('ok');
      } catch {
        response.writeHead(400).end();
      }
    }
  }

  async taken(): Promise<Taken[]> {
    return this.#taken;
  }

  hang(on: boolean): void {
    this.#answer = on ? 'hang' : 'take';
  }

  refuse(on: boolean): void {
    this.#answer = on ? 'refuse' : 'take';
  }
}
