import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { type Bind, isLoopback } from '../../config/formats.ts';
import { FleetGuard } from '../../runtime/access/fleet_guard.ts';
import { listenAt } from '../../runtime/access/listen.ts';
import type { Clock } from '../../runtime/clock.ts';
import { BanksmanError, type ErrorCode } from '../../runtime/errors.ts';
import type { Component } from '../../runtime/lifecycle.ts';
import type { Logger } from '../../runtime/log.ts';
import type { CameraRecord, SecretRef } from '../../runtime/messages/types.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { CameraMedia } from './camera_media.ts';

export interface MediaServerOptions {
  bind: Bind;
  /** URL under which others reach it; null: where it listens. */
  advertise: string | null;
  /** Beyond loopback: what a viewer must show. */
  fleetToken: SecretRef | null;
  clock: Clock;
  metrics: Metrics;
  log: Logger;
}

/** Of all cameras together, and whoever asks something. */
const MAX_CONNECTIONS = 128;
/** Viewers have nothing to say. */
const MAX_WORDS_BYTES = 1_024;
const CHECK_MS = 10_000;
const GOING_AWAY = 1001;
/** Viewers that are there answer at once. */
const FAREWELL_MS = 500;
const CAMERA_PATH = /^\/v1\/cameras\/([^/]+)(\/live)?$/;
const STATUS: Partial<Record<ErrorCode, number>> = {
  MEDIA_MASKED: 403,
  MEDIA_FOREIGN_PAGE: 403,
  MEDIA_NOT_HERE: 404,
  MEDIA_TOO_MANY_VIEWERS: 503,
  USAGE: 400,
};
const ANY_HOST = ['0.0.0.0', '::'];
const LOOPBACK_NAME = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?$/i;

/** Media of the cameras that this agent runs, over HTTP: on loopback, or for who shows the fleet token. */
export class MediaServer implements Component {
  readonly name = 'media';
  readonly #options: MediaServerOptions;
  readonly #cameras = new Map<string, CameraMedia>();
  readonly #sockets = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    maxPayload: MAX_WORDS_BYTES,
    // What is encoded already gets no smaller.
    perMessageDeflate: false,
  });
  readonly #stopped = new AbortController();
  #server: Server | undefined;
  #guard: FleetGuard | undefined;

  constructor(options: MediaServerOptions) {
    this.#options = options;
  }

  /** Under which others reach it, once started. Without a slash at its end. */
  get address(): string {
    const { advertise, bind } = this.#options;
    if (advertise !== null) return advertise.replace(/\/+$/, '');
    const address = this.#server?.address();
    const port = address && typeof address === 'object' ? address.port : bind.port;
    const host = ANY_HOST.includes(bind.host) ? hostname() : bind.host;
    return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  /** @throws BanksmanError CONFIG_BIND_REFUSED, CONFIG_SECRET_MISSING, CONFIG_INVALID_VALUE, PORT_TAKEN. */
  async start(): Promise<void> {
    const { bind, fleetToken, clock } = this.#options;
    if (!isLoopback(bind.host)) {
      if (!fleetToken)
        throw new BanksmanError('CONFIG_BIND_REFUSED', { where: `media.bind ${bind.host}:${bind.port}` });
      this.#guard = new FleetGuard(fleetToken, clock);
      await this.#guard.start();
    }
    const server = createServer((request, response) => void this.#answer(request, response));
    server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head));
    server.maxConnections = MAX_CONNECTIONS;
    await listenAt(server, bind, 'media.bind');
    this.#server = server;
    void this.#checkUntilStopped();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    const server = this.#server;
    if (!server) return;
    const { clients } = this.#sockets;
    const gone = [...clients].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of clients) socket.close(GOING_AWAY, 'the agent stops');
    await Promise.race([Promise.all(gone), this.#options.clock.sleep(FAREWELL_MS)]);
    for (const socket of clients) socket.terminate();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  /** This agent runs the camera from now on, until what is returned is closed. */
  open(record: CameraRecord, epoch: number): CameraMedia {
    const { clock, metrics, log } = this.#options;
    const { camera } = record;
    const url = `${this.address}/v1/cameras/${encodeURIComponent(camera)}`;
    const media = new CameraMedia({
      ...{ record, epoch, url, clock, metrics, log },
      onClosed: () => {
        if (this.#cameras.get(camera) === media) this.#cameras.delete(camera);
      },
    });
    this.#cameras.set(camera, media);
    return media;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await this.#guarded(request, response, (media, isLive) => {
      if (isLive) {
        response.writeHead(426, { connection: 'upgrade', upgrade: 'websocket', 'content-type': 'text/plain' });
        response.end('this is a WebSocket: ask with Upgrade: websocket\n');
      } else {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(`${JSON.stringify(media.describe())}\n`);
      }
    });
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // A connection that breaks before it is a WebSocket.
    const onError = (): void => void socket.destroy();
    socket.on('error', onError);
    const response = new ServerResponse(request);
    // What refuses speaks HTTP, and ends the connection.
    response.shouldKeepAlive = false;
    response.assignSocket(request.socket);
    response.on('finish', () => request.socket.destroySoon());
    await this.#guarded(request, response, (media, isLive) => {
      if (!isLive) throw new BanksmanError('USAGE', { message: 'live video is at …/live', mend: `See ${media.url}.` });
      media.admit();
      response.detachSocket(request.socket);
      socket.off('error', onError);
      this.#sockets.handleUpgrade(request, socket, head, (viewer) => media.join(viewer));
    });
  }

  /** Calls back for who may ask, about a camera that is here; everybody else is answered. */
  async #guarded(
    request: IncomingMessage,
    response: ServerResponse,
    then: (media: CameraMedia, isLive: boolean) => void,
  ): Promise<void> {
    try {
      if (this.#guard && !(await this.#guard.admits(request, response))) return;
      if (!this.#guard) refuseForeignPages(request);
      if (request.method !== 'GET') throw new BanksmanError('USAGE', { message: 'only GET is answered' });
      const [, name, live] = CAMERA_PATH.exec((request.url ?? '').split('?')[0] ?? '') ?? [];
      const media = name === undefined ? undefined : this.#cameras.get(decoded(name));
      if (!media) throw new BanksmanError('MEDIA_NOT_HERE');
      then(media, live !== undefined);
    } catch (error) {
      refuse(response, error instanceof BanksmanError ? error : new BanksmanError('INTERNAL', { cause: error }));
    }
  }

  async #checkUntilStopped(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await clock.sleep(CHECK_MS, signal);
      for (const { viewers } of this.#cameras.values()) for (const viewer of viewers) viewer.check(clock.monotonic());
    }
  }
}

/**
 * Without a token it must not be another site's page in the browser of somebody who sits at this machine: browsers let
 * any page open a WebSocket to any address, and a name may be made to mean this machine.
 */
function refuseForeignPages({ headers }: IncomingMessage): void {
  const { host = '', origin } = headers;
  const from = origin === undefined ? host : URL.canParse(origin) ? new URL(origin).host : '';
  if (!LOOPBACK_NAME.test(host) || !LOOPBACK_NAME.test(from)) throw new BanksmanError('MEDIA_FOREIGN_PAGE');
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function refuse(response: ServerResponse, { code, message, mend }: BanksmanError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const status = STATUS[code] ?? 500;
  response.writeHead(status, {
    'content-type': 'application/json',
    ...(status === 503 ? { 'retry-after': '10' } : {}),
  });
  response.end(`${JSON.stringify({ code, error: message, mend })}\n`);
}
