import type { ModelManifest } from '../../models/manifest.ts';
import type { Delivery } from '../../runtime/bus/types.ts';
import type { Box, Detection, Detections, FrameMeta, ModelRef } from '../../runtime/messages/types.ts';
import { BOX_FIELDS } from './families/candidates.ts';

/** Packed boxes as detections, with their class names. Finer digits than a pixel of a 4K picture are noise. */
export function toDetections(boxes: Float32Array, labels: readonly string[]): Detection[] {
  const detections: Detection[] = [];
  for (let at = 0; at < boxes.length; at += BOX_FIELDS) {
    const label = labels[boxes[at + 5] ?? -1];
    if (label === undefined) continue;
    const corner = (index: number): number => Math.round((boxes[at + index] ?? 0) * 1e5) / 1e5;
    const box: Box = [corner(0), corner(1), corner(2), corner(3)];
    if (box[0] >= box[2] || box[1] >= box[3]) continue;
    detections.push({ class: label, score: Math.round((boxes[at + 4] ?? 0) * 1e4) / 1e4, box });
  }
  return detections;
}

/** The record of a published frame. */
export function toRecord(
  { parts: _parts, ...meta }: FrameMeta,
  frame: Pick<Delivery, 'topic' | 'partition' | 'offset'>,
  model: ModelRef,
  outcome: { boxes: Detection[] } | { shed: string },
): Detections {
  const { topic, partition, offset } = frame;
  return {
    ...meta,
    frame: { topic, partition, offset: String(offset) },
    model,
    boxes: 'boxes' in outcome ? outcome.boxes : [],
    shed: 'shed' in outcome ? outcome.shed : null,
  };
}

/** @param sha256 undefined while the model is not loaded */
export function modelRef(id: string, manifest: ModelManifest | undefined, sha256: string | undefined): ModelRef {
  return { id, sha256: sha256 ?? manifest?.weights[0]?.sha256 ?? '' };
}
