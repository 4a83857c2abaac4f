import type { Readable } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '../../runtime/clock.ts';
import { BanksmanError, type ErrorCode } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { CameraRecord } from '../../runtime/messages/types.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { MAX_GROUP_BYTES } from './group.ts';
import { Viewer } from './viewer.ts';
import { isKey, PipeReader, type StreamDescription } from './wire.ts';

/** Of one camera. */
export const MAX_VIEWERS = 8;

/** What a viewer is told by the code with which its connection closes; the reason is the error's code. */
export const CLOSE_CODES = Object.freeze({ MEDIA_MASKED: 4403, MEDIA_NOT_HERE: 4404 });

/** Live video of a camera's process. */
export interface LiveSource {
  /** Pipe of messages, see `wire.ts`. */
  readonly live: Readable;
  /** Whether it is to send any. */
  watch(on: boolean): void;
}

export interface CameraMediaOptions {
  record: CameraRecord;
  epoch: number;
  /** Under which others reach it. */
  url: string;
  clock: Clock;
  metrics: Metrics;
  log: Logger;
  /** The camera is not run here any more. */
  onClosed: () => void;
}

/**
 * Live video of one camera that this agent runs, from its process to all that watch it. Its process sends only while
 * somebody watches; between two sessions of the camera viewers stay, and see the next one.
 */
export class CameraMedia {
  readonly #options: CameraMediaOptions;
  readonly #viewers = new Set<Viewer>();
  #record: CameraRecord;
  #source: { of: LiveSource; detach: () => void } | null = null;
  #description: string | null = null;
  /** For who comes next: the group of pictures so far, empty when it is too large or nobody watches. */
  #group: Buffer[] = [];
  #groupBytes = 0;

  constructor(options: CameraMediaOptions) {
    this.#options = options;
    this.#record = options.record;
  }

  get url(): string {
    return this.#options.url;
  }

  get viewers(): ReadonlySet<Viewer> {
    return this.#viewers;
  }

  /** Why nobody may look, or null. Masks are burnt into pictures; what the camera sends shows what is under them. */
  get refusal(): ErrorCode | null {
    return this.#record.privacy_masks.length > 0 ? 'MEDIA_MASKED' : null;
  }

  /** For whoever asks what there is. */
  describe(): Record<string, unknown> {
    const { site, camera } = this.#record;
    const live = { url: `${this.url.replace(/^http/, 'ws')}/live`, refused: this.refusal };
    return { site, camera, epoch: this.#options.epoch, live };
  }

  configure(record: CameraRecord): void {
    this.#record = record;
    if (this.refusal) this.#closeAll('MEDIA_MASKED');
  }

  /** A session of the camera begins. */
  attach(of: LiveSource): void {
    this.detach();
    const reader = new PipeReader((message, isText) => (isText ? this.#hearText(message) : this.#hearUnit(message)));
    const onData = (chunk: Buffer): void => {
      try {
        reader.add(chunk);
      } catch (error) {
        this.#options.log.error({ camera: this.#record.camera, err: error }, 'live video cannot be read');
        this.detach();
      }
    };
    // The process is gone, or goes: its outcome is seen elsewhere.
    const onError = (): void => undefined;
    of.live.on('data', onData).on('error', onError);
    this.#source = { of, detach: () => of.live.off('data', onData).resume() };
    if (this.#viewers.size > 0) of.watch(true);
  }

  /** The session is over, another may follow. */
  detach(): void {
    this.#source?.detach();
    this.#source = null;
    this.#forget();
  }

  /** @throws BanksmanError MEDIA_MASKED, MEDIA_TOO_MANY_VIEWERS */
  admit(): void {
    const { camera } = this.#record;
    if (this.refusal) throw new BanksmanError(this.refusal, { where: camera });
    if (this.#viewers.size >= MAX_VIEWERS) throw new BanksmanError('MEDIA_TOO_MANY_VIEWERS', { where: camera });
  }

  /** It was admitted: it gets what is in memory and what comes, until either side closes. */
  join(socket: WebSocket): void {
    const { clock, metrics } = this.#options;
    const { camera } = this.#record;
    const viewer = new Viewer(socket, clock.monotonic(), () =>
      metrics.inc('live_units_shed_total', { camera, reason: 'viewer_slow' }),
    );
    this.#viewers.add(viewer);
    this.#count();
    socket.on('pong', () => viewer.heard(clock.monotonic()));
    // A breach of the protocol, or a connection that broke: it closes.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#leave(viewer));
    if (this.#description !== null) viewer.describe(this.#description);
    for (const message of this.#group) viewer.unit(message);
    if (this.#viewers.size === 1) this.#source?.of.watch(true);
  }

  /** The camera is another's, or nobody's. */
  close(): void {
    this.#closeAll('MEDIA_NOT_HERE');
    this.detach();
    this.#options.metrics.remove('live_viewers', { camera: this.#record.camera });
    this.#options.onClosed();
  }

  #leave(viewer: Viewer): void {
    if (!this.#viewers.delete(viewer)) return;
    this.#count();
    if (this.#viewers.size === 0) this.#rest();
  }

  #closeAll(code: keyof typeof CLOSE_CODES): void {
    for (const viewer of this.#viewers) viewer.close(CLOSE_CODES[code], code);
    this.#viewers.clear();
    this.#count();
    this.#rest();
  }

  #rest(): void {
    this.#source?.of.watch(false);
    this.#forget();
  }

  #forget(): void {
    this.#description = null;
    this.#group = [];
    this.#groupBytes = 0;
  }

  #count(): void {
    this.#options.metrics.set('live_viewers', this.#viewers.size, { camera: this.#record.camera });
  }

  /** What was under way when the last viewer left reaches nobody. */
  #hearText(message: Buffer): void {
    if (this.#viewers.size === 0) return;
    const stream: StreamDescription = JSON.parse(message.toString());
    const { site, camera } = this.#record;
    this.#description = JSON.stringify({ ...stream, site, camera, epoch: this.#options.epoch });
    for (const viewer of this.#viewers) viewer.describe(this.#description);
  }

  #hearUnit(message: Buffer): void {
    // What comes before the description is left over from who watched before.
    if (this.#description === null) return;
    if (isKey(message)) {
      this.#group = [message];
      this.#groupBytes = message.length;
    } else if (this.#group.length > 0) {
      this.#group.push(message);
      this.#groupBytes += message.length;
    }
    if (this.#groupBytes > MAX_GROUP_BYTES) {
      this.#group = [];
      this.#groupBytes = 0;
    }
    for (const viewer of this.#viewers) viewer.unit(message);
  }
}
