import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { BanksmanError } from '../../errors.ts';
import { sha256Hex } from '../sha256.ts';
import { assertKey, isKey } from './keys.ts';
import { nameOf, statusOf, toStoreError } from './s3_errors.ts';
import type { ListOptions, ObjectInfo, ObjectStore, PutOptions, PutResult } from './types.ts';

/** `evidence.s3` of the site file. Credentials come from where the SDK looks for them. */
export interface S3Options {
  bucket: string;
  /** Before every key: empty, or ending in a slash. */
  prefix: string;
  /** Null: that of AWS. */
  endpoint: string | null;
  region: string | null;
  /** Null: where an endpoint is given. */
  path_style: boolean | null;
  /** `default`: as the bucket has it. */
  sse: 'default' | 's3' | 'kms';
  /** Null: the account's own key for S3. */
  kms_key_id: string | null;
  object_lock: { mode: 'governance' | 'compliance'; days: number } | null;
  tags: Readonly<Record<string, string>>;
  /** Where browsers find the store; null: at `endpoint`. */
  link_endpoint: string | null;
}

export interface S3Limits {
  connectMs: number;
  /** Without a byte on the connection. */
  idleMs: number;
  /** A whole operation with its retries, apart from the bytes it carries. */
  totalMs: number;
  attempts: number;
}

const LIMITS: S3Limits = { connectMs: 2_000, idleMs: 5_000, totalMs: 8_000, attempts: 2 };
/** The slowest line on which a large object still goes through. */
const BYTES_A_MS = 250;
const PART_BYTES = 8 * 1024 * 1024;
const DAY_MS = 86_400_000;
/** Of a compare-and-swap against writers that do the same. */
const SWAPS = 8;
const PAGE = 1000;

type Condition = { IfNoneMatch: '*' } | { IfMatch: string } | Record<string, never>;

/** What lies under a key. */
interface There {
  etag: string;
  sha256: string;
  revision: number;
}

/** Objects in a bucket of any store that speaks S3 and knows conditional writes. */
export class S3ObjectStore implements ObjectStore {
  readonly #options: S3Options;
  readonly #limits: S3Limits;
  #client: S3Client | undefined;
  #links: S3Client | undefined;
  #closing = new AbortController();

  constructor(options: S3Options, limits: Partial<S3Limits> = {}) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...limits };
  }

  /** Asks for one key: whoever may not do that, or asks in the wrong place, is told so. */
  async start(): Promise<void> {
    await this.list({ limit: 1 });
  }

  async put(key: string, bytes: Buffer, options: PutOptions): Promise<PutResult> {
    assertKey(key);
    if (sha256Hex(bytes) !== options.sha256) {
      throw new BanksmanError('STORE_FAILED', { where: key, message: 'the bytes are not those of the checksum' });
    }
    const limitMs = this.#limits.totalMs + bytes.length / BYTES_A_MS;
    return this.#call(key, (signal) => this.#put(key, bytes, options, signal), limitMs);
  }

  async get(key: string): Promise<Buffer | undefined> {
    assertKey(key);
    return this.#call(key, (signal) => this.#get(key, signal), null);
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    assertKey(key);
    return this.#call(key, async (abortSignal) => {
      const found = await orAbsent(this.#s3().send(new HeadObjectCommand(this.#at(key)), { abortSignal }));
      return found && { key, bytes: found.ContentLength ?? 0, modifiedAt: found.LastModified?.getTime() ?? 0 };
    });
  }

  async list(options: ListOptions = {}): Promise<ObjectInfo[]> {
    const { prefix = '', after = '', limit = PAGE } = options;
    const { bucket, prefix: base } = this.#options;
    return this.#call(prefix, async (abortSignal) => {
      const found: ObjectInfo[] = [];
      let token: string | undefined;
      do {
        const page = await this.#s3().send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: base + prefix,
            MaxKeys: Math.min(PAGE, limit - found.length),
            ...(after === '' ? {} : { StartAfter: base + after }),
            ContinuationToken: token,
          }),
          { abortSignal },
        );
        for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
          const key = Key.slice(base.length);
          if (isKey(key)) found.push({ key, bytes: Size, modifiedAt: LastModified?.getTime() ?? 0 });
        }
        token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
      } while (token !== undefined && found.length < limit);
      return found.slice(0, limit);
    });
  }

  async delete(key: string): Promise<void> {
    assertKey(key);
    await this.#call(key, (abortSignal) =>
      orAbsent(this.#s3().send(new DeleteObjectCommand(this.#at(key)), { abortSignal })),
    );
  }

  async presign(key: string, ttlS: number): Promise<string> {
    assertKey(key);
    const { link_endpoint, endpoint } = this.#options;
    this.#links ??= this.#connect(link_endpoint ?? endpoint);
    const links = this.#links;
    const command = new GetObjectCommand({ ...this.#at(key), ResponseCacheControl: 'private, max-age=3600' });
    return this.#call(key, () => getSignedUrl(links, command, { expiresIn: ttlS }));
  }

  /** Nobody knows of a bound. */
  async capacity(): Promise<null> {
    return null;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#closing = new AbortController();
    this.#client?.destroy();
    this.#links?.destroy();
    this.#client = undefined;
    this.#links = undefined;
  }

  async #put(key: string, bytes: Buffer, options: PutOptions, signal: AbortSignal): Promise<PutResult> {
    const { ifAbsent = false, replaces, revision, sha256 } = options;
    const write = (condition: Condition): Promise<boolean> => this.#write(key, bytes, options, condition, signal);
    if (!ifAbsent && replaces === undefined && revision === undefined) {
      await write({});
      return 'written';
    }
    // Most are new: one request.
    if (replaces === undefined && (await write({ IfNoneMatch: '*' }))) return 'written';
    for (let swap = 0; swap < SWAPS; swap += 1) {
      const there = await this.#look(key, signal);
      if (there?.sha256 === sha256) return 'written';
      if (ifAbsent && there) return 'conflict';
      if (replaces !== undefined && there?.sha256 !== replaces) return 'conflict';
      if (there && revision !== undefined && there.revision > revision) return 'conflict';
      if (await write(there ? { IfMatch: there.etag } : { IfNoneMatch: '*' })) return 'written';
    }
    throw new BanksmanError('STORE_FAILED', {
      where: this.#where(key),
      message: 'others keep writing the same object',
    });
  }

  /** @returns false where the condition does not hold. */
  async #write(
    key: string,
    bytes: Buffer,
    { contentType, sha256, revision }: PutOptions,
    condition: Condition,
    signal: AbortSignal,
  ): Promise<boolean> {
    const params: PutObjectCommandInput = {
      ...this.#at(key),
      ...this.#protection(),
      ...condition,
      Body: bytes,
      ContentType: contentType,
      Metadata: { sha256, ...(revision === undefined ? {} : { revision: String(revision) }) },
    };
    try {
      if (bytes.length > 2 * PART_BYTES) await this.#upload(params, signal);
      else {
        const ChecksumSHA256 = Buffer.from(sha256, 'hex').toString('base64');
        await this.#s3().send(new PutObjectCommand({ ...params, ChecksumSHA256 }), { abortSignal: signal });
      }
      return true;
    } catch (error) {
      const lost =
        ['PreconditionFailed', 'ConditionalRequestConflict'].includes(nameOf(error)) || statusOf(error) === 412;
      const gone = 'IfMatch' in condition && nameOf(error) === 'NoSuchKey';
      if (lost || gone) return false;
      throw error;
    }
  }

  /** In parts, of which each has its checksum. What is left of one that failed is removed. */
  async #upload(params: PutObjectCommandInput, signal: AbortSignal): Promise<void> {
    const upload = new Upload({
      client: this.#s3(),
      params: { ...params, ChecksumAlgorithm: 'SHA256' },
      partSize: PART_BYTES,
      queueSize: 2,
    });
    const abort = (): void => void upload.abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      await upload.done();
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Its size is not known before: `totalMs` until it begins to come, then `idleMs` from piece to piece. */
  async #get(key: string, signal: AbortSignal): Promise<Buffer | undefined> {
    const { totalMs, idleMs } = this.#limits;
    const late = new AbortController();
    let timer = setTimeout(() => late.abort(), totalMs);
    const abortSignal = AbortSignal.any([signal, late.signal]);
    try {
      const found = await orAbsent(this.#s3().send(new GetObjectCommand(this.#at(key)), { abortSignal }));
      if (!(found?.Body instanceof Readable)) return undefined;
      const { Body: body } = found;
      abortSignal.addEventListener('abort', () => body.destroy(new Error('stopped half-way')), { once: true });
      const pieces: Buffer[] = [];
      for await (const piece of body) {
        clearTimeout(timer);
        timer = setTimeout(() => late.abort(), idleMs);
        pieces.push(piece);
      }
      return Buffer.concat(pieces);
    } finally {
      clearTimeout(timer);
    }
  }

  async #look(key: string, abortSignal: AbortSignal): Promise<There | undefined> {
    const found = await orAbsent(this.#s3().send(new HeadObjectCommand(this.#at(key)), { abortSignal }));
    if (!found) return undefined;
    const { sha256, revision } = found.Metadata ?? {};
    // Put there by something else: what it is says the object itself.
    const bytes = sha256 === undefined ? await this.#get(key, abortSignal) : undefined;
    return {
      etag: found.ETag ?? '',
      sha256: sha256 ?? (bytes ? sha256Hex(bytes) : ''),
      revision: Number(revision ?? -1),
    };
  }

  #protection(): Partial<PutObjectCommandInput> {
    const { sse, kms_key_id, object_lock, tags } = this.#options;
    const params: Partial<PutObjectCommandInput> = {};
    if (sse === 's3') params.ServerSideEncryption = 'AES256';
    if (sse === 'kms') params.ServerSideEncryption = 'aws:kms';
    if (sse === 'kms' && kms_key_id !== null) params.SSEKMSKeyId = kms_key_id;
    if (object_lock) {
      params.ObjectLockMode = object_lock.mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE';
      params.ObjectLockRetainUntilDate = new Date(Date.now() + object_lock.days * DAY_MS);
    }
    if (Object.keys(tags).length > 0) params.Tagging = new URLSearchParams({ ...tags }).toString();
    return params;
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#options.bucket, Key: this.#options.prefix + key };
  }

  #where(key: string): string {
    const { bucket, prefix, endpoint } = this.#options;
    return `${endpoint === null ? '' : `${endpoint} `}s3://${bucket}/${prefix}${key}`;
  }

  async #call<T>(
    key: string,
    work: (signal: AbortSignal) => Promise<T>,
    limitMs: number | null = this.#limits.totalMs,
  ): Promise<T> {
    const { signal: closing } = this.#closing;
    const signal = limitMs === null ? closing : AbortSignal.any([closing, AbortSignal.timeout(Math.round(limitMs))]);
    try {
      return await work(signal);
    } catch (error) {
      throw toStoreError(error, this.#where(key));
    }
  }

  #s3(): S3Client {
    this.#client ??= this.#connect(this.#options.endpoint);
    return this.#client;
  }

  #connect(endpoint: string | null): S3Client {
    return connectS3({ ...this.#options, endpoint }, this.#limits);
  }
}

/** A client of the SDK: bounded in time, with the credentials that the SDK finds. */
export function connectS3(
  { endpoint, region, path_style }: Pick<S3Options, 'endpoint' | 'region' | 'path_style'>,
  { connectMs, idleMs, attempts }: S3Limits = LIMITS,
): S3Client {
  const config: S3ClientConfig = {
    maxAttempts: attempts,
    forcePathStyle: path_style ?? endpoint !== null,
    requestHandler: { connectionTimeout: connectMs, socketTimeout: idleMs },
    // Every object has a SHA-256; more than that not every store understands.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  };
  if (endpoint !== null) config.endpoint = endpoint;
  const place = region ?? process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'];
  if (place !== undefined) config.region = place;
  else if (endpoint !== null) config.region = 'us-east-1';
  return new S3Client(config);
}

async function orAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    // A bucket that is not there is no absence of an object.
    if (nameOf(error) === 'NoSuchBucket' || statusOf(error) !== 404) throw error;
    return undefined;
  }
}
