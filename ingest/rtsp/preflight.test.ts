import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BanksmanError } from '../../runtime/errors.ts';
import { makeCertificate } from '../../simulator/rtsp/certificate.ts';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { type PreflightOptions, preflight } from './preflight.ts';

const SECRET = 'pä@ss#w"rd';
const USER = { username: 'viewer', password: SECRET };

/** The error as everything that a log could show of it. */
async function failure(options: Partial<PreflightOptions> & { url: string }): Promise<BanksmanError> {
  try {
    await preflight({ credentials: null, ...options });
  } catch (error) {
    if (!(error instanceof BanksmanError)) throw error;
    const shown = `${error.toDisplay()} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`;
    expect(shown).not.toContain(SECRET);
    expect(shown).not.toContain(encodeURIComponent(SECRET));
    return error;
  }
  throw new Error('it should have failed');
}

describe('against a real server', () => {
  let server: RtspServer;

  beforeAll(async () => {
    server = await startRtspServer({
      streams: [
        { path: '/video', source: { kind: 'pattern', width: 640, height: 360, fps: 10, audio: true } },
        { path: '/h265', source: { kind: 'h265' } },
        { path: '/mjpeg', source: { kind: 'mjpeg' } },
        { path: '/audio', source: { kind: 'audio' } },
      ],
    });
  }, 60_000);
  afterAll(() => server.stop());

  it('reads codec, profile, size, rate and the other tracks', async () => {
    expect(await preflight({ url: server.url('/video'), credentials: null })).toMatchObject({
      codec: 'h264',
      profile: 'Constrained Baseline',
      width: 640,
      height: 360,
      fps: 10,
      reorderDepth: 0,
      otherTracks: ['audio PCMA'],
    });
  });

  it.each([
    ['/nowhere', 'RTSP_NOT_FOUND'],
    ['/audio', 'RTSP_NO_VIDEO'],
    ['/h265', 'RTSP_UNSUPPORTED_CODEC'],
    ['/mjpeg', 'RTSP_UNSUPPORTED_CODEC'],
  ])('%s is %s', async (path, code) => {
    expect((await failure({ url: server.url(path) })).code).toBe(code);
  });

  it('names a host that answers nothing, and one that is cut off meanwhile', async () => {
    server.suspend();
    try {
      const error = await failure({ url: server.url('/video'), timeoutMs: 300 });
      expect(error.code).toBe('RTSP_NO_ROUTE');
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 100);
      const began = performance.now();
      expect((await failure({ url: server.url('/video'), timeoutMs: 90_000, signal: stop.signal })).code).toBe(
        'RTSP_ENDED',
      );
      expect(performance.now() - began).toBeLessThan(45_000);
    } finally {
      server.resume();
    }
  });
});

describe.each(['basic', 'digest'] as const)('%s', (method) => {
  let server: RtspServer;

  beforeAll(async () => {
    server = await startRtspServer({
      streams: [{ path: '/video', source: { kind: 'pattern' } }],
      auth: { user: USER.username, password: SECRET, method },
    });
  }, 60_000);
  afterAll(() => server.stop());

  it('lets the right password in', async () => {
    expect((await preflight({ url: server.url('/video'), credentials: USER })).codec).toBe('h264');
  });

  it('takes them from the user info of a URL too', async () => {
    const url = server.url('/video').replace('//', `//viewer:${encodeURIComponent(SECRET)}@`);
    expect((await preflight({ url, credentials: null })).codec).toBe('h264');
  });

  it('says that a wrong one, or none, was refused', async () => {
    const wrong = await failure({ url: server.url('/video'), credentials: { username: 'viewer', password: 'wrong' } });
    expect(wrong.code).toBe('RTSP_UNAUTHORIZED');
    const none = await failure({ url: server.url('/video') });
    expect(none.code).toBe('RTSP_UNAUTHORIZED');
    expect(none.message).toContain('none are given');
  });
});

describe('TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'banksman-tls-'));
  let server: RtspServer;
  let certFile: string;

  beforeAll(async () => {
    const files = makeCertificate(folder);
    certFile = files.certFile;
    server = await startRtspServer({ streams: [{ path: '/video', source: { kind: 'pattern' } }], tls: files });
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  it('refuses a certificate that it does not know, and takes one of the authority given', async () => {
    expect((await failure({ url: server.url('/video') })).code).toBe('RTSP_TLS');
    const tls = { verify: true, ca_file: certFile };
    expect((await preflight({ url: server.url('/video'), credentials: null, tls })).codec).toBe('h264');
    const unchecked = { verify: false, ca_file: null };
    expect((await preflight({ url: server.url('/video'), credentials: null, tls: unchecked })).codec).toBe('h264');
  });

  it('says so when the port does not speak TLS, and when the authority cannot be read', async () => {
    const plain = await startRtspServer({ streams: [{ path: '/video', source: { kind: 'pattern' } }] });
    const url = plain.url('/video').replace('rtsp:', 'rtsps:');
    expect((await failure({ url, timeoutMs: 15_000 })).code).toBe('RTSP_TLS');
    await plain.stop();
    const tls = { verify: true, ca_file: join(folder, 'none.pem') };
    expect((await failure({ url: server.url('/video'), tls })).code).toBe('RTSP_TLS');
  });
});

describe('hosts that are not there', () => {
  it('is refused, unknown, or no URL', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const port = portOf(server);
    await new Promise((resolve) => server.close(resolve));
    expect((await failure({ url: `rtsp://127.0.0.1:${port}/x` })).code).toBe('RTSP_REFUSED');
    expect((await failure({ url: 'rtsp://no-such-camera.invalid/x' })).code).toBe('RTSP_UNKNOWN_HOST');
    expect((await failure({ url: `http://viewer:${encodeURIComponent(SECRET)}@host/` })).code).toBe('RTSP_BAD_URL');
  });
});

/** A camera of a few lines, for what the real server does not do. */
describe('against a scripted peer', () => {
  let server: Server | undefined;
  let requests: string[] = [];
  const SDP = [
    'v=0',
    'm=video 0 RTP/AVP 96',
    'a=rtpmap:96 H264/90000',
    'a=fmtp:96 packetization-mode=1;profile-level-id=4D401F',
    'a=framerate:12.5',
    'a=control:track1',
  ].join('\r\n');

  async function peer(answer: (request: string, socket: Socket) => string | Buffer | null): Promise<string> {
    requests = [];
    server = createServer((socket) => {
      let text = '';
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        text += chunk.toString();
        for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
          const request = text.slice(0, end);
          text = text.slice(end + 4);
          requests.push(request);
          const reply = answer(request, socket);
          if (reply !== null) socket.write(reply);
        }
      });
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server?.once('listening', resolve));
    return `rtsp://127.0.0.1:${portOf(server)}/live`;
  }

  const cseq = (request: string): string => /CSeq: (\d+)/.exec(request)?.[1] ?? '';
  const reply = (request: string, status: string, headers: string[] = [], body = ''): string =>
    [`RTSP/1.0 ${status}`, `CSeq: ${cseq(request)}`, `Content-Length: ${body.length}`, ...headers, '', body].join(
      '\r\n',
    );
  const describes = (): string[] => requests.filter((request) => request.startsWith('DESCRIBE'));

  afterEach(async () => {
    server?.close();
    server = undefined;
  });

  it('reads profile and rate where no parameter sets are sent', async () => {
    const url = await peer((request) => reply(request, '200 OK', [], SDP));
    expect(await preflight({ url, credentials: null })).toMatchObject({
      profile: 'Main',
      level: '3.1',
      fps: 12.5,
      width: null,
      control: `${url}/track1`,
    });
  });

  it('answers SHA-256 with qop rather than the weaker challenges beside it', async () => {
    const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
    const challenges = [
      'WWW-Authenticate: Basic realm="cam", Digest realm="cam", nonce="old", algorithm=MD5',
      'WWW-Authenticate: Digest realm="cam", nonce="abc", qop="auth-int,auth", algorithm=SHA-256, opaque="o"',
    ];
    const url = await peer((request) => {
      const field = (name: string): string => new RegExp(`[ ,]${name}="?([^",\\r]+)`).exec(request)?.[1] ?? '';
      if (!request.includes('Authorization')) return reply(request, '401 Unauthorized', challenges);
      const secret = hash(`viewer:cam:${SECRET}`);
      const what = hash(`DESCRIBE:${field('uri')}`);
      const wanted = hash(`${secret}:abc:${field('nc')}:${field('cnonce')}:auth:${what}`);
      return field('response') === wanted && field('opaque') === 'o'
        ? reply(request, '200 OK', [], SDP)
        : reply(request, '401 Unauthorized', challenges);
    });
    expect((await preflight({ url, credentials: USER })).codec).toBe('h264');
  });

  it('tries a password once, and once more only for a stale nonce', async () => {
    let nonce = 0;
    const refuse = (stale: string) => (request: string) =>
      reply(request, '401 Unauthorized', [`WWW-Authenticate: Digest realm="cam", nonce="${++nonce}"${stale}`]);
    expect((await failure({ url: await peer(refuse('')), credentials: USER })).code).toBe('RTSP_UNAUTHORIZED');
    expect(describes().filter((request) => request.includes('Authorization')).length).toBe(1);
    server?.close();
    expect((await failure({ url: await peer(refuse(', stale=true')), credentials: USER })).code).toBe(
      'RTSP_UNAUTHORIZED',
    );
    expect(describes().filter((request) => request.includes('Authorization')).length).toBe(2);
  });

  it('goes on over a new connection where the camera closes after each answer', async () => {
    const url = await peer((request, socket) => {
      const ok = request.includes('Authorization: Basic');
      socket.end(
        request.startsWith('OPTIONS') || ok
          ? reply(request, '200 OK', [], SDP)
          : reply(request, '401 Unauthorized', ['WWW-Authenticate: Basic realm="cam"']),
      );
      return null;
    });
    expect((await preflight({ url, credentials: USER })).codec).toBe('h264');
  });

  it.each([
    ['403 Forbidden', 'RTSP_UNAUTHORIZED'],
    ['404 Not Found', 'RTSP_NOT_FOUND'],
    ['453 Not Enough Bandwidth', 'RTSP_ENDED'],
    ['500 Internal Server Error', 'RTSP_PROTOCOL'],
    ['200 OK', 'RTSP_NO_VIDEO'],
  ])('%s is %s', async (status, code) => {
    const url = await peer((request) => reply(request, status));
    expect((await failure({ url })).code).toBe(code);
  });

  it('leaves peers that are no cameras, or wicked, with an error and little memory', async () => {
    const wicked: [() => string | Buffer | null, string][] = [
      [() => 'HTTP/1.1 400 Bad Request\r\n\r\n', 'RTSP_PROTOCOL'],
      [() => 'SSH-2.0-OpenSSH_9.2\r\n', 'RTSP_PROTOCOL'],
      [() => `RTSP/1.0 200 OK\r\nX: ${'x'.repeat(40_000)}`, 'RTSP_PROTOCOL'],
      [() => 'RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 999999999\r\n\r\n', 'RTSP_PROTOCOL'],
      [
        () =>
          Buffer.concat(Array.from({ length: 40 }, () => Buffer.from([0x24, 0, 0xff, 0xff, ...Buffer.alloc(65_535)]))),
        'RTSP_PROTOCOL',
      ],
    ];
    for (const [answer, code] of wicked) {
      const url = await peer(answer);
      expect((await failure({ url, timeoutMs: 15_000 })).code).toBe(code);
      server?.close();
    }
    const rude = await peer((_, socket) => {
      socket.destroy();
      return null;
    });
    expect((await failure({ url: rude })).code).toBe('RTSP_ENDED');
  });
});

function portOf(server: Server | undefined): number {
  const address = server?.address();
  if (address === null || typeof address !== 'object') throw new Error('no port');
  return address.port;
}
