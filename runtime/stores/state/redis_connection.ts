/** One connection to Redis, however it is spread: a server, a master that Sentinels name, a Cluster. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Cluster, Redis } from 'ioredis';
import { asError, BanksmanError } from '../../errors.ts';
import { resolveSecret } from '../../secrets.ts';
import { redisError } from './redis_errors.ts';
import { type RedisAddress, type RedisOptions, redisAddress, redisPlace } from './redis_options.ts';

/** A server that says nothing for this long is as good as gone; not shorter, because this process may be busy itself. */
const COMMAND_MS = 4_000;
const SOCKET_MS = 5_000;
/** With redirections, and scripts of a large batch. */
const CALL_MS = 10_000;
/** How long the first call waits for the connection; later ones fail at once until it is back. */
const CONNECT_MS = 4_000;
/** Refused credentials are read again, and tried again, no sooner. */
const REFUSED_MS = 5_000;
const RETRY_MS = { first: 100, most: 2_000 };

type Argument = string | number | Buffer;

/** What both kinds of clients have. */
interface Client {
  status: string;
  call(command: string, args: Argument[]): Promise<unknown>;
  callBuffer(command: string, args: Argument[]): Promise<unknown>;
  connect(): Promise<void>;
  disconnect(): void;
  on(event: string, listener: (error: Error) => void): unknown;
  once(event: string, listener: (error: Error) => void): unknown;
}

/** A Lua script; the server remembers it by its hash. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

export function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

/**
 * Connects at the first call and again whenever it was lost. While it is lost a call fails at once, so that
 * nothing piles up here.
 */
export class RedisConnection {
  readonly #options: RedisOptions;
  readonly #place: string;
  #client: Promise<Client> | undefined;
  /** The one that `#client` resolved to. */
  #current: Client | undefined;
  #closed = false;
  /** Why it is not connected. */
  #failure: BanksmanError | undefined;
  #refusedAt = Number.NEGATIVE_INFINITY;
  #connecting: Promise<Error | undefined> | undefined;

  constructor(options: RedisOptions) {
    this.#options = options;
    this.#place = redisPlace(options);
  }

  get place(): string {
    return this.#place;
  }

  /** @throws BanksmanError REDIS_UNREACHABLE, REDIS_UNAUTHORIZED, REDIS_TLS, STORE_FULL, STORE_FAILED, CONFIG_SECRET_MISSING. */
  call(command: string, ...args: Argument[]): Promise<unknown> {
    return this.#do((client) => client.call(command, args));
  }

  /** Text comes back as bytes. Throws as `call`. */
  callBuffer(command: string, ...args: Argument[]): Promise<unknown> {
    return this.#do((client) => client.callBuffer(command, args));
  }

  /** Throws as `call`. */
  run({ sha, text }: Script, keys: readonly string[], ...args: Argument[]): Promise<unknown> {
    return this.#do(async (client) => {
      try {
        return await client.call('evalsha', [sha, keys.length, ...keys, ...args]);
      } catch (error) {
        if (!asError(error).message.startsWith('NOSCRIPT')) throw error;
        return client.call('eval', [text, keys.length, ...keys, ...args]);
      }
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const client = await this.#client?.catch(() => undefined);
    this.#client = undefined;
    client?.disconnect();
  }

  async #do<T>(work: (client: Client) => Promise<T>): Promise<T> {
    try {
      return await within(CALL_MS, work(await this.#ready()));
    } catch (error) {
      throw redisError(error, this.#place);
    }
  }

  async #ready(): Promise<Client> {
    if (this.#closed) throw new BanksmanError('STORE_FAILED', { where: this.#place, message: 'the store was closed' });
    if (this.#failure && this.#refusedAt > performance.now() - REFUSED_MS) throw this.#failure;
    this.#client ??= this.#open();
    const client = await this.#client.catch((error: unknown) => {
      this.#client = undefined;
      throw error;
    });
    if (client.status === 'ready') return client;
    if (this.#failure) throw this.#failure;
    await this.#firstConnection(client);
    return client;
  }

  async #open(): Promise<Client> {
    const client = await makeClient(this.#options);
    this.#current = client;
    client.on('ready', () => {
      this.#failure = undefined;
    });
    client.on('error', (error) => this.#lost(client, error));
    client.on('close', () => this.#lost(client, undefined));
    // It has given up by itself: the next call makes another.
    client.on('end', () => this.#forget(client));
    client.connect().catch((error: unknown) => this.#lost(client, asError(error)));
    return client;
  }

  #lost(client: Client, error: Error | undefined): void {
    if (error || !this.#failure) this.#failure = redisError(error ?? new Error('Connection is closed.'), this.#place);
    if (this.#failure.code !== 'REDIS_UNAUTHORIZED' && this.#failure.code !== 'REDIS_TLS') return;
    // What was refused is read anew from environment and files, later: nothing is gained by asking again at once.
    this.#refusedAt = performance.now();
    this.#forget(client);
    client.disconnect();
  }

  #forget(client: Client): void {
    if (this.#current !== client) return;
    this.#current = undefined;
    this.#client = undefined;
  }

  /** Of `client`, once; whoever calls meanwhile waits with the first. */
  async #firstConnection(client: Client): Promise<void> {
    this.#connecting ??= new Promise<Error | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(new Error('timed out while connecting')), CONNECT_MS);
      const end = (error: Error | undefined): void => {
        clearTimeout(timer);
        resolve(error);
      };
      client.once('ready', () => end(undefined));
      client.once('error', (error) => end(error));
      client.once('close', () => end(new Error('Connection is closed.')));
    });
    const error = await this.#connecting;
    this.#connecting = undefined;
    if (!error) return;
    this.#failure ??= redisError(error, this.#place);
    throw this.#failure;
  }
}

async function makeClient(options: RedisOptions): Promise<Client> {
  const { url, sentinels, sentinel_name, cluster_nodes } = options;
  const [username, password, sentinelPassword] = await Promise.all(
    [options.username, options.password, options.sentinel_password].map((ref) => ref && resolveSecret(ref)),
  );
  const addresses = (url === null ? [...sentinels, ...cluster_nodes] : [url]).map((one) =>
    addressOf(one, sentinels.length > 0 ? 26_379 : 6379),
  );
  const first = addresses[0];
  if (!first) throw new BanksmanError('CONFIG_MISSING_KEY', { where: 'state.redis', message: 'names no server' });
  const tls = first.tls ? await tlsOptions(options, first) : undefined;
  const common = {
    // The replies that scripts and tests of this store are written for, on every version of the server.
    protocol: 2,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_MS,
    commandTimeout: COMMAND_MS,
    socketTimeout: SOCKET_MS,
    connectionName: 'banksman',
    ...(username ? { username } : {}),
    ...(password ? { password } : {}),
    ...(tls ? { tls } : {}),
  } as const;
  if (cluster_nodes.length > 0) {
    // While the Cluster is not there calls do not come as far; within it a node may be connecting still.
    const { lazyConnect, enableOfflineQueue: _, autoResendUnfulfilledCommands: _resend, ...redisOptions } = common;
    return new Cluster(
      addresses.map(({ host, port }) => ({ host, port })),
      {
        lazyConnect,
        clusterRetryStrategy: retryAfter,
        retryDelayOnFailover: 200,
        maxRedirections: 8,
        slotsRefreshTimeout: COMMAND_MS,
        // Certificates are for names; addresses that a Cluster tells are asked as they are.
        dnsLookup: (address, callback) => callback(null, address),
        redisOptions,
      },
    );
  }
  // An answer that only a master gives came from one that is so no more: ask Sentinels, or the name, again.
  const reconnectOnError = (error: Error): boolean => error.message.startsWith('READONLY');
  const single = { ...common, db: first.db, retryStrategy: retryAfter, reconnectOnError };
  if (url !== null) return new Redis({ ...single, host: first.host, port: first.port });
  return new Redis({
    ...single,
    sentinels: addresses.map(({ host, port }) => ({ host, port })),
    name: sentinel_name ?? '',
    role: 'master',
    failoverDetector: true,
    sentinelCommandTimeout: COMMAND_MS,
    // Without one the client ends for good when no Sentinel answers.
    sentinelRetryStrategy: retryAfter,
    ...(sentinelPassword ? { sentinelPassword } : {}),
    ...(tls ? { sentinelTLS: tls, enableTLSForSentinelMode: true } : {}),
  });
}

function addressOf(url: string, standardPort: number): RedisAddress {
  const address = redisAddress(url, standardPort);
  if (address) return address;
  throw new BanksmanError('CONFIG_INVALID_VALUE', { where: 'state.redis', message: 'holds an address that is none' });
}

async function tlsOptions({ tls, url }: RedisOptions, first: RedisAddress): Promise<ConnectionOptions> {
  const read = async (path: string | null): Promise<string | undefined> => {
    if (path === null) return undefined;
    try {
      return await readFile(path, 'utf8');
    } catch {
      throw new BanksmanError('REDIS_TLS', { where: path, message: 'the file cannot be read' });
    }
  };
  const [ca, cert, key] = await Promise.all([tls.ca_file, tls.cert_file, tls.key_file].map(read));
  return {
    rejectUnauthorized: tls.verify,
    ...(url !== null && isIP(first.host) === 0 ? { servername: first.host } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** With jitter: a server's return must not bring every role at the same moment. */
function retryAfter(times: number): number {
  return Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** Math.min(times, 10)) * (0.5 + 0.5 * Math.random());
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out after ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
