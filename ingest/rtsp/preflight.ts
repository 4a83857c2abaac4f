import { BanksmanError, type ErrorCode } from '../../runtime/errors.ts';
import type { Credentials, SessionPlan, VideoCodec } from '../ipc.ts';
import { authorize, isStale, parseChallenges } from './auth.ts';
import { type ConnectionOptions, RtspConnection, type RtspResponse } from './connection.ts';
import { levelText, parseSps, profileName, type Sps } from './h264.ts';
import { parseSdp, type SdpTrack } from './sdp.ts';
import { parseRtspUrl } from './url.ts';

export interface PreflightOptions {
  /** `rtsp://` or `rtsps://`; user info in it counts where `credentials` is null. */
  url: string;
  credentials: Credentials | null;
  tls?: { verify: boolean; ca_file: string | null };
  /** For everything together. Default 5000. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface PreflightResult extends SessionPlan {
  level: string | null;
  /** What the camera calls itself. */
  server: string | null;
  /** Control address of the video track. */
  control: string | null;
  tracks: SdpTrack[];
}

const CODECS: ReadonlyMap<string, VideoCodec> = new Map([['H264', 'h264']]);
const DEFAULT_TIMEOUT_MS = 5_000;
const SETTLE_MS = 30;

/**
 * Asks a camera what it would send, without setting a stream up: OPTIONS, DESCRIBE, at most one
 * attempt with the credentials (two where the camera calls its own nonce stale), since cameras lock
 * accounts out. Nothing that it throws repeats a credential or the URL.
 *
 * @throws BanksmanError RTSP_BAD_URL, RTSP_UNKNOWN_HOST, RTSP_REFUSED, RTSP_NO_ROUTE, RTSP_TLS,
 *   RTSP_UNAUTHORIZED, RTSP_NOT_FOUND, RTSP_NO_VIDEO, RTSP_UNSUPPORTED_CODEC, RTSP_PROTOCOL, RTSP_ENDED.
 */
export async function preflight(options: PreflightOptions): Promise<PreflightResult> {
  const url = parseRtspUrl(options.url);
  const conversation = new Conversation({
    url,
    tls: options.tls ?? { verify: true, ca_file: null },
    deadline: performance.now() + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS),
  });
  const abort = (): void => conversation.close();
  options.signal?.addEventListener('abort', abort);
  try {
    if (options.signal?.aborted) throw new BanksmanError('RTSP_ENDED', { where: url.where, message: 'given up' });
    // Whether it minds being asked without credentials or not: this tells whether it speaks RTSP at all.
    const greeting = await conversation.ask('OPTIONS');
    const description = await describe(conversation, options.credentials ?? url.credentials);
    return interpret(description, greeting, url.uri, url.where);
  } finally {
    options.signal?.removeEventListener('abort', abort);
    conversation.close();
  }
}

/** Requests over one connection, made again where the camera closes it after an answer. */
class Conversation {
  readonly #options: ConnectionOptions;
  #connection: RtspConnection | null = null;
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  get where(): string {
    return this.#options.url.where;
  }

  get uri(): string {
    return this.#options.url.uri;
  }

  async ask(method: string, headers: Record<string, string> = {}): Promise<RtspResponse> {
    const reused = this.#connection?.isOpen === true;
    try {
      return await this.#askOnce(method, headers);
    } catch (error) {
      // Closed between two requests. With credentials nobody knows whether it counted as an attempt.
      const closedMeanwhile = reused && error instanceof BanksmanError && error.code === 'RTSP_ENDED' && !this.#closed;
      if (!closedMeanwhile || 'Authorization' in headers) throw error;
      this.#connection = null;
      return this.#askOnce(method, headers);
    }
  }

  /** Lets a camera close that does so after each answer, so that what follows is not lost on its way. */
  async settle(): Promise<void> {
    await this.#connection?.ended(SETTLE_MS);
  }

  close(): void {
    this.#closed = true;
    this.#connection?.close();
  }

  async #askOnce(method: string, headers: Record<string, string>): Promise<RtspResponse> {
    if (this.#connection?.isOpen !== true) {
      const connection = new RtspConnection(this.#options);
      this.#connection = connection;
      await connection.open();
    }
    const response = await this.#connection.request(method, headers);
    const goodbye = response.headers.get('connection')?.some((value) => value.toLowerCase() === 'close');
    if (goodbye) this.#connection.close();
    return response;
  }
}

async function describe(conversation: Conversation, credentials: Credentials | null): Promise<RtspResponse> {
  const accept = { Accept: 'application/sdp' };
  let response = await conversation.ask('DESCRIBE', accept);
  let attempts = 0;
  while (response.status === 401) {
    const challenges = parseChallenges(response.headers.get('www-authenticate') ?? []);
    const unauthorized = (message?: string): BanksmanError =>
      new BanksmanError('RTSP_UNAUTHORIZED', { where: conversation.where, ...(message ? { message } : {}) });
    if (!credentials) throw unauthorized('the camera asks for user and password, and none are given');
    if (attempts > 0 && !(attempts === 1 && isStale(challenges))) throw unauthorized();
    const authorization = authorize(challenges, credentials, 'DESCRIBE', conversation.uri);
    if (authorization === null) throw unauthorized('the camera asks for a kind of authentication that is unknown');
    attempts += 1;
    await conversation.settle();
    response = await conversation.ask('DESCRIBE', { ...accept, Authorization: authorization });
  }
  if (response.status === 200) return response;
  const [code, what] = REFUSALS.get(response.status) ?? ['RTSP_PROTOCOL', 'DESCRIBE failed'];
  const answer = `${response.status} ${response.reason}`.trim();
  throw new BanksmanError(code, { where: conversation.where, message: `${what} (${answer})` });
}

const REFUSALS: ReadonlyMap<number, [ErrorCode, string]> = new Map<number, [ErrorCode, string]>([
  [403, ['RTSP_UNAUTHORIZED', 'the camera forbids this user the stream']],
  [404, ['RTSP_NOT_FOUND', 'the camera has no stream at this path']],
  [410, ['RTSP_NOT_FOUND', 'the camera has no stream at this path any more']],
  [453, ['RTSP_ENDED', 'the camera has no room for another session']],
  [503, ['RTSP_ENDED', 'the camera cannot serve the stream now']],
]);

function interpret(description: RtspResponse, greeting: RtspResponse, uri: string, where: string): PreflightResult {
  const header = (name: string): string | null =>
    (description.headers.get(name) ?? greeting.headers.get(name))?.[0] ?? null;
  const tracks = parseSdp(description.body, header('content-base') ?? header('content-location') ?? uri);
  const videos = tracks.filter(({ kind }) => kind === 'video');
  const first = videos[0];
  if (!first) {
    const message = tracks.length === 0 ? 'the answer describes no track at all' : undefined;
    throw new BanksmanError('RTSP_NO_VIDEO', { where, ...(message ? { message } : {}) });
  }
  const video = videos.find(({ codec }) => CODECS.has(codec));
  const codec = CODECS.get(video?.codec ?? '');
  if (!video || !codec) {
    const name = first.codec.replaceAll(/[^\w.-]/g, '?').slice(0, 30) || `payload type ${first.payloadType}`;
    const message = `the video codec is ${name}, which banksman does not decode`;
    throw new BanksmanError('RTSP_UNSUPPORTED_CODEC', { where, message });
  }
  const sps = spropSps(video);
  const [profile, level] = profileAndLevel(video, sps);
  return {
    codec,
    profile,
    level,
    width: sps?.width ?? null,
    height: sps?.height ?? null,
    fps: sps?.fps ?? video.fps,
    reorderDepth: sps?.reorderDepth ?? null,
    otherTracks: tracks.filter((track) => track !== video).map((track) => `${track.kind} ${track.codec}`.trim()),
    server:
      header('server')
        ?.replaceAll(/[^\x20-\x7e]/g, '?')
        .slice(0, 80) ?? null,
    control: video.control,
    tracks,
  };
}

/** From `sprop-parameter-sets` (RFC 6184, 8.1). */
function spropSps(track: SdpTrack): Sps | null {
  for (const text of (track.fmtp.get('sprop-parameter-sets') ?? '').split(',')) {
    const sps = parseSps(Buffer.from(text, 'base64'));
    if (sps) return sps;
  }
  return null;
}

function profileAndLevel(track: SdpTrack, sps: Sps | null): [string | null, string | null] {
  if (sps) return [sps.profile, sps.level];
  const [, idc, constraints, level] = /^(..)(..)(..)$/.exec(track.fmtp.get('profile-level-id') ?? '') ?? [];
  const numbers = [idc, constraints, level].map((hex) => Number.parseInt(hex ?? '', 16));
  const [a = Number.NaN, b = Number.NaN, c = Number.NaN] = numbers;
  return numbers.some(Number.isNaN) ? [null, null] : [profileName(a, b), levelText(c)];
}
