import type { Element, Pipeline } from 'gstreamer-superficial';
import { element, polledPipeline, release, writePts } from './elements.ts';
import { BUFFER_FLAGS, parseGdp } from './gdp.ts';
import { PendingUnits } from './pending.ts';
import type { AccessUnit, Decoder, DecoderEvents, RawPicture, Stamp } from './types.ts';

export interface H264DecoderOptions {
  /** Cells of the low-resolution luma; the width a multiple of 4, so that rows have no padding. */
  lumaWidth: number;
  lumaHeight: number;
}

/** Encoded pictures in front of the decoder before it counts as behind: some seconds of stream. */
const MAX_WAITING = 50;

/**
 * Decodes every access unit once. Low-resolution luma of each picture comes to JavaScript; the picture
 * itself stays in GStreamer, newest wins, and is copied across only when somebody looks: at 720p that
 * saves 1.4 MB a picture. (Handing every picture over cost 40 MB more resident memory.)
 */
export class H264Decoder implements Decoder {
  readonly #options: H264DecoderOptions;
  readonly #pending = new PendingUnits();
  readonly #pts = Buffer.alloc(8);
  #pipeline: Pipeline | null = null;
  #input: Element | null = null;
  #pictures: Element | null = null;
  /** Time stamp of the last picture taken: an empty sink would block until the next one. */
  #takenNs = -1;
  #newestNs = -1;

  constructor(options: H264DecoderOptions) {
    this.#options = options;
  }

  start(events: DecoderEvents): void {
    const { lumaWidth, lumaHeight } = this.#options;
    // The picture's branch is linked first: when the luma arrives, the picture is in its sink.
    // No sink may wait for a clock, and none may hold more than a few: the decoder stays in step.
    const pipeline = polledPipeline(
      'appsrc name=units is-live=false format=time max-bytes=0 max-buffers=0 max-time=0 ' +
        'caps="video/x-h264,stream-format=byte-stream,alignment=au" ! avdec_h264 max-threads=1 ! tee name=both ' +
        'both. ! videoconvert ! video/x-raw,format=I420 ! gdppay ' +
        '! appsink name=pictures sync=false async=false qos=false max-buffers=1 drop=true ' +
        'both. ! videoscale add-borders=false ! videoconvert ' +
        `! video/x-raw,format=GRAY8,width=${lumaWidth},height=${lumaHeight} ! gdppay ` +
        '! appsink name=luma sync=false async=false qos=false max-buffers=2 drop=false',
    );
    this.#pipeline = pipeline;
    this.#input = element(pipeline, 'units');
    this.#pictures = element(pipeline, 'pictures');
    pipeline.pollBus((message) => {
      if (message.type === 'error' && this.#pipeline === pipeline) events.onFailure(String(message.message ?? ''));
    });
    pipeline.play();
    const luma = element(pipeline, 'luma');
    const pull = (): void =>
      luma.pull((packet) => {
        if (packet === null || this.#pipeline === null) return;
        void this.#onLuma(packet, events).then(() => {
          if (this.#pipeline) pull();
        });
      });
    pull();
  }

  push(unit: AccessUnit, stamp: Stamp): boolean {
    const input = this.#input;
    if (!input || this.waiting >= MAX_WAITING) return false;
    input.push(unit.data, writePts(this.#pending.add(unit.ptsMs, stamp), this.#pts));
    return true;
  }

  get waiting(): number {
    return Number(this.#input?.['current-level-buffers'] ?? 0);
  }

  picture(): Promise<RawPicture | null> {
    const sink = this.#pictures;
    if (!sink || this.#newestNs === this.#takenNs) return Promise.resolve(null);
    return new Promise((resolve) => {
      sink.pull((packet) => {
        const parsed = packet === null ? null : parseGdp(packet);
        const stamp = parsed?.ptsNs == null ? undefined : this.#pending.find(parsed.ptsNs);
        if (packet === null || !parsed || !stamp) {
          if (packet !== null) release(packet);
          return resolve(null);
        }
        this.#takenNs = parsed.ptsNs ?? -1;
        resolve({ stamp, data: parsed.payload, release: () => release(packet) });
      });
    });
  }

  stop(): void {
    const pipeline = this.#pipeline;
    this.#pipeline = null;
    this.#input = null;
    this.#pictures = null;
    pipeline?.stop();
  }

  async #onLuma(packet: Buffer, events: DecoderEvents): Promise<void> {
    const parsed = parseGdp(packet);
    if (parsed?.ptsNs == null) return;
    const found = this.#pending.take(parsed.ptsNs);
    // Overtaken by a picture that was taken already, or a time that was never pushed.
    if (!found || parsed.ptsNs <= this.#takenNs) return;
    this.#newestNs = parsed.ptsNs;
    const corrupt = (parsed.flags & BUFFER_FLAGS.corrupted) !== 0;
    await events.onFrame({ stamp: found.stamp, luma: parsed.payload, corrupt, lost: found.lost });
  }
}
