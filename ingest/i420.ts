export interface Plane {
  readonly offset: number;
  /** Bytes from row to row. */
  readonly stride: number;
  readonly width: number;
  readonly height: number;
}

export interface I420Layout {
  readonly y: Plane;
  readonly u: Plane;
  readonly v: Plane;
  readonly bytes: number;
}

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** Where the planes of GStreamer's I420 lie (`gst_video_info_set_format`): rows padded to four bytes. */
export function i420Layout(width: number, height: number): I420Layout {
  const evenHeight = roundUp(height, 2);
  const stride = roundUp(width, 4);
  const chromaStride = roundUp(roundUp(width, 2) / 2, 4);
  const chroma = { stride: chromaStride, width: Math.ceil(width / 2), height: evenHeight / 2 };
  const u = stride * evenHeight;
  const v = u + chromaStride * chroma.height;
  return {
    y: { offset: 0, stride, width, height },
    u: { offset: u, ...chroma },
    v: { offset: v, ...chroma },
    bytes: v + chromaStride * chroma.height,
  };
}
