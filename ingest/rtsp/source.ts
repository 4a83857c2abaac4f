import type { BusMessage, Pipeline } from 'gstreamer-superficial';
import { BanksmanError, type ErrorCode } from '../../runtime/errors.ts';
import type { Credentials } from '../ipc.ts';
import { element, polledPipeline } from './elements.ts';
import { BUFFER_FLAGS, parseGdp } from './gdp.ts';
import { pictureKind } from './h264.ts';
import type { AccessUnit, AccessUnitSource, SourceEvents } from './types.ts';

export interface RtspSourceOptions {
  /** Without user info. */
  url: string;
  credentials: Credentials | null;
  transport: 'tcp' | 'udp';
  tls: { verify: boolean; ca_file: string | null };
  /** Milliseconds that never step. */
  now: () => number;
}

/** Nobody sends more parameter sets and messages than this without a picture. */
const MAX_HEAD_BYTES = 256 * 1024;

/** Access units of an H.264 RTSP session, not decoded. One session an object: a pipeline cannot be played again. */
export class RtspSource implements AccessUnitSource {
  readonly #options: RtspSourceOptions;
  readonly #assembler = new UnitAssembler();
  #pipeline: Pipeline | null = null;
  #events: SourceEvents | null = null;

  constructor(options: RtspSourceOptions) {
    this.#options = options;
  }

  start(events: SourceEvents): void {
    const { url, credentials, transport, now } = this.#options;
    // The jitter buffer would make times of its own after a stall: `buffer-mode=none`.
    const pipeline = polledPipeline(
      `rtspsrc name=camera protocols=${transport} latency=50 buffer-mode=none tcp-timeout=5000000 tls-validation-flags=${this.#tlsFlags()} ` +
        '! rtph264depay ! h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au ' +
        '! gdppay ! appsink name=units sync=false async=false max-buffers=64 drop=false',
    );
    this.#pipeline = pipeline;
    this.#events = events;
    const camera = element(pipeline, 'camera');
    // Properties, not launch text, which errors may repeat.
    camera['location'] = url;
    if (credentials) {
      camera['user-id'] = credentials.username;
      camera['user-pw'] = credentials.password;
    }
    pipeline.pollBus((message) => this.#onMessage(message));
    pipeline.play();
    const units = element(pipeline, 'units');
    const pull = (): void =>
      units.pull((packet) => {
        const arrivalMs = now();
        if (this.#pipeline === null) return;
        if (packet === null) return this.#end('RTSP_ENDED', 'the camera ended the stream');
        // Asked for at once: the next one is copied by another thread while this one is looked at.
        pull();
        const unit = this.#assembler.add(packet, arrivalMs);
        if (unit) events.onUnit(unit);
      });
    pull();
  }

  stop(): void {
    const pipeline = this.#pipeline;
    this.#pipeline = null;
    this.#events = null;
    pipeline?.stop();
  }

  /**
   * The binding cannot hand over an authority of one's own: the preflight has just checked the
   * certificate against it, so here everything but the unknown authority is still refused.
   */
  #tlsFlags(): string {
    const { verify, ca_file } = this.#options.tls;
    if (!verify) return 'no-flags';
    return ca_file === null ? 'validate-all' : 'bad-identity+not-activated+expired+revoked+insecure';
  }

  #onMessage(message: BusMessage): void {
    if (message.type === 'eos') this.#end('RTSP_ENDED', 'the camera ended the stream');
    else if (message.type === 'error') this.#end(...judgeError(String(message.message ?? '')));
  }

  #end(code: ErrorCode, message: string): void {
    const events = this.#events;
    this.#events = null;
    events?.onEnd(new BanksmanError(code, { message }));
  }
}

/** GStreamer's own words are not passed on: they may hold the URL as it composed it. */
function judgeError(text: string): [ErrorCode, string] {
  if (/unauthori[sz]ed|not authori[sz]ed/i.test(text))
    return ['RTSP_UNAUTHORIZED', 'the camera refused user or password'];
  if (/not found/i.test(text)) return ['RTSP_NOT_FOUND', 'the camera has no stream at this path'];
  if (/tls|certificate/i.test(text)) return ['RTSP_TLS', 'the TLS connection failed'];
  if (/could not connect|failed to connect/i.test(text)) return ['RTSP_REFUSED', 'the stream could not be opened'];
  return ['RTSP_ENDED', 'the connection to the camera broke off'];
}

/** Puts access units together from GDP packets and judges what a loss spoils. Pure. */
export class UnitAssembler {
  #damaged = true;
  #discont = false;
  /** Parameter sets that came by themselves belong to the picture that follows. */
  #head: Buffer | null = null;

  /** @returns null while there is no picture in what came. */
  add(packet: Buffer, arrivalMs: number): AccessUnit | null {
    const parsed = parseGdp(packet);
    if (!parsed) return null;
    this.#discont ||= (parsed.flags & BUFFER_FLAGS.discont) !== 0;
    const kind = pictureKind(parsed.payload);
    const data = this.#head ? Buffer.concat([this.#head, parsed.payload]) : parsed.payload;
    this.#head = null;
    if (kind === 'none') {
      if (data.length <= MAX_HEAD_BYTES) this.#head = data;
      return null;
    }
    const key = kind === 'key';
    if (key) this.#damaged = false;
    else if (this.#discont) this.#damaged = true;
    const discont = this.#discont;
    this.#discont = false;
    const ptsMs = parsed.ptsNs === null ? null : parsed.ptsNs / 1e6;
    return { data, ptsMs, arrivalMs, key, discont, damaged: this.#damaged };
  }
}
