import type { Element } from 'gstreamer-superficial';
import { BanksmanError } from '../runtime/errors.ts';
import type { Credentials } from './ipc.ts';
import { type StreamFigures, StreamMeter } from './probe_meter.ts';
import { polledPipeline } from './rtsp/elements.ts';
import type { RtspUrl } from './rtsp/url.ts';

export interface ProbeStreamOptions {
  url: RtspUrl;
  credentials: Credentials | null;
  transport: 'tcp' | 'udp';
  tlsVerify: boolean;
  /** For the first access unit, and for the first picture. */
  timeoutMs: number;
  /** How much of the stream is measured; up to four times that while a second key picture is awaited. */
  measureS: number;
}

export interface ProbedStream extends StreamFigures {
  /** From connecting to the first decoded picture; null when none came in time. */
  firstPictureMs: number | null;
}

// `gdppay` carries the time stamp across into JavaScript: a header of 62 bytes (GDP 1.0).
const GDP_HEADER = 62;
const GDP_BUFFER = 1;
const NO_TIME = 0xffffffffffffffffn;

/** One session with the camera, decoded, measured and closed. @throws BanksmanError RTSP_STALLED, RTSP_ENDED. */
export async function probeStream(options: ProbeStreamOptions): Promise<ProbedStream> {
  const { url, credentials, transport, timeoutMs, measureS } = options;
  // What is an enumeration can only be given here, not as a property. The jitter buffer would make times of its own.
  const pipeline = polledPipeline(
    `rtspsrc name=camera protocols=${transport} latency=50 buffer-mode=none ${options.tlsVerify ? '' : 'tls-validation-flags=no-flags '}` +
      '! rtph264depay ! h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au ! tee name=both ' +
      'both. ! queue ! gdppay ! appsink name=units sync=false max-buffers=500 drop=false ' +
      'both. ! queue ! avdec_h264 max-threads=1 ! appsink name=pictures sync=false max-buffers=1 drop=true',
  );
  const camera = element(pipeline.findChild('camera'));
  camera['location'] = url.uri;
  // Properties, not launch text, which errors may repeat.
  if (credentials) {
    camera['user-id'] = credentials.username;
    camera['user-pw'] = credentials.password;
  }
  const meter = new StreamMeter();
  let firstPictureMs: number | null = null;
  let failure: 'ended' | null = null;
  let wake: () => void = () => undefined;
  const began = performance.now();
  const elapsed = (): number => performance.now() - began;

  const units = element(pipeline.findChild('units'));
  const onUnit = (packet: Buffer | null): void => {
    if (packet === null) failure = 'ended';
    else {
      if (packet.length >= GDP_HEADER && packet.readUInt16BE(4) === GDP_BUFFER) {
        const pts = packet.readBigUInt64BE(10);
        meter.add(packet.subarray(GDP_HEADER), pts === NO_TIME ? null : Number(pts / 1_000n) / 1_000);
      }
      units.pull(onUnit);
    }
    wake();
  };
  pipeline.play();
  units.pull(onUnit);
  element(pipeline.findChild('pictures')).pull((picture) => {
    if (picture !== null) firstPictureMs = Math.round(elapsed());
    wake();
  });
  pipeline.pollBus((message) => {
    if (message.type === 'error' || message.type === 'eos') failure = 'ended';
    wake();
  });

  const isDone = (): boolean => {
    const { seconds, keyFrames } = meter;
    if (elapsed() > timeoutMs && (seconds === 0 || firstPictureMs === null)) return true;
    if (firstPictureMs === null) return false;
    return seconds >= measureS * (keyFrames >= 2 ? 1 : 4);
  };
  try {
    while (failure === null && !isDone()) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      // A stream that stops in the middle is measured as far as it went.
      if (elapsed() > timeoutMs + measureS * 6_000) break;
    }
  } finally {
    pipeline.stop();
  }
  const figures = meter.figures();
  if (figures.pictures === 0) {
    throw new BanksmanError(failure ? 'RTSP_ENDED' : 'RTSP_STALLED', { where: url.where });
  }
  return { ...figures, firstPictureMs };
}

function element(found: Element | undefined): Element {
  if (!found) throw new BanksmanError('INTERNAL', { message: 'a pipeline without the element that it was built with' });
  return found;
}
