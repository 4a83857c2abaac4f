import { describe, expect, it } from 'vitest';
import { GDP_HEADER_BYTES } from './gdp.ts';
import { UnitAssembler } from './source.ts';

const START = Buffer.from([0, 0, 0, 1]);
const nal = (...bytes: number[]): Buffer => Buffer.concat([START, Buffer.from(bytes)]);
const SPS = nal(0x67, 0x42, 0x00, 0x0a);
const IDR = nal(0x65, 0x88, 0x84);
const DELTA = nal(0x41, 0x9a, 0x02);

function packet(payload: Buffer, ptsMs = 0, discont = false): Buffer {
  const header = Buffer.alloc(GDP_HEADER_BYTES);
  header.writeUInt16BE(1, 4);
  header.writeUInt32BE(payload.length, 6);
  header.writeBigUInt64BE(BigInt(ptsMs) * 1_000_000n, 10);
  header.writeUInt16BE(discont ? 0x40 : 0, 42);
  return Buffer.concat([header, payload]);
}

describe('access units', () => {
  it('are damaged from a loss to the next key picture', () => {
    const assembler = new UnitAssembler();
    const damaged = [
      packet(DELTA),
      packet(IDR, 40, true),
      packet(DELTA, 80),
      packet(DELTA, 120, true),
      packet(DELTA, 160),
      packet(IDR, 200),
      packet(DELTA, 240),
    ].map((each) => assembler.add(each, 0)?.damaged);
    expect(damaged).toEqual([true, false, false, true, true, false, false]);
  });

  it('carry parameter sets that came by themselves', () => {
    const assembler = new UnitAssembler();
    expect(assembler.add(packet(SPS), 5)).toBeNull();
    const unit = assembler.add(packet(IDR, 40), 7);
    expect(unit?.data).toEqual(Buffer.concat([SPS, IDR]));
    expect(unit).toMatchObject({ key: true, ptsMs: 40, arrivalMs: 7 });
  });

  it('pass over what is no packet', () => {
    expect(new UnitAssembler().add(Buffer.alloc(20), 0)).toBeNull();
  });
});
