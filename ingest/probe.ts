import { setTimeout } from 'node:timers/promises';
import { urlHoldsSecret } from '../config/urls.ts';
import { BanksmanError } from '../runtime/errors.ts';
import type { Credentials } from './ipc.ts';
import type { ProbedStream } from './probe_stream.ts';
import { type PreflightResult, preflight } from './rtsp/preflight.ts';
import { parseRtspUrl } from './rtsp/url.ts';

export interface ProbeOptions {
  username?: string;
  password?: string;
  /** Default tcp. */
  transport?: 'tcp' | 'udp';
  tls?: { verify: boolean; ca_file: string | null };
  /** For connecting, and for the first picture. Default 15,000. */
  timeoutMs?: number;
  /** Seconds of stream to measure. Default 4. */
  measureS?: number;
}

export interface ProbeResult {
  /** Without user info; passwords in its parameters blotted out. */
  url: string;
  server: string | null;
  codec: string;
  profile: string | null;
  level: string | null;
  width: number | null;
  height: number | null;
  fps: number | null;
  bitrateKbps: number | null;
  /** Longest seen; null when only one key picture came in `measuredS`. */
  keyFrameIntervalS: number | null;
  hasBFrames: boolean;
  /** From connecting to the first decoded picture; null when it could not be decoded. */
  firstPictureMs: number | null;
  measuredS: number;
  otherTracks: string[];
  recommendations: string[];
  /** A camera for the site file. */
  yaml: string;
}

const LONG_GOP_S = 4;
const MAX_PIXELS = 1920 * 1080;
const HIGH_BITRATE_KBPS = 8_000;
const LOW_FPS = 5;
const RELEASE_MS = 500;

/**
 * Connects to a camera once and measures what it sends.
 * @throws BanksmanError with the reason code of whatever does not work.
 */
export async function probe(url: string, options: ProbeOptions = {}): Promise<ProbeResult> {
  const parsed = parseRtspUrl(url);
  const { timeoutMs = 15_000, transport = 'tcp', measureS = 4 } = options;
  const credentials: Credentials | null =
    options.username === undefined
      ? parsed.credentials
      : { username: options.username, password: options.password ?? parsed.credentials?.password ?? '' };
  const tls = options.tls ?? { verify: true, ca_file: null };
  const said = await preflight({ url: parsed.uri, credentials, tls, timeoutMs });
  // GStreamer is loaded by nobody whose camera does not answer. It has no way to be given an authority
  // of its own here: the certificate has just been checked against it.
  const { probeStream } = await import('./probe_stream.ts');
  const tlsVerify = tls.verify && tls.ca_file === null;
  const attempt = async (): Promise<ProbedStream> => {
    // Some cameras are still letting go of the connection before, and refuse the next meanwhile.
    await setTimeout(RELEASE_MS);
    return await probeStream({ url: parsed, credentials, transport, tlsVerify, timeoutMs, measureS });
  };
  const seen = await attempt().catch((error: unknown) => {
    if (error instanceof BanksmanError && error.code === 'RTSP_ENDED') return attempt();
    throw error;
  });
  return describe(withoutSecrets(parsed.uri), credentials !== null, said, seen);
}

function describe(url: string, hasCredentials: boolean, said: PreflightResult, seen: ProbedStream): ProbeResult {
  const measured = {
    url,
    server: said.server,
    codec: said.codec,
    profile: seen.sps?.profile ?? said.profile,
    level: seen.sps?.level ?? said.level,
    width: seen.sps?.width ?? said.width,
    height: seen.sps?.height ?? said.height,
    fps: rounded(seen.fps, 1),
    bitrateKbps: rounded(seen.bitrateKbps, 0),
    keyFrameIntervalS: rounded(seen.keyFrameIntervalS, 1),
    hasBFrames: seen.hasBFrames || (seen.sps?.reorderDepth ?? 0) > 0,
    firstPictureMs: seen.firstPictureMs,
    measuredS: rounded(seen.seconds, 1) ?? 0,
    otherTracks: said.otherTracks,
  };
  return { ...measured, recommendations: recommend(measured), yaml: yamlOf(url, hasCredentials) };
}

/** What a site engineer should change in the camera, most important first. */
export function recommend(found: Omit<ProbeResult, 'recommendations' | 'yaml'>): string[] {
  const advice: string[] = [];
  const { width, height, keyFrameIntervalS, measuredS, bitrateKbps, fps } = found;
  if (found.firstPictureMs === null) {
    advice.push('No picture could be decoded: check the network for loss, or choose another profile in the camera.');
  }
  if (width !== null && height !== null && width * height > MAX_PIXELS) {
    advice.push(
      `${width}x${height} is more than detection needs: give the camera's sub-stream as url, and this one as record_url.`,
    );
  }
  if (keyFrameIntervalS === null ? measuredS > LONG_GOP_S : keyFrameIntervalS > LONG_GOP_S) {
    const found = keyFrameIntervalS === null ? `over ${measuredS} s` : `${keyFrameIntervalS} s`;
    advice.push(
      `Set the key-frame interval (GOP, I-frame interval) to 1-2 s: it is ${found}, and "smart" codecs make it longer.`,
    );
  }
  if (found.hasBFrames) {
    advice.push('Switch B-frames off (or choose the Baseline profile): they delay every picture.');
  }
  if (fps !== null && fps < LOW_FPS)
    advice.push(`Raise the frame rate to 10: ${fps} a second is little to follow people by.`);
  if (bitrateKbps !== null && bitrateKbps > HIGH_BITRATE_KBPS) {
    advice.push(`Lower the bit rate (${bitrateKbps} kbit/s): 2000 to 4000 kbit/s is plenty for detection.`);
  }
  return advice;
}

/** For people, several lines, ends with a line feed. */
export function formatProbe(result: ProbeResult): string {
  const { width, height, fps, bitrateKbps, keyFrameIntervalS, firstPictureMs, measuredS, otherTracks } = result;
  const orUnknown = (value: number | null, unit: string): string => (value === null ? 'unknown' : `${value} ${unit}`);
  const rows: [string, string][] = [
    ['codec', `H.264 ${[result.profile, result.level && `level ${result.level}`].filter(Boolean).join(', ')}`.trim()],
    ['size', width === null || height === null ? 'unknown' : `${width} x ${height}`],
    ['frame rate', orUnknown(fps, 'fps')],
    ['bit rate', orUnknown(bitrateKbps, 'kbit/s')],
    ['key frames', keyFrameIntervalS === null ? `one in ${measuredS} s` : `every ${keyFrameIntervalS} s`],
    ['B-frames', result.hasBFrames ? 'yes' : 'no'],
    ['first picture', firstPictureMs === null ? 'none' : `after ${firstPictureMs} ms`],
  ];
  if (otherTracks.length > 0) rows.push(['other tracks', `${otherTracks.join(', ')} (not used)`]);
  if (result.server) rows.push(['server', result.server]);
  const lines = [result.url, ...rows.map(([name, value]) => `  ${name.padEnd(14)} ${value}`), ''];
  if (result.recommendations.length === 0) lines.push('Nothing to improve.');
  else lines.push('Recommended:', ...result.recommendations.map((text) => `  - ${text}`));
  return `${[...lines, '', 'For the site file:', '', result.yaml].join('\n')}\n`;
}

function yamlOf(url: string, hasCredentials: boolean): string {
  const lines = ['cameras:', '  front:', `    url: ${JSON.stringify(url)}`];
  if (hasCredentials) lines.push('    username: ${CAMERA_USER}', '    password: ${CAMERA_PASSWORD}');
  return lines.join('\n');
}

/** Some cameras take user and password as parameters: never shown, whatever they are called. */
function withoutSecrets(uri: string): string {
  if (!urlHoldsSecret(uri)) return uri;
  return uri.replaceAll(/(passw(?:or)?d|pwd|pass)=[^&;/$]*/gi, '$1=***');
}

function rounded(value: number | null, digits: number): number | null {
  return value === null ? null : Number(value.toFixed(digits));
}
