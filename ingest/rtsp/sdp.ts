/** Reads the session description that DESCRIBE returns (RFC 8866, RFC 6184 for H.264). */

export interface SdpTrack {
  /** `video`, `audio`, `application`, … */
  kind: string;
  /** Upper case: `H264`, `H265`, `JPEG`, `PCMA`; empty when not said. */
  codec: string;
  payloadType: number;
  clockRate: number | null;
  /** Absolute, or null when the track has none of its own. */
  control: string | null;
  fmtp: ReadonlyMap<string, string>;
  /** `a=framerate`. */
  fps: number | null;
}

/** Static payload types that cameras use without `a=rtpmap` (RFC 3551). */
const STATIC: ReadonlyMap<number, string> = new Map([
  [0, 'PCMU'],
  [8, 'PCMA'],
  [26, 'JPEG'],
  [31, 'H261'],
  [32, 'MPV'],
  [34, 'H263'],
]);
const MAX_TRACKS = 32;

/** @param baseUri Content-Base, Content-Location or the request's address, to resolve controls against. */
export function parseSdp(text: string, baseUri: string): SdpTrack[] {
  const tracks: (SdpTrack & { fmtp: Map<string, string> })[] = [];
  for (const line of text.split(/\r\n|\n|\r/)) {
    const media = /^m=(\S+) \S+ \S+ (\d+)/.exec(line);
    if (media) {
      if (tracks.length === MAX_TRACKS) break;
      const payloadType = Number(media[2]);
      tracks.push({
        kind: (media[1] ?? '').toLowerCase(),
        codec: STATIC.get(payloadType) ?? '',
        payloadType,
        clockRate: null,
        control: null,
        fmtp: new Map(),
        fps: null,
      });
      continue;
    }
    const track = tracks.at(-1);
    const [, name = '', value = ''] = /^a=([^:]+):(.*)$/.exec(line) ?? [];
    if (!track) continue;
    if (name === 'control') track.control = resolveControl(value.trim(), baseUri);
    else if (name === 'framerate') track.fps = Number(value) > 0 ? Number(value) : null;
    else if (name === 'rtpmap') {
      const [, type, codec, rate] = /^(\d+)\s+([^/\s]+)(?:\/(\d+))?/.exec(value) ?? [];
      if (Number(type) !== track.payloadType || codec === undefined) continue;
      track.codec = codec.toUpperCase();
      track.clockRate = rate === undefined ? null : Number(rate);
    } else if (name === 'fmtp') {
      const [, type, parameters = ''] = /^(\d+)\s+(.*)$/.exec(value) ?? [];
      if (Number(type) === track.payloadType) readParameters(parameters, track.fmtp);
    }
  }
  return tracks;
}

function readParameters(text: string, into: Map<string, string>): void {
  for (const part of text.split(';')) {
    const equals = part.indexOf('=');
    if (equals > 0) into.set(part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim());
  }
}

function resolveControl(control: string, baseUri: string): string {
  if (/^rtsps?:\/\//i.test(control)) return control;
  if (control === '*' || control === '') return baseUri;
  // As clients do it, not RFC 3986: the last part of the base is kept.
  return `${baseUri}${baseUri.endsWith('/') ? '' : '/'}${control.replace(/^\//, '')}`;
}
