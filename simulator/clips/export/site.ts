import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PLAN } from '../../world/plan.ts';
import { openTruth, readHeader } from '../truth.ts';
import type { Clip, TruthHeader } from '../types.ts';
import type { ExportOptions } from './coco.ts';

/**
 * What belongs to the site rather than to a picture: `site.json`, the plan and each camera with its homography, and
 * `incidents.json`, what truly happened, whoever saw it. Metres and seconds of the scenario.
 */
export async function exportSite(clips: readonly Clip[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const headers: TruthHeader[] = [];
  for (const { truth } of clips) headers.push(await readHeader(truth));
  const [first] = headers;
  const site = {
    scenario: first?.scenario,
    seed: first?.seed,
    cameras: headers.map(({ camera, frames, homography, conditions, frozen }) => ({
      id: camera.id,
      width: camera.width,
      height: camera.height,
      fps: camera.fps,
      frames,
      position: camera.position,
      look_at: camera.lookAt,
      horizontal_fov_deg: camera.horizontalFovDeg,
      encoder: camera.rate,
      // Rows; (x, y, 1) on the ground to (u·w, v·w, w), u and v 0–1 of the picture of the camera at rest.
      ground_to_picture: [homography.slice(0, 3), homography.slice(3, 6), homography.slice(6)],
      conditions,
      frozen_s: frozen,
    })),
    areas: PLAN.areas,
    lines: PLAN.lines,
  };
  const incidents = (first?.incidents ?? []).map(({ kind, place, startS, endS, actors, direction }) => ({
    kind,
    place,
    start_s: startS,
    end_s: endS,
    actors,
    ...(direction ? { direction } : {}),
  }));
  await put(join(folder, 'site.json'), JSON.stringify(site, null, 2));
  await put(join(folder, 'incidents.json'), JSON.stringify(incidents, null, 2));
}

/** The truth alone: `site.json`, `incidents.json`, and of each camera `<camera>.jsonl`, a line a frame; no pictures. */
export async function exportTruth(
  clips: readonly Clip[],
  folder: string,
  { every = 1, signal }: ExportOptions = {},
): Promise<void> {
  await exportSite(clips, folder);
  for (const { truth } of clips) {
    const { header, frames } = await openTruth(truth);
    const lines: string[] = [];
    for await (const frame of frames) {
      signal?.throwIfAborted();
      if (frame.index % every === 0) lines.push(`${JSON.stringify(frame)}\n`);
    }
    await put(join(folder, `${header.camera.id}.jsonl`), lines.join(''));
  }
}

async function put(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
}
