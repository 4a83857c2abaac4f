import { InferenceSession, Tensor } from 'onnxruntime-node';
import { BanksmanError } from '../runtime/errors.ts';
import type { ModelManifest } from './manifest.ts';
import { readWeights } from './weights.ts';

/** One output of a run: row-major. */
export interface RawOutput {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** An input or output as the model file declares it; a symbolic dimension is its name. */
export interface Signature {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

/** What a family says about the files that it can run. */
export interface SignatureCheck {
  /** @returns what does not fit, for people; null when all is as the family expects. */
  mismatch(
    inputs: readonly Signature[],
    outputs: readonly Signature[],
    input: { width: number; height: number },
    classes: number,
  ): string | null;
}

/** A model ready to run, checked. */
export interface ModelSession {
  readonly sha256: string;
  /** Planar, 3 × height × width; fill it, then `run`. Reused from run to run. */
  readonly input: Float32Array;
  /** Blocks its thread while the network runs. The outputs are overwritten by the next run. */
  run(): Promise<Readonly<Record<string, RawOutput>>>;
  release(): Promise<void>;
}

/** One thread that sleeps when idle: workers are the parallelism, and other cameras need the core. */
const SESSION_OPTIONS: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  logSeverityLevel: 3,
  extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
};

/**
 * Loads and checks a model: checksum, format, signature against its family, one warm-up run.
 * A session created and released over and over leaks: open once.
 * @throws BanksmanError MODEL_NOT_PULLED, MODEL_NOT_ONNX, MODEL_CHECKSUM_MISMATCH, MODEL_SIGNATURE_MISMATCH
 */
export async function openModel(manifest: ModelManifest, path: string, family: SignatureCheck): Promise<ModelSession> {
  const { bytes, sha256 } = await readWeights(manifest, path);
  const session = await InferenceSession.create(bytes, SESSION_OPTIONS).catch((cause: unknown) => {
    throw new BanksmanError('MODEL_NOT_ONNX', { where: path, cause });
  });
  const inputs = session.inputMetadata.map(toSignature);
  const outputs = session.outputMetadata.map(toSignature);
  const mismatched = (message: string, cause?: unknown): BanksmanError =>
    new BanksmanError('MODEL_SIGNATURE_MISMATCH', { where: path, message: `${manifest.id}: ${message}`, cause });
  const wrong = family.mismatch(inputs, outputs, manifest.input, manifest.labels.length);
  const inputName = inputs[0]?.name;
  if (wrong !== null || inputName === undefined) {
    await session.release();
    throw mismatched(wrong ?? 'no input');
  }

  const { width, height } = manifest.input;
  const input = new Float32Array(3 * width * height);
  const feeds = { [inputName]: new Tensor('float32', input, [1, 3, height, width]) };
  const raw: Record<string, RawOutput> = {};
  const first = await session.run(feeds).catch((cause: unknown) => {
    throw mismatched('the warm-up run failed', cause);
  });
  // The outputs of the warm-up are those of every later run: no megabyte of garbage a picture.
  for (const [name, { dims, data }] of Object.entries(first)) {
    if (!(data instanceof Float32Array)) throw mismatched(`output ${name} is not float32`);
    raw[name] = { dims, data };
  }
  return {
    sha256,
    input,
    async run() {
      await session.run(feeds, first);
      return raw;
    },
    release: () => session.release(),
  };
}

function toSignature(value: InferenceSession.ValueMetadata): Signature {
  return value.isTensor
    ? { name: value.name, type: value.type, shape: value.shape }
    : { name: value.name, type: 'no tensor', shape: [] };
}
