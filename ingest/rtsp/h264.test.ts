import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { findSps, isBidirectional, nalType, nalUnits, parseSps, pictureKind } from './h264.ts';

/** A short stream of a real encoder as one byte stream. */
function encoded(caps: string, encoder: string, profile: string, frames = 10): Buffer {
  const launch = `videotestsrc num-buffers=${frames} ! video/x-raw,format=I420,${caps} ! x264enc threads=1 ${encoder} ! video/x-h264,profile=${profile},stream-format=byte-stream ! fdsink fd=1`;
  return execFileSync('gst-launch-1.0', ['-q', ...launch.split(' ')], { maxBuffer: 64 * 1024 * 1024 });
}

describe('parameter sets of a real encoder', () => {
  it.each([
    [
      'width=640,height=360,framerate=10/1',
      'tune=zerolatency',
      'constrained-baseline',
      'Constrained Baseline',
      640,
      360,
      10,
      false,
    ],
    ['width=1920,height=1080,framerate=25/1', 'tune=zerolatency', 'main', 'Main', 1920, 1080, 25, false],
    ['width=768,height=432,framerate=30000/1001', 'bframes=2 b-adapt=false', 'high', 'High', 768, 432, 29.97, true],
    ['width=354,height=290,framerate=5/1', 'tune=zerolatency', 'high', 'High', 354, 290, 5, false],
  ])('%s %s', (caps, encoder, asked, profile, width, height, fps, reorders) => {
    const stream = encoded(caps, encoder, asked);
    const sps = findSps(stream);
    expect(sps).toMatchObject({ profile, width, height });
    expect(sps?.fps).toBeCloseTo(fps, 2);
    expect((sps?.reorderDepth ?? -1) > 0).toBe(reorders);
    const slices = [...nalUnits(stream)].filter((nal) => [1, 5].includes(nalType(nal)));
    expect(slices.length).toBe(10);
    const bidirectional = slices.filter((nal) => isBidirectional(Buffer.concat([Buffer.from([0, 0, 1]), nal])));
    expect(bidirectional.length > 0).toBe(reorders);
  });

  it('makes nothing of a set that is cut short, but keeps the size where only the VUI is', () => {
    const stream = encoded('width=640,height=360,framerate=10/1', 'tune=zerolatency', 'main', 1);
    const sps = [...nalUnits(stream)].find((nal) => nalType(nal) === 7) ?? Buffer.alloc(0);
    for (let length = 0; length < sps.length; length++) {
      const cut = parseSps(sps.subarray(0, length));
      if (cut !== null) expect(cut).toMatchObject({ width: 640, height: 360 });
    }
    expect(parseSps(sps.subarray(0, 5))).toBeNull();
    expect(parseSps(Buffer.alloc(64, 0xff))).toBeNull();
  });
});

describe('access units', () => {
  const unit = (...types: number[]): Buffer =>
    Buffer.concat(types.map((type) => Buffer.from([0, 0, 0, 1, 0x60 | type, 0x88, 0x84, 0x21])));

  it('are keys by their slices, whatever flags say', () => {
    expect(pictureKind(unit(9, 7, 8, 6, 5))).toBe('key');
    expect(pictureKind(unit(9, 1))).toBe('delta');
    expect(pictureKind(unit(7, 8))).toBe('none');
    expect(pictureKind(Buffer.alloc(0))).toBe('none');
    expect(pictureKind(Buffer.from('no start code'))).toBe('none');
  });

  it('come apart at start codes of three and four bytes', () => {
    const nals = [...nalUnits(Buffer.from([0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 3, 0]))];
    expect(nals.map((nal) => [...nal])).toEqual([
      [0x67, 1],
      [0x68, 2],
      [0x65, 3],
    ]);
  });
});
