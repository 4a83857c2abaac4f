/** What is drawn on the picture of an incident. */
import type { CameraRecord, Incident, Timestamp } from '../../runtime/messages/types.ts';
import type { AnnotatedBox, Annotation } from './annotate.ts';
import type { RecordDetection } from './record.ts';

/** Two boxes of one object on one frame are equal but for rounding. */
const SAME_BOX = 0.002;

/**
 * @param camera as configured now; without it zone and line are not drawn.
 * @param detections of this frame; null: the peak's box stands alone.
 */
export function annotationOf(
  incident: Incident,
  captureTime: Timestamp,
  camera: CameraRecord | undefined,
  detections: readonly RecordDetection[] | null,
): Annotation {
  const { zone, line, direction, severity } = incident;
  const polygon = zone === null ? undefined : camera?.zones[zone];
  const points = line === null ? undefined : camera?.lines[line];
  return {
    severity,
    boxes: boxesOf(incident, detections),
    zone: zone !== null && polygon ? { name: zone, polygon } : null,
    line: line !== null && points ? { name: line, points, direction } : null,
    title: `${incident.rule} · ${incident.camera}`,
    facts: factsOf(incident),
    time: `${captureTime.replace('T', ' ').replace('Z', '')} UTC`,
  };
}

function boxesOf({ peak, tracks }: Incident, detections: readonly RecordDetection[] | null): AnnotatedBox[] {
  // The rest of a model's eighty classes would only draw the eye away.
  const classes = new Set(tracks.map((track) => track.class));
  const boxes: AnnotatedBox[] = (detections ?? [])
    .filter(({ subject, tentative, class: name }) => subject || (!tentative && classes.has(name)))
    .map(({ box, class: name, score, subject }) => ({
      box,
      label: subject ? labelOf(name, score) : null,
      role: subject ? 'subject' : 'other',
    }));
  const { box } = peak;
  const covered = boxes.some(
    (one) => one.role === 'subject' && one.box.every((value, i) => Math.abs(value - (box?.[i] ?? 0)) <= SAME_BOX),
  );
  if (box && !covered) {
    const [only, ...others] = tracks;
    boxes.push({ box, label: only && others.length === 0 ? labelOf(only.class, only.score) : null, role: 'subject' });
  }
  return boxes;
}

function labelOf(name: string, score: number): string {
  return `${name} ${score.toFixed(2)}`;
}

function factsOf({ severity, zone, line, direction, peopleMax, model, id, type }: Incident): string {
  const place =
    line !== null ? `line ${line}${direction === null ? '' : ` ${direction}`}` : `zone ${zone ?? 'whole picture'}`;
  return [
    severity,
    ...(type === 'camera_offline' ? ['camera offline, last picture'] : [place]),
    ...(peopleMax > 0 ? [`${peopleMax} ${peopleMax === 1 ? 'person' : 'people'}`] : []),
    ...(model ? [`${model.id} ${model.sha256.slice(0, 8)}`] : []),
    `incident ${id.slice(0, 12)}`,
  ].join(' · ');
}
