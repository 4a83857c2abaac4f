/** Reads what banksman needs from an H.264 byte stream (ITU-T H.264, Annex B). Never throws on damage. */

export interface Sps {
  profileIdc: number;
  profile: string;
  /** As people write it: `3.1`. */
  level: string;
  /** Pixels of the display picture, cropping applied; not rotated, square pixels assumed. */
  width: number;
  height: number;
  /** Luma from 0 to 255 instead of 16 to 235 (`video_full_range_flag`). */
  fullRange: boolean;
  /** `matrix_coefficients` (1: BT.709, 5 and 6: BT.601), null when not said. */
  matrix: number | null;
  /** From VUI timing, null when not said. */
  fps: number | null;
  /** `max_num_reorder_frames`, or what the profile implies; null when neither says. */
  reorderDepth: number | null;
}

export type PictureKind = 'key' | 'delta' | 'none';

/** NAL unit types. */
export const NAL = Object.freeze({ slice: 1, partitionA: 2, idr: 5, sei: 6, sps: 7, pps: 8, delimiter: 9 });

/** NAL units of an access unit without start codes, as views. */
export function* nalUnits(unit: Buffer): Generator<Buffer> {
  let begin = -1;
  let at = unit.indexOf(START);
  while (at >= 0) {
    if (begin >= 0) yield trimmed(unit, begin, at);
    begin = at + START.length;
    at = unit.indexOf(START, begin);
  }
  if (begin >= 0 && begin < unit.length) yield trimmed(unit, begin, unit.length);
}

const START = Buffer.from([0, 0, 1]);

/** A four-byte start code's first zero, and trailing zeros, belong to no NAL unit. */
function trimmed(unit: Buffer, begin: number, end: number): Buffer {
  let last = end;
  while (last > begin && unit[last - 1] === 0) last--;
  return unit.subarray(begin, last);
}

export function nalType(nal: Uint8Array): number {
  return (nal[0] ?? 0) & 0x1f;
}

/**
 * Whether decoding can start at this access unit, by its slices rather than by flags, which some
 * cameras never set. `none`: no slice in it, as where parameter sets travel alone.
 */
export function pictureKind(unit: Buffer): PictureKind {
  for (const nal of nalUnits(unit)) {
    const type = nalType(nal);
    if (type === NAL.idr) return 'key';
    if (type === NAL.slice || type === NAL.partitionA) return 'delta';
  }
  return 'none';
}

/** Whether the first slice is bidirectional (slice type B, clause 7.4.3). */
export function isBidirectional(unit: Buffer): boolean {
  for (const nal of nalUnits(unit)) {
    if (nalType(nal) !== NAL.slice) continue;
    const bits = new Bits(withoutEmulation(nal.subarray(1, 12)));
    bits.ue();
    return bits.ue() % 5 === 1;
  }
  return false;
}

/** The first readable sequence parameter set of an access unit. */
export function findSps(unit: Buffer): Sps | null {
  for (const nal of nalUnits(unit)) {
    if (nalType(nal) === NAL.sps) return parseSps(nal);
  }
  return null;
}

export interface ParameterSets {
  sps: Buffer;
  width: number;
  height: number;
  /** Sequence and picture parameter sets in the order in which they came, each once, as views. */
  nals: Buffer[];
}

/** What a decoder must know of the pictures of an access unit; null when the unit does not say it. */
export function findParameterSets(unit: Buffer): ParameterSets | null {
  const nals: Buffer[] = [];
  let found: Omit<ParameterSets, 'nals'> | null = null;
  for (const nal of nalUnits(unit)) {
    const type = nalType(nal);
    // A camera's own stand beside those that a parser puts in.
    const isNew = (type === NAL.sps || type === NAL.pps) && !nals.some((known) => known.equals(nal));
    if (isNew) nals.push(nal);
    if (type !== NAL.sps || found !== null) continue;
    const sps = parseSps(nal);
    if (sps) found = { sps: nal, width: sps.width, height: sps.height };
  }
  return found && { ...found, nals };
}

/** @param nal with its header byte. @returns null when it is cut short or makes no sense. */
export function parseSps(nal: Uint8Array): Sps | null {
  if (nalType(nal) !== NAL.sps || nal.length < 4) return null;
  try {
    return readSps(new Bits(withoutEmulation(nal.subarray(1))));
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** From `profile_idc` and the constraint flags byte (Annex A.2). */
export function profileName(idc: number, constraints: number): string {
  const constrained = (constraints & 0x40) !== 0;
  if (idc === 66) return constrained ? 'Constrained Baseline' : 'Baseline';
  if (idc === 100 && (constraints & 0x0c) === 0x0c) return 'Constrained High';
  return PROFILES.get(idc) ?? `profile ${idc}`;
}

const PROFILES: ReadonlyMap<number, string> = new Map([
  [77, 'Main'],
  [88, 'Extended'],
  [100, 'High'],
  [110, 'High 10'],
  [122, 'High 4:2:2'],
  [244, 'High 4:4:4 Predictive'],
  [44, 'CAVLC 4:4:4 Intra'],
]);
const HIGH_PROFILES: readonly number[] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
const MAX_SIDE_PX = 16_384;

/** Clause 7.3.2.1.1. */
function readSps(bits: Bits): Sps | null {
  const profileIdc = bits.u(8);
  const constraints = bits.u(8);
  const levelIdc = bits.u(8);
  bits.ue();
  let chroma = 1;
  if (HIGH_PROFILES.includes(profileIdc)) {
    chroma = bits.ue();
    if (chroma === 3) bits.u(1);
    bits.ue();
    bits.ue();
    bits.u(1);
    if (bits.u(1) === 1) skipScalingMatrix(bits, chroma === 3 ? 12 : 8);
  }
  bits.ue();
  const orderType = bits.ue();
  if (orderType === 0) bits.ue();
  else if (orderType === 1) {
    bits.u(1);
    bits.ue();
    bits.ue();
    const cycle = bits.ue();
    if (cycle > 255) return null;
    for (let i = 0; i < cycle; i++) bits.ue();
  }
  bits.ue();
  bits.u(1);
  const widthMbs = bits.ue() + 1;
  const heightUnits = bits.ue() + 1;
  const framesOnly = bits.u(1);
  if (framesOnly === 0) bits.u(1);
  bits.u(1);
  const crop = [0, 0, 0, 0];
  if (bits.u(1) === 1) for (let i = 0; i < 4; i++) crop[i] = bits.ue();
  const [left = 0, right = 0, top = 0, bottom = 0] = crop;
  const cropX = chroma === 1 || chroma === 2 ? 2 : 1;
  const cropY = (chroma === 1 ? 2 : 1) * (2 - framesOnly);
  const width = widthMbs * 16 - (left + right) * cropX;
  const height = heightUnits * 16 * (2 - framesOnly) - (top + bottom) * cropY;
  if (!(width > 0 && height > 0 && width <= MAX_SIDE_PX && height <= MAX_SIDE_PX)) return null;
  const vui = readVuiOrNothing(bits);
  const implied = profileIdc === 66 || orderType === 2 ? 0 : null;
  return {
    profileIdc,
    profile: profileName(profileIdc, constraints),
    level: levelText(levelIdc),
    width,
    height,
    fullRange: vui.fullRange,
    matrix: vui.matrix,
    fps: vui.fps,
    reorderDepth: vui.reorderDepth ?? implied,
  };
}

export function levelText(idc: number): string {
  return idc === 9 ? '1b' : `${Math.floor(idc / 10)}.${idc % 10}`;
}

/** Size comes before the VUI: a cut VUI must not cost it. */
function readVuiOrNothing(bits: Bits): Vui {
  try {
    if (bits.u(1) === 1) return readVui(bits);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return { fullRange: false, matrix: null, fps: null, reorderDepth: null };
}

type Vui = Pick<Sps, 'fullRange' | 'matrix' | 'fps' | 'reorderDepth'>;
const UNSPECIFIED_MATRIX = 2;

/** Annex E.1.1. */
function readVui(bits: Bits): Vui {
  const ASPECT_EXTENDED = 255;
  if (bits.u(1) === 1 && bits.u(8) === ASPECT_EXTENDED) bits.u(32);
  if (bits.u(1) === 1) bits.u(1);
  let fullRange = false;
  let matrix: number | null = null;
  if (bits.u(1) === 1) {
    bits.u(3);
    fullRange = bits.u(1) === 1;
    if (bits.u(1) === 1) {
      bits.u(16);
      const said = bits.u(8);
      matrix = said === UNSPECIFIED_MATRIX ? null : said;
    }
  }
  if (bits.u(1) === 1) {
    bits.ue();
    bits.ue();
  }
  let fps: number | null = null;
  if (bits.u(1) === 1) {
    const tick = bits.u(32);
    const scale = bits.u(32);
    bits.u(1);
    // Two ticks a frame.
    const rate = tick > 0 ? scale / (2 * tick) : 0;
    fps = rate > 0 && rate <= 480 ? rate : null;
  }
  const nalHrd = bits.u(1);
  if (nalHrd === 1) skipHrd(bits);
  const vclHrd = bits.u(1);
  if (vclHrd === 1) skipHrd(bits);
  if (nalHrd === 1 || vclHrd === 1) bits.u(1);
  bits.u(1);
  if (bits.u(1) === 0) return { fullRange, matrix, fps, reorderDepth: null };
  bits.u(1);
  bits.ue();
  bits.ue();
  bits.ue();
  bits.ue();
  const depth = bits.ue();
  return { fullRange, matrix, fps, reorderDepth: depth <= 16 ? depth : null };
}

function skipHrd(bits: Bits): void {
  const count = Math.min(bits.ue(), 31) + 1;
  bits.u(8);
  for (let i = 0; i < count; i++) {
    bits.ue();
    bits.ue();
    bits.u(1);
  }
  bits.u(20);
}

function skipScalingMatrix(bits: Bits, lists: number): void {
  for (let list = 0; list < lists; list++) {
    if (bits.u(1) === 0) continue;
    let last = 8;
    let next = 8;
    for (let i = 0; i < (list < 6 ? 16 : 64); i++) {
      if (next !== 0) next = (last + bits.se() + 256) % 256;
      last = next === 0 ? last : next;
    }
  }
}

/** Takes out emulation prevention bytes (clause 7.4.1). */
function withoutEmulation(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(data.length);
  let length = 0;
  let zeros = 0;
  for (const byte of data) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    out[length++] = byte;
  }
  return out.subarray(0, length);
}

/** @throws RangeError past the end. */
class Bits {
  readonly #data: Uint8Array;
  #at = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  u(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      const byte = this.#data[this.#at >> 3];
      if (byte === undefined) throw new RangeError('past the end');
      value = value * 2 + ((byte >> (7 - (this.#at & 7))) & 1);
      this.#at++;
    }
    return value;
  }

  /** Exp-Golomb (clause 9.1). */
  ue(): number {
    let zeros = 0;
    while (this.u(1) === 0) {
      if (++zeros > 31) throw new RangeError('not an Exp-Golomb code');
    }
    return 2 ** zeros - 1 + this.u(zeros);
  }

  se(): number {
    const code = this.ue();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }
}
