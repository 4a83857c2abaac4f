import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { BanksmanError } from '../runtime/errors.ts';
import type { ModelManifest } from './manifest.ts';

/** Every exporter writes the format version first: field 1, a varint. */
const ONNX_FIRST_BYTE = 0x08;

/** Weights that are those of the manifest, and which of the accepted ones. */
export interface Weights {
  readonly bytes: Buffer;
  readonly sha256: string;
}

/**
 * Reads a weights file once, so that what was checked is what is loaded.
 * @throws BanksmanError MODEL_NOT_PULLED, MODEL_NOT_ONNX, MODEL_CHECKSUM_MISMATCH
 */
export async function readWeights(manifest: ModelManifest, path: string): Promise<Weights> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new BanksmanError('MODEL_NOT_PULLED', {
      where: path,
      message: `the weights of ${manifest.id} are not on this machine`,
      mend: `banksman models pull ${manifest.id}`,
      cause,
    });
  }
  return { bytes, sha256: verifyWeights(manifest, bytes, path) };
}

/**
 * @returns the sha256 of bytes that the manifest accepts
 * @throws BanksmanError MODEL_NOT_ONNX when it looks like another kind of file, else MODEL_CHECKSUM_MISMATCH
 */
export function verifyWeights(manifest: ModelManifest, bytes: Buffer, where: string): string {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (manifest.weights.some((accepted) => accepted.sha256 === sha256)) return sha256;
  const looksLike = otherKind(bytes);
  if (looksLike !== null) {
    throw new BanksmanError('MODEL_NOT_ONNX', { where, message: `the weights file of ${manifest.id} is ${looksLike}` });
  }
  throw new BanksmanError('MODEL_CHECKSUM_MISMATCH', {
    where,
    message: `the weights file of ${manifest.id} has sha256 ${sha256} (${bytes.length} bytes), which the manifest does not list`,
  });
}

function otherKind(bytes: Buffer): string | null {
  const head = bytes.subarray(0, 512).toString('latin1').trimStart();
  if (bytes.length === 0) return 'empty';
  if (head.startsWith('<')) return 'an HTML or XML page';
  if (head.startsWith('version https://git-lfs')) return 'a Git LFS pointer';
  if (bytes[0] !== ONNX_FIRST_BYTE) return 'not an ONNX file';
  return null;
}
