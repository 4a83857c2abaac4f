import type { CameraModel, Matrix3 } from '../camera.ts';
import type { TruthFrame, TruthObject } from '../truth.ts';
import type { TrueIncident } from '../world/types.ts';
import type { ClipConditions } from './conditions.ts';

/** Everything that a clip's pictures and truth follow from. Its hash names it in the cache. */
export interface ClipSpec {
  scenario: string;
  seed: number;
  camera: CameraModel;
  frames: number;
  /** Instead of what the scenario says. */
  conditions: ClipConditions;
  /** Burnt-in clock. */
  clock: boolean;
  /** Counter strip. */
  strip: boolean;
  /** The picture of the first second stays until the other, as seconds of the scenario; null: never. */
  frozen: readonly [number, number] | null;
}

export interface MadeFrame {
  /** Overwritten by the next one. */
  i420: Buffer;
  /** What is in the picture. */
  objects: readonly TruthObject[];
  /** Where a shaking or turning camera shows what it would at rest; left out while it hangs still. */
  warp?: Matrix3;
}

/** Draws the frames of one clip, in any order. */
export interface FrameMaker {
  frame(index: number): MadeFrame;
}

/** What a module of frame makers exports: worker processes load it by its URL. */
export interface FrameMakerModule {
  makeFrames(spec: ClipSpec): FrameMaker;
}

/** First line of a clip's truth. */
export interface TruthHeader {
  version: 1;
  scenario: string;
  seed: number;
  camera: CameraModel;
  fps: number;
  frames: number;
  /** Ground (x, y, 1) in metres → picture, normalized, of the camera at rest. */
  homography: Matrix3;
  conditions: ClipConditions;
  frozen: readonly [number, number] | null;
  /** On the whole site, whoever sees them. */
  incidents: readonly TrueIncident[];
}

/** The other lines, one a frame. */
export interface ClipTruthFrame extends TruthFrame {
  warp?: Matrix3;
}

/** A clip in the cache. */
export interface Clip {
  spec: ClipSpec;
  /** Access units, as the RTSP server plays them. */
  units: string;
  /** JSON lines: a TruthHeader, then a ClipTruthFrame a frame. */
  truth: string;
}
