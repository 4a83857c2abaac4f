/**
 * A stand-in for what versitygw does not have: the lifecycle configuration of one bucket, as the S3 API documents
 * GET and PUT `?lifecycle`. Everything else it refuses. No signature is checked.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';

const SIZE_RULE = 'x-amz-transition-default-minimum-object-size';
/** What a bucket has that nobody set otherwise. */
const SIZE_DEFAULT = 'all_storage_classes_128K';

export class LifecycleS3 {
  /** The configuration as XML; null: the bucket has none. */
  configuration: string | null = null;
  /** From what size objects are moved: a PUT that does not say it sets the default. */
  sizeRule = SIZE_DEFAULT;
  /** Whoever asks may not. */
  forbidden = false;
  readonly #bucket: string;
  readonly #server: Server;

  constructor(bucket: string) {
    this.#bucket = bucket;
    this.#server = createServer((request, answer) => void this.#serve(request, answer));
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #serve(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', this.endpoint);
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
    const refuse = (status: number, code: string): void => {
      answer.writeHead(status, { 'content-type': 'application/xml' });
      answer.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
    };
    if (pathname.replace(/\/$/, '') !== `/${this.#bucket}`) return refuse(404, 'NoSuchBucket');
    if (!searchParams.has('lifecycle')) return refuse(501, 'NotImplemented');
    if (this.forbidden) return refuse(403, 'AccessDenied');
    if (request.method === 'GET') {
      if (this.configuration === null) return refuse(404, 'NoSuchLifecycleConfiguration');
      answer.writeHead(200, { 'content-type': 'application/xml', [SIZE_RULE]: this.sizeRule });
      answer.end(this.configuration);
      return;
    }
    if (request.method !== 'PUT') return refuse(405, 'MethodNotAllowed');
    const wrong = whatIsWrong(request.headers, body);
    if (wrong !== undefined) return refuse(400, wrong);
    this.configuration = body.toString('utf8');
    this.sizeRule = String(request.headers[SIZE_RULE] ?? SIZE_DEFAULT);
    answer.writeHead(200, { [SIZE_RULE]: this.sizeRule });
    answer.end();
  }
}

/** @returns the error's code. */
function whatIsWrong(headers: IncomingMessage['headers'], body: Buffer): string | undefined {
  const [md5, crc] = [headers['content-md5'], headers['x-amz-checksum-crc32']];
  if (md5 === undefined && crc === undefined) return 'InvalidRequest';
  if (md5 !== undefined && md5 !== createHash('md5').update(body).digest('base64')) return 'BadDigest';
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  if (crc !== undefined && crc !== sum.toString('base64')) return 'BadDigest';
  const rules = [...body.toString('utf8').matchAll(/<Rule>(.*?)<\/Rule>/gs)].map(([, rule = '']) => rule);
  const ids = rules.flatMap((rule) => /<ID>(.*?)<\/ID>/.exec(rule)?.[1] ?? []);
  const isWhole = (rule: string): boolean =>
    /<Status>(En|Dis)abled<\/Status>/.test(rule) && /<(Filter|Prefix)[ />]/.test(rule);
  const isMixed = (rule: string): boolean => {
    const [, expiration = ''] = /<Expiration>(.*?)<\/Expiration>/s.exec(rule) ?? [];
    return expiration.includes('<Days>') && expiration.includes('<ExpiredObjectDeleteMarker>');
  };
  const isFine = rules.length > 0 && rules.every((rule) => isWhole(rule) && !isMixed(rule));
  if (!isFine || !body.includes('<LifecycleConfiguration')) return 'MalformedXML';
  return new Set(ids).size < ids.length ? 'InvalidArgument' : undefined;
}
