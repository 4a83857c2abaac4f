import { camera } from './camera.ts';
import { fleet } from './fleet.ts';
import { type Board, build } from './frame.ts';
import { pipeline } from './pipeline.ts';
import { safety } from './safety.ts';

export const BOARDS: readonly Board[] = [safety, fleet, pipeline, camera];

/** The text of a board's file, as Grafana reads it. */
export function render(board: Board): string {
  return `${JSON.stringify(build(board), null, 2)}\n`;
}
