import type { ModelManifest } from '../../models/manifest.ts';
import type { ErrorCode } from '../../runtime/errors.ts';
import type { Box } from '../../runtime/messages/types.ts';

/** A model for a worker to load. */
export interface ModelFile {
  readonly manifest: ModelManifest;
  readonly path: string;
}

/** One frame to look at. */
export interface LookRequest {
  /** Id of a loaded model. */
  readonly model: string;
  /** JPEGs: the full picture, then one a region. Their memory is given away. */
  readonly pictures: readonly Uint8Array<ArrayBuffer>[];
  readonly regions: readonly Box[];
  /** Lowest score that is reported. */
  readonly floor: number;
}

export interface LookResult {
  /** Packed as BOX_FIELDS says, in full-picture coordinates, best first. */
  readonly boxes: Float32Array<ArrayBuffer>;
  /** Of each run of the network, seconds. */
  readonly inferenceSeconds: readonly number[];
}

export type ToWorker =
  | { readonly type: 'load'; readonly model: ModelFile }
  | ({ readonly type: 'look'; readonly job: number } & LookRequest)
  /** The thread is to end, between two looks. */
  | { readonly type: 'end' };

export type FromWorker =
  | { readonly type: 'loaded'; readonly model: string; readonly sha256: string }
  | {
      readonly type: 'refused';
      readonly model: string;
      readonly code: ErrorCode;
      readonly message: string;
      readonly where: string | undefined;
    }
  | ({ readonly type: 'looked'; readonly job: number } & LookResult)
  | { readonly type: 'unreadable'; readonly job: number; readonly message: string };
