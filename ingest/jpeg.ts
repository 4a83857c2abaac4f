import gstreamer, { type Element, type Pipeline } from 'gstreamer-superficial';
import { element } from './rtsp/elements.ts';

export interface JpegSize {
  /** Of what is pushed, I420 with rows padded to 4 bytes. */
  width: number;
  height: number;
  /** Of the JPEG; even. */
  outWidth: number;
  outHeight: number;
}

/** Good enough that a detector finds the same as in the raw picture, small enough for the bus. */
const QUALITY = 85;

/** Scales and encodes in GStreamer: libjpeg-turbo without a second image library in the process. */
export class JpegEncoder {
  readonly #pipeline: Pipeline;
  readonly #input: Element;
  readonly #output: Element;

  constructor({ width, height, outWidth, outHeight }: JpegSize) {
    this.#pipeline = new gstreamer.Pipeline(
      `appsrc name=raw is-live=false format=time caps="video/x-raw,format=I420,width=${width},height=${height},framerate=0/1" ` +
        `! videoscale ! video/x-raw,width=${outWidth},height=${outHeight} ` +
        `! jpegenc quality=${QUALITY} ! appsink name=jpeg sync=false async=false max-buffers=2`,
    );
    this.#input = element(this.#pipeline, 'raw');
    this.#output = element(this.#pipeline, 'jpeg');
    this.#pipeline.play();
  }

  /** One at a time: the caller waits for each. @returns null when the pipeline has ended. */
  encode(raw: Buffer): Promise<Buffer | null> {
    return new Promise((resolve) => {
      this.#output.pull((jpeg) => resolve(jpeg));
      this.#input.push(raw);
    });
  }

  stop(): void {
    this.#pipeline.stop();
  }
}
