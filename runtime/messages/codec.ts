import { BanksmanError } from '../errors.ts';
import type { Box, FrameMeta, Purpose } from './types.ts';

/** Of JSON values on topics. */
export function encodeJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

const PURPOSES: readonly string[] = ['live', 'catchup', 'heartbeat', 'shadow'] satisfies Purpose[];

/** Frame metadata as headers: pixels never meet JSON. */
export function encodeFrameHeaders(meta: FrameMeta): Record<string, string> {
  return {
    site: meta.site,
    camera: meta.camera,
    epoch: String(meta.epoch),
    runId: meta.runId,
    seq: String(meta.seq),
    captureTime: meta.captureTime,
    receiveTime: meta.receiveTime,
    captureTimeEstimated: String(meta.captureTimeEstimated),
    purpose: meta.purpose,
    width: String(meta.width),
    height: String(meta.height),
    regions: JSON.stringify(meta.regions),
    parts: JSON.stringify(meta.parts),
  };
}

/** @throws BanksmanError MESSAGE_INVALID naming the header. */
export function decodeFrameHeaders(headers: Readonly<Record<string, string>>): FrameMeta {
  const text = (name: string): string => {
    const value = headers[name];
    if (value === undefined) throw invalid(`header ${name} is missing`);
    return value;
  };
  const count = (name: string): number => {
    const value = Number(text(name));
    if (!Number.isSafeInteger(value) || value < 0) throw invalid(`header ${name} is not a whole number`);
    return value;
  };
  const time = (name: string): string => {
    const value = text(name);
    if (Number.isNaN(Date.parse(value))) throw invalid(`header ${name} is not a time`);
    return value;
  };
  const purpose = text('purpose');
  if (!isPurpose(purpose)) throw invalid('header purpose is unknown');
  return {
    site: text('site'),
    camera: text('camera'),
    epoch: count('epoch'),
    runId: text('runId'),
    seq: count('seq'),
    captureTime: time('captureTime'),
    receiveTime: time('receiveTime'),
    captureTimeEstimated: headers['captureTimeEstimated'] === 'true',
    purpose,
    width: count('width'),
    height: count('height'),
    regions: parseRegions(headers['regions'] ?? '[]'),
    parts: parseParts(text('parts')),
  };
}

/**
 * The JPEGs of a frame's value: the full picture first, then one a region. Views, not copies.
 * @throws BanksmanError MESSAGE_INVALID when the lengths do not add up.
 */
export function splitFrame(meta: FrameMeta, value: Buffer): Buffer[] {
  const pictures: Buffer[] = [];
  let at = 0;
  for (const length of meta.parts) {
    pictures.push(value.subarray(at, at + length));
    at += length;
  }
  if (at !== value.length || pictures.length !== meta.regions.length + 1) {
    throw invalid(
      `frame of ${value.length} bytes with parts ${meta.parts.join('+')} and ${meta.regions.length} regions`,
    );
  }
  return pictures;
}

function isPurpose(text: string): text is Purpose {
  return PURPOSES.includes(text);
}

function parseParts(json: string): number[] {
  const parts = parseArray(json, 'parts');
  const lengths = parts.filter((part): part is number => Number.isSafeInteger(part) && Number(part) >= 0);
  if (lengths.length !== parts.length || lengths.length === 0) throw invalid('header parts is not a list of lengths');
  return lengths;
}

function parseRegions(json: string): Box[] {
  return parseArray(json, 'regions').map((region) => {
    if (!Array.isArray(region) || region.length !== 4) throw invalid('header regions is not a list of boxes');
    const [x1, y1, x2, y2] = region.map(Number);
    if (x1 === undefined || y1 === undefined || x2 === undefined || y2 === undefined) throw invalid('header regions');
    if (!(x1 < x2 && y1 < y2)) throw invalid('header regions holds an empty box');
    return [x1, y1, x2, y2];
  });
}

function parseArray(json: string, name: string): unknown[] {
  try {
    const value: unknown = JSON.parse(json);
    if (Array.isArray(value)) return value;
  } catch {
    // said below
  }
  throw invalid(`header ${name} is not a JSON array`);
}

function invalid(message: string): BanksmanError {
  return new BanksmanError('MESSAGE_INVALID', { message });
}
