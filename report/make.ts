/** From what was gathered to a page with its pictures, a bounded number of them, one in work at a time. */
import type { ObjectReader } from '../runtime/stores/objects/types.ts';
import type { StateReader } from '../runtime/stores/state/types.ts';
import type { Gathered } from './figures.ts';
import { density } from './heat.ts';
import type { IncidentFile } from './incident.ts';
import { incidentPage } from './incident_page.ts';
import type { Calendar } from './period.ts';
import { periodPage } from './period_page.ts';
import type { HeatFigure } from './period_pictures.ts';
import { heatPicture, type Picture, smallPicture } from './pictures.ts';

/** Cameras with a heat map, the worst first. */
const MAX_HEAT = 12;
const SMALL_PX = 640;
const LARGE_PX = 1120;

export interface MakeDeps {
  state: StateReader;
  objects: ObjectReader;
  calendar: Calendar;
  version: string;
}

/** @param leftOut pictures of evidence are not wanted. */
export async function makePeriodPage(gathered: Gathered, deps: MakeDeps, leftOut: boolean): Promise<string> {
  const { objects, calendar, version } = deps;
  const { figures } = gathered;
  const maps = figures.incidents.heat.slice(0, MAX_HEAT);
  // One scale for all of them, or a quiet camera would glow like a busy one.
  const hottest = Math.max(1, ...maps.map((map) => density(map).reduce((most, value) => Math.max(most, value), 0)));
  const heat: HeatFigure[] = [];
  for (const map of maps) {
    const backdrop = await backdropOf(map.camera, gathered, deps);
    const picture = await heatPicture(map, backdrop, hottest, SMALL_PX);
    heat.push({ map, picture, hasBackdrop: backdrop !== undefined });
  }
  const gravest = [];
  for (const incident of gathered.gravest) {
    const key = keyOf(incident.evidence, 'annotated') ?? keyOf(incident.evidence, 'snapshot');
    const picture = key === undefined ? undefined : await smallPicture(objects, key, SMALL_PX);
    gravest.push({ incident, picture });
  }
  return periodPage(figures, { heat, hottest, gravest, leftOut }, calendar, version);
}

export async function makeIncidentPage(file: IncidentFile, deps: MakeDeps, now: number): Promise<string> {
  const picture = async (kind: 'annotated' | 'snapshot'): Promise<Picture | undefined> => {
    const key = keyOf(file.incident.evidence, kind);
    return key === undefined ? undefined : smallPicture(deps.objects, key, LARGE_PX);
  };
  const pictures = { annotated: await picture('annotated'), snapshot: await picture('snapshot') };
  return incidentPage(file, pictures, deps.calendar, { now, version: deps.version });
}

/** A picture of evidence, else the last one that the state store has. */
async function backdropOf(
  camera: string,
  { backdrops, figures }: Gathered,
  deps: MakeDeps,
): Promise<Buffer | undefined> {
  const key = backdrops.get(camera);
  const stored = key === undefined ? undefined : await deps.objects.get(key);
  return stored ?? (await deps.state.picture(figures.site, camera))?.jpeg;
}

function keyOf(evidence: readonly { kind: string; key: string }[], kind: string): string | undefined {
  return evidence.find((item) => item.kind === kind)?.key;
}
