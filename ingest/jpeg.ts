import gstreamer, { type Element, type Pipeline } from 'gstreamer-superficial';
import { element } from './rtsp/elements.ts';

/** How the numbers of a picture are to be read. */
export interface Colour {
  /** Luma from 0 to 255 instead of 16 to 235. */
  fullRange: boolean;
  /** `matrix_coefficients` of H.264, null when not said. */
  matrix: number | null;
}

export interface JpegSize {
  /** Of what is pushed, I420 with rows padded to 4 bytes. */
  width: number;
  height: number;
  /** Of the JPEG; even. */
  outWidth: number;
  outHeight: number;
  colour: Colour;
}

/** Good enough that a detector finds the same as in the raw picture, small enough for the bus. */
const QUALITY = 85;

const HD_HEIGHT = 720;
const BT709 = 1;

/**
 * What goes in and what a JPEG is, which is full range and BT.601: `range:matrix:transfer:primaries`
 * with GStreamer's numbers. Its `videoconvert` leaves the range alone where the matrix stays the same
 * (1.22), so BT.601 goes to FCC, whose coefficients differ by less than 0.5 %.
 */
function colorimetries({ fullRange, matrix }: Colour, height: number): [from: string, to: string] {
  // What is not said follows from the height, as players guess it.
  const isBt709 = matrix === null ? height >= HD_HEIGHT : matrix === BT709;
  return [`${fullRange ? 1 : 2}:${isBt709 ? 3 : 4}:0:0`, isBt709 ? '1:4:0:0' : '1:2:0:0'];
}

/** Scales and encodes in GStreamer: libjpeg-turbo without a second image library in the process. */
export class JpegEncoder {
  readonly #pipeline: Pipeline;
  readonly #input: Element;
  readonly #output: Element;

  constructor({ width, height, outWidth, outHeight, colour }: JpegSize) {
    const [from, to] = colorimetries(colour, height);
    const size = `width=${width},height=${height},framerate=0/1,colorimetry=${from}`;
    this.#pipeline = new gstreamer.Pipeline(
      `appsrc name=raw is-live=false format=time caps="video/x-raw,format=I420,${size}" ` +
        `! videoscale ! video/x-raw,width=${outWidth},height=${outHeight} ` +
        // A JPEG is always read as full range; the encoder takes what it is given.
        `! videoconvert ! video/x-raw,format=I420,colorimetry=${to} ! jpegenc quality=${QUALITY} ! appsink name=jpeg sync=false async=false max-buffers=2`,
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
