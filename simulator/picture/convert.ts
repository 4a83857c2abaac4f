/** An I420 picture: luma, then two chroma planes of half the size, rows without padding. */
export interface Planes {
  readonly width: number;
  readonly height: number;
  /** The whole picture, and its planes as views of the same bytes. */
  readonly buffer: Buffer;
  readonly y: Uint8ClampedArray;
  readonly u: Uint8ClampedArray;
  readonly v: Uint8ClampedArray;
}

/** @param width multiple of 8, because GStreamer pads rows otherwise. @param height even. */
export function makePlanes(width: number, height: number): Planes {
  if (width % 8 !== 0 || height % 2 !== 0) throw new RangeError(`no I420 of ${width} × ${height} without padding`);
  const bytes = new ArrayBuffer((width * height * 3) / 2);
  const luma = width * height;
  return {
    width,
    height,
    buffer: Buffer.from(bytes),
    y: new Uint8ClampedArray(bytes, 0, luma),
    u: new Uint8ClampedArray(bytes, luma, luma / 4),
    v: new Uint8ClampedArray(bytes, luma + luma / 4, luma / 4),
  };
}

/** Weights of red, green, blue in 256ths for Y, U, V in video range (ITU-R BT.601 and BT.709). */
const BT601 = [66, 129, 25, -38, -74, 112, 112, -94, -18] as const;
const BT709 = [47, 157, 16, -26, -86, 112, 112, -102, -10] as const;

/** Which of the two players assume where a stream does not say: by its height. */
export function colorimetry(height: number): 'bt601' | 'bt709' {
  return height > 576 ? 'bt709' : 'bt601';
}

/** RGBA as little-endian words into I420; chroma of a pixel is the mean of its block of four. */
export function toI420(rgba: Uint32Array, into: Planes): void {
  const { width, height, y: Y, u: U, v: V } = into;
  const [yr, yg, yb, ur, ug, ub, vr, vg, vb] = colorimetry(height) === 'bt601' ? BT601 : BT709;
  let chroma = 0;
  for (let row = 0; row < height; row += 2) {
    let top = row * width;
    let bottom = top + width;
    for (let column = 0; column < width; column += 2) {
      const a = rgba[top] as number;
      const b = rgba[top + 1] as number;
      const c = rgba[bottom] as number;
      const d = rgba[bottom + 1] as number;
      Y[top] = ((yr * (a & 255) + yg * ((a >> 8) & 255) + yb * ((a >> 16) & 255) + 128) >> 8) + 16;
      Y[top + 1] = ((yr * (b & 255) + yg * ((b >> 8) & 255) + yb * ((b >> 16) & 255) + 128) >> 8) + 16;
      Y[bottom] = ((yr * (c & 255) + yg * ((c >> 8) & 255) + yb * ((c >> 16) & 255) + 128) >> 8) + 16;
      Y[bottom + 1] = ((yr * (d & 255) + yg * ((d >> 8) & 255) + yb * ((d >> 16) & 255) + 128) >> 8) + 16;
      const red = (a & 255) + (b & 255) + (c & 255) + (d & 255);
      const green = ((a >> 8) & 255) + ((b >> 8) & 255) + ((c >> 8) & 255) + ((d >> 8) & 255);
      const blue = ((a >> 16) & 255) + ((b >> 16) & 255) + ((c >> 16) & 255) + ((d >> 16) & 255);
      U[chroma] = ((ur * red + ug * green + ub * blue + 512) >> 10) + 128;
      V[chroma] = ((vr * red + vg * green + vb * blue + 512) >> 10) + 128;
      chroma++;
      top += 2;
      bottom += 2;
    }
  }
}
