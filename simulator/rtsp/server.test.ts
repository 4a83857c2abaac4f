import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RtspServer, startRtspServer } from './server.ts';
import { readStrip, type Strip } from './strip.ts';

const DATA = process.env['BANKSMAN_TEST_DATA'] ?? join(import.meta.dirname, '../../../shared/data');
const CLIP = join(DATA, 'video/intel_preview_worker-zone-detection.mp4');

/** Decodes `count` pictures of a stream to grey bytes with a client that is not ours. */
async function pictures(url: string, width: number, height: number, count: number): Promise<Buffer[]> {
  const client = spawn('gst-launch-1.0', [
    '-q',
    ...`rtspsrc location=${url} protocols=tcp latency=0 ! rtph264depay ! h264parse ! avdec_h264 ! videoconvert`.split(
      ' ',
    ),
    ...`! videoscale ! video/x-raw,format=GRAY8,width=${width},height=${height} ! fdsink fd=1 sync=false`.split(' '),
  ]);
  const found: Buffer[] = [];
  let left = Buffer.alloc(0);
  for await (const chunk of client.stdout) {
    left = Buffer.concat([left, chunk]);
    for (; left.length >= width * height && found.length < count; left = left.subarray(width * height)) {
      found.push(Buffer.from(left.subarray(0, width * height)));
    }
    if (found.length >= count) break;
  }
  client.kill('SIGKILL');
  return found;
}

function strips(grey: Buffer[], width: number, height: number): Strip[] {
  return grey.map((picture) => readStrip(picture, width, height)).filter((strip) => strip !== null);
}

describe.skipIf(!existsSync(CLIP))('RTSP server', () => {
  let server: RtspServer;

  beforeAll(async () => {
    server = await startRtspServer({
      streams: [
        { path: '/pattern', source: { kind: 'pattern', width: 640, height: 360, fps: 10 } },
        {
          path: '/painted',
          source: {
            kind: 'file',
            segments: [{ file: CLIP }],
            paint: true,
            encode: { fps: 10, width: 640, height: 360 },
          },
        },
        {
          path: '/file',
          source: {
            kind: 'file',
            segments: [{ file: CLIP }],
            allowBlack: true,
            encode: { fps: 10, width: 320, height: 180 },
          },
        },
        {
          path: '/scenes',
          source: {
            kind: 'file',
            scenes: {
              dark: [{ pattern: 'black', forS: 1, label: 'dark' }],
              light: [{ pattern: 'white', forS: 1, label: 'light' }],
            },
            encode: { fps: 10, width: 320, height: 240 },
          },
        },
      ],
    });
  }, 120_000);

  afterAll(async () => {
    await server.stop();
  });

  it('paints a counter and the wall clock that survive encoding and scaling', async () => {
    const span = async (): Promise<number> => {
      const seen = strips(await pictures(server.url('/pattern'), 480, 270, 15), 480, 270);
      expect(seen.length).toBe(15);
      for (const [i, strip] of seen.entries()) {
        expect(strip.counter).toBe((seen[0]?.counter ?? 0) + i);
        expect(Math.abs(Date.now() - strip.wallMs)).toBeLessThan(60_000);
      }
      return (seen[14]?.wallMs ?? 0) - (seen[0]?.wallMs ?? 0);
    };
    // A server that stood still paints at once what it should have painted meanwhile.
    let spanMs = await span();
    for (let again = 0; again < 10 && spanMs <= 1_000; again++) spanMs = await span();
    expect(spanMs).toBeGreaterThan(1_000);
  }, 120_000);

  it('paints into recorded footage too', async () => {
    const seen = strips(await pictures(server.url('/painted'), 640, 360, 15), 640, 360);
    expect(seen.length).toBe(15);
  });

  it('switches scenes when told, and says when each began', async () => {
    const mean = async (): Promise<number> => {
      const [, picture = Buffer.alloc(1)] = await pictures(server.url('/scenes'), 320, 240, 2);
      return picture.reduce((sum, value) => sum + value, 0) / picture.length;
    };
    expect(await mean()).toBeLessThan(30);
    const light = new Promise((resolve) => server.onSegment((event) => event.label === 'light' && resolve(event)));
    await server.scene('/scenes', 'light');
    expect(await light).toMatchObject({ path: '/scenes', scene: 'light' });
    await expect.poll(mean, { timeout: 60_000 }).toBeGreaterThan(200);
  });

  it('freezes, blackens and damages pictures, and drops clients', async () => {
    const look = (count: number): Promise<Buffer[]> => pictures(server.url('/file'), 320, 180, count);
    const moves = (seen: Buffer[]): boolean => seen.slice(2).some((picture, i) => !seen[i + 1]?.equals(picture));
    // Pictures from before may still be on their way.
    const SLOW = { timeout: 60_000 };
    await expect.poll(async () => moves(await look(12)), SLOW).toBe(true);
    await server.freeze('/file', true);
    await expect.poll(async () => moves(await look(12)), SLOW).toBe(false);
    await server.freeze('/file', false);
    await server.black('/file', true);
    await expect.poll(async () => Math.max(...((await look(3))[2] ?? [255])), SLOW).toBeLessThan(30);
    await server.black('/file', false);
    await server.corrupt('/file', 3);

    let ended = false;
    const cutOff = look(1_000).finally(() => {
      ended = true;
    });
    // A client that is cut off while it connects may try again.
    const cut = async (): Promise<boolean> => {
      await server.disconnect();
      return ended;
    };
    await expect.poll(cut, { timeout: 60_000, interval: 500 }).toBe(true);
    expect((await cutOff).length).toBeLessThan(1_000);
    await expect.poll(() => server.clients(), SLOW).toBe(0);
  }, 300_000);

  it('refuses a command that it does not know how to do', async () => {
    await expect(server.scene('/scenes', 'nowhere')).rejects.toThrow('nowhere');
  });

  it('comes back on the same port after it was killed', async () => {
    const port = server.port;
    await server.kill();
    await server.restart();
    expect(server.port).toBe(port);
    expect((await pictures(server.url('/pattern'), 320, 180, 2)).length).toBe(2);
  });
});
