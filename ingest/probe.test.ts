import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RtspServer, startRtspServer } from '../simulator/rtsp/server.ts';
import { formatProbe, type ProbeResult, recommend } from './probe.ts';

const PASSWORD = 'p@ss#w/rd';
let server: RtspServer;

beforeAll(async () => {
  server = await startRtspServer({
    streams: [
      { path: '/good', source: { kind: 'pattern', width: 640, height: 360, fps: 10, audio: true } },
      {
        path: '/bad',
        source: { kind: 'pattern', width: 2560, height: 1440, fps: 5, encode: { keyInt: 200, bframes: 2 } },
      },
      { path: '/mute', source: { kind: 'pattern' } },
    ],
    auth: { user: 'viewer', password: PASSWORD, method: 'digest' },
  });
}, 120_000);
afterAll(() => server.stop());

/** In a process of its own, as the command does: a pipeline is never freed. */
async function probe(
  url: string,
  options: Record<string, unknown>,
): Promise<ProbeResult & { code?: string; shown?: string }> {
  const script = `
    const { probe } = await import(${JSON.stringify(join(import.meta.dirname, 'probe.ts'))});
    const [url, options] = JSON.parse(process.env.PROBE);
    const result = await probe(url, options).catch((error) => ({ code: error.code, shown: error.toDisplay?.() ?? error.stack }));
    process.stdout.write(JSON.stringify(result));`;
  const env = { ...process.env, PROBE: JSON.stringify([url, options]) };
  const ran = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env });
  expect(ran.stdout + ran.stderr).not.toContain(PASSWORD);
  expect(ran.stdout + ran.stderr).not.toContain(encodeURIComponent(PASSWORD));
  return JSON.parse(ran.stdout);
}

const withUser = (path: string): string => server.url(path).replace('//', `//viewer:${encodeURIComponent(PASSWORD)}@`);

it('measures what a camera sends, and finds nothing to improve in a good one', async () => {
  const result = await probe(server.url('/good'), { username: 'viewer', password: PASSWORD, measureS: 3 });
  expect(result).toMatchObject({
    codec: 'h264',
    profile: 'Constrained Baseline',
    width: 640,
    height: 360,
    hasBFrames: false,
    otherTracks: ['audio PCMA'],
    recommendations: [],
  });
  expect(result.keyFrameIntervalS).toBeCloseTo(1, 0);
  expect(result.fps).toBeGreaterThan(8);
  expect(result.fps).toBeLessThan(12);
  expect(result.bitrateKbps).toBeGreaterThan(5);
  expect(result.firstPictureMs).toBeGreaterThan(0);
  expect(result.yaml).toContain('${CAMERA_PASSWORD}');
  const text = formatProbe(result);
  expect(text).toContain('640 x 360');
  expect(text).toContain('Nothing to improve');
}, 60_000);

it('recommends a sub-stream, shorter groups and no B-frames; user info in the URL is taken and not shown', async () => {
  const result = await probe(withUser('/bad'), { measureS: 2 });
  expect(result).toMatchObject({ width: 2560, height: 1440, keyFrameIntervalS: null, hasBFrames: true });
  expect(result.url).toBe(server.url('/bad'));
  const advice = result.recommendations.join('\n');
  expect(advice).toContain('sub-stream');
  expect(advice).toContain('key-frame interval');
  expect(advice).toContain('B-frames');
}, 60_000);

it('says why where it does not work', async () => {
  expect(await probe(server.url('/good'), {})).toMatchObject({ code: 'RTSP_UNAUTHORIZED' });
  expect(await probe(withUser('/none'), {})).toMatchObject({ code: 'RTSP_NOT_FOUND' });
  expect(await probe('https://example.com', {})).toMatchObject({ code: 'RTSP_BAD_URL' });
  await server.pause('/mute', true);
  const { code } = await probe(withUser('/mute'), { timeoutMs: 2_000 });
  // Without a picture this server does not answer DESCRIBE either.
  expect(['RTSP_NO_ROUTE', 'RTSP_STALLED']).toContain(code);
}, 60_000);

it('minds a low rate and a high bit rate', () => {
  const figures = {
    ...{ url: '', server: null, codec: 'h264', profile: null, level: null, width: 640, height: 360 },
    ...{ keyFrameIntervalS: 2, hasBFrames: false, firstPictureMs: 100, measuredS: 4, otherTracks: [] },
  };
  expect(recommend({ ...figures, fps: 10, bitrateKbps: 2_000 })).toEqual([]);
  expect(recommend({ ...figures, fps: 2, bitrateKbps: 12_000 }).length).toBe(2);
  expect(recommend({ ...figures, firstPictureMs: null, fps: 10, bitrateKbps: 100 })[0]).toContain('decoded');
});
