/** For tests: a stand-in for Grafana, which cannot be had here. It takes what grafana.com/docs says of annotations. */
import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Taken } from './testing.ts';
import { type Got, LoopbackServer } from './testing_http.ts';

const written = z.strictObject({
  time: z.int(),
  timeEnd: z.int().optional(),
  tags: z.array(z.string()),
  text: z.string(),
});
export type Annotation = z.infer<typeof written> & { id: number };

export class GrafanaStandIn extends LoopbackServer {
  readonly annotations: Annotation[] = [];
  readonly #token: string;
  #answer: 'take' | 'hang' | 'refuse' = 'take';
  /** Answers that never come, with what they are about done: a connection that breaks off. */
  lost = 0;

  constructor(token: string) {
    super();
    this.#token = token;
  }

  protected override answer({ method, path, headers, body }: Got, response: ServerResponse): void {
    if (this.#answer === 'hang') return;
    if (this.#answer === 'refuse') return void response.writeHead(403).end('{"message":"no permission"}');
    if (headers.authorization !== `Bearer ${this.#token}`) return void response.writeHead(401).end();
    const done = this.#do(method, new URL(path, this.url), body.toString());
    if (method !== 'GET' && this.lost > 0) {
      this.lost -= 1;
      response.destroy();
    } else response.writeHead(done === undefined ? 400 : 200).end(JSON.stringify(done ?? {}));
  }

  #do(method: string, url: URL, body: string): unknown {
    const [, id] = /^\/api\/annotations(?:\/(\d+))?$/.exec(url.pathname) ?? [null, null];
    if (id === null) return undefined;
    if (method === 'GET') {
      const tags = url.searchParams.getAll('tags');
      const limit = Number(url.searchParams.get('limit') ?? 100);
      return this.annotations.filter((one) => tags.every((tag) => one.tags.includes(tag))).slice(0, limit);
    }
    const said = (method === 'PATCH' ? written.partial() : written).safeParse(JSON.parse(body));
    if (!said.success) return undefined;
    if (method === 'POST' && id === undefined) {
      this.annotations.push({ id: this.annotations.length + 1, ...written.parse(said.data) });
      return { message: 'Annotation added', id: this.annotations.length };
    }
    const known = this.annotations.find((one) => one.id === Number(id));
    if (method !== 'PATCH' || !known) return undefined;
    Object.assign(known, said.data);
    return { message: 'Annotation patched' };
  }

  /** It knows no messages: all there is, as one. */
  async taken(): Promise<Taken[]> {
    if (this.annotations.length === 0) return [];
    const of = (tags: string[], name: string) => tags.find((tag) => tag.startsWith(`${name}:`))?.slice(name.length + 1);
    const keys = this.annotations.map(({ tags }) => `${of(tags, 'incident')}/${of(tags, 'revision')}`);
    return [{ keys, text: this.annotations.map(({ text }) => text).join('\n') }];
  }

  hang(on: boolean): void {
    this.#answer = on ? 'hang' : 'take';
  }

  refuse(on: boolean): void {
    this.#answer = on ? 'refuse' : 'take';
  }
}
