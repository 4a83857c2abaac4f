/** What is told of one detector on one folder: COCO's numbers, and those that a site is chosen by. */
import {
  atPrecision,
  atScore,
  averagePrecision,
  COCO_IOUS,
  type CocoBox,
  type CocoResult,
  CocoSet,
  cocoStats,
  type OperatingPoint,
  ofHeight,
} from './coco.ts';
import type { CocoFile } from './coco_folder.ts';

export interface ReportOptions {
  /** Heights are told in pixels of a picture this wide, whatever the width of the folder's. */
  widthPx: number;
  /** Smallest height asked about, by class; `*` for the others. Pixels. */
  minHeightPx: Readonly<Record<string, number>>;
  /** What is hidden more than this is not asked about, 0–1. */
  minVisible: number;
  /** The manifest's. */
  threshold: number;
}

export interface ClassReport {
  truth: number;
  ap: number;
  ap50: number;
  /** At the threshold. */
  precision: number;
  recall: number;
}

export interface Report {
  /** COCOeval's names; NaN where there is no truth. */
  coco: Record<string, number>;
  /** Mean of the classes' AP50 in `classes`. */
  map50: number;
  /** The same with what is hidden, too. */
  map50All: number;
  /** From the smallest height up. */
  classes: Record<string, ClassReport>;
  /** At least 48 px tall and half visible: the most found at a precision of 0.95; null where there is none. */
  person: OperatingPoint | null;
  personByHeight: { heightPx: number; truth: number; recall: number }[];
}

const COCO_NAMES = [
  'AP',
  'AP50',
  'AP75',
  'APsmall',
  'APmedium',
  'APlarge',
  'AR1',
  'AR10',
  'AR100',
  'ARsmall',
  'ARmedium',
  'ARlarge',
];
const PERSON = 'person';
const PERSON_MIN_HEIGHT_PX = 48;
const PERSON_MIN_VISIBLE = 0.5;
const PERSON_PRECISION = 0.95;
/** Lower ends; the last is open above. */
const HEIGHTS_PX = [12, 24, 32, 48, 72, 96, 144];

/** @param results boxes in pixels of the folder's pictures */
export function report(file: CocoFile, results: readonly CocoResult[], options: ReportOptions): Report {
  const { widthPx, minHeightPx, minVisible, threshold } = options;
  const images = file.images.map(({ id }) => id);
  const categories = file.categories.map(({ id }) => id);
  const scales = new Map(file.images.map(({ id, width }) => [id, widthPx / width]));
  const scaled = <T extends { image: number; box: CocoBox }>(row: T): T => {
    const scale = scales.get(row.image) ?? 1;
    const [x, y, width, height] = row.box;
    return { ...row, box: [x * scale, y * scale, width * scale, height * scale] };
  };
  const stats = cocoStats(new CocoSet(images, categories, file.truth, results));
  const set = new CocoSet(images, categories, file.truth.map(scaled), results.map(scaled));

  const classes: Record<string, ClassReport> = {};
  const all: number[] = [];
  for (const { id, name } of file.categories) {
    const minHeight = minHeightPx[name] ?? minHeightPx['*'] ?? 0;
    const slice = ofHeight(minHeight, undefined, minVisible);
    const curve = set.curve(id, 0.5, slice);
    if (curve.truth === 0) continue;
    const ap = COCO_IOUS.reduce((sum, iou) => sum + averagePrecision(set.curve(id, iou, slice)), 0) / COCO_IOUS.length;
    const { precision, recall } = atScore(curve, threshold);
    classes[name] = { truth: curve.truth, ap, ap50: averagePrecision(curve), precision, recall };
    all.push(averagePrecision(set.curve(id, 0.5, ofHeight(minHeight))));
  }
  const person = file.categories.find(({ name }) => name === PERSON)?.id;
  const ap50s = Object.values(classes).map(({ ap50 }) => ap50);
  return {
    coco: Object.fromEntries(COCO_NAMES.map((name, index) => [name, stats[index] ?? Number.NaN])),
    map50: mean(ap50s),
    map50All: mean(all),
    classes,
    person:
      person === undefined
        ? null
        : atPrecision(
            set.curve(person, 0.5, ofHeight(PERSON_MIN_HEIGHT_PX, undefined, PERSON_MIN_VISIBLE)),
            PERSON_PRECISION,
          ),
    personByHeight: HEIGHTS_PX.map((heightPx, index) => {
      const curve = set.curve(person ?? -1, 0.5, ofHeight(heightPx, HEIGHTS_PX[index + 1], PERSON_MIN_VISIBLE));
      return { heightPx, truth: curve.truth, recall: atScore(curve, threshold).recall };
    }).filter(({ truth }) => truth > 0),
  };
}

export function printReport(
  name: string,
  found: Report,
  { minHeightPx, minVisible, threshold }: ReportOptions,
): string {
  const number = (value: number): string => (Number.isNaN(value) ? '  -  ' : value.toFixed(3));
  const of = (key: string): string => number(found.coco[key] ?? Number.NaN);
  const width = Math.max(5, ...Object.keys(found.classes).map((key) => key.length));
  const person = found.person;
  return [
    `${name}`,
    `  COCO    AP ${of('AP')}  AP50 ${of('AP50')}  AP75 ${of('AP75')}  small ${of('APsmall')}  medium ${of('APmedium')}  large ${of('APlarge')}  AR ${of('AR100')}`,
    `  asked about: ${Object.entries(minHeightPx)
      .map(([key, value]) => `${key === '*' ? 'others' : key} ≥ ${value} px`)
      .join(', ')}, visible ≥ ${minVisible}; precision and recall at score ${threshold}`,
    `  ${'class'.padEnd(width)}  boxes    AP   AP50  prec.  recall`,
    ...Object.entries(found.classes).map(
      ([key, { truth, ap, ap50, precision, recall }]) =>
        `  ${key.padEnd(width)}  ${String(truth).padStart(5)}  ${[ap, ap50, precision, recall].map(number).join('  ')}`,
    ),
    `  mAP50 ${number(found.map50)} (hidden ones, too: ${number(found.map50All)})`,
    person === null
      ? `  person: no score gives precision ${PERSON_PRECISION}`
      : `  person ≥ ${PERSON_MIN_HEIGHT_PX} px, visible ≥ ${PERSON_MIN_VISIBLE}: recall ${number(person.recall)} at precision ${number(person.precision)} (score ${number(person.score)})`,
    `  person by height: ${found.personByHeight.map(({ heightPx, truth, recall }) => `${heightPx}: ${recall.toFixed(2)} of ${truth}`).join('  ')}`,
  ].join('\n');
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}
