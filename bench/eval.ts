/**
 * usage: npm run bench -- eval --coco DIR [--model NAME|MANIFEST.yaml]… [--results FILE.json]…
 *          [--models-dir DIR] [--min-height [CLASS=]PX]… [--min-visible 0-1] [--limit N] [--json]
 *
 * Judges detectors on a folder in COCO form (`instances.json`, pictures beside it or under images/), and
 * side by side where more than one is given. Models run through the product's own decoding; `--results`
 * takes boxes in COCO's results form from elsewhere. The weights of a manifest file lie beside it, unless
 * --models-dir says otherwise.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadManifest, type ModelManifest } from '../models/manifest.ts';
import { loadRegistry } from '../models/registry.ts';
import { BOX_FIELDS } from '../processors/detect/families/candidates.ts';
import { Detector } from '../processors/detect/look.ts';
import { BanksmanError } from '../runtime/errors.ts';
import type { CocoResult } from './eval/coco.ts';
import { type CocoFile, picturePath, readCocoResults, readCocoTruth } from './eval/coco_folder.ts';
import { printReport, type Report, type ReportOptions, report } from './eval/report.ts';

const USAGE = `usage: npm run bench -- eval --coco DIR [--model NAME|MANIFEST.yaml]… [--results FILE.json]…
         [--models-dir DIR] [--min-height [CLASS=]PX]… [--min-visible 0-1] [--limit N] [--json]
  --coco         instances.json and the pictures
  --model        a known model, or a manifest file; more than once to compare
  --results      boxes in COCO's results form instead of running a model
  --models-dir   where weights lie (default: as banksman; of a manifest file: beside it)
  --min-height   smallest height asked about in pixels of a picture 960 px wide (default 24, hard-hat=12)
  --min-visible  share in sight: \`visible\` times \`inside\` of an annotation (default 0.25)
  --limit        the first N pictures only`;
/** Below it nothing is kept; the shape of precision and recall lies above. */
const FLOOR = 0.01;
const RESULTS_THRESHOLD = 0.4;
const WIDTH_PX = 960;
/** What a picture of that width must show to be worth judging; a hat is a fifth of its wearer. */
const MIN_HEIGHT_PX = ['24', 'hard-hat=12'];

interface Judged {
  name: string;
  /** Median of a run of the network, milliseconds; null for results of a file. */
  runMs: number | null;
  report: Report;
}

export async function run(args: string[]): Promise<void> {
  try {
    await evaluate(args);
  } catch (error) {
    if (!(error instanceof BanksmanError)) throw error;
    console.error(error.code === 'USAGE' ? `${error.where}: ${error.message}\n${USAGE}` : error.toDisplay());
    process.exitCode = 2;
  }
}

async function evaluate(args: string[]): Promise<void> {
  const values = parse(args);
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const folder = values.coco;
  const whole = readCocoTruth(join(folder, 'instances.json'));
  const file: CocoFile = { ...whole, images: whole.images.slice(0, values.limit) };
  const judged: Judged[] = [];
  const judge = (name: string, results: CocoResult[], runMs: number | null, threshold: number): void => {
    const options: ReportOptions = { ...values, widthPx: WIDTH_PX, threshold };
    const found = report(file, results, options);
    judged.push({ name, runMs, report: found });
    if (values.json) return;
    console.log(printReport(name, found, options));
    if (runMs !== null) console.log(`  network ${runMs.toFixed(1)} ms a picture on one core (median)`);
  };
  for (const model of values.models) {
    const { manifest, path } = await findModel(model, values.modelsDir);
    const { results, runMs } = await detect(manifest, path, folder, file);
    judge(manifest.id, results, runMs, manifest.threshold);
  }
  for (const path of values.results) judge(path, readCocoResults(path), null, RESULTS_THRESHOLD);
  if (values.json) console.log(JSON.stringify(judged, null, 2));
}

async function findModel(model: string, dir: string | undefined): Promise<{ manifest: ModelManifest; path: string }> {
  if (/\.ya?ml$/.test(model)) {
    const manifest = await loadManifest(model);
    return { manifest, path: join(dir ?? dirname(model), manifest.file) };
  }
  const registry = await loadRegistry({ dir: dir ?? null });
  const manifest = registry.get(model);
  return { manifest, path: registry.weightsPath(manifest) };
}

/** Everything that the model finds, as the product would. */
async function detect(
  manifest: ModelManifest,
  path: string,
  folder: string,
  file: CocoFile,
): Promise<{ results: CocoResult[]; runMs: number }> {
  const categories = new Map(file.categories.map(({ id, name }) => [name, id]));
  const detector = await Detector.open(manifest, path);
  const results: CocoResult[] = [];
  const seconds: number[] = [];
  for (const image of file.images) {
    const pixels = await detector.decode(readFileSync(picturePath(folder, image)));
    const { boxes, inferenceSeconds } = await detector.look([pixels], { regions: [], floor: FLOOR });
    seconds.push(...inferenceSeconds);
    for (let at = 0; at < boxes.length; at += BOX_FIELDS) {
      const [x1 = 0, y1 = 0, x2 = 0, y2 = 0, score = 0, label = -1] = boxes.subarray(at, at + BOX_FIELDS);
      const category = categories.get(manifest.labels[label] ?? '');
      if (category === undefined) continue;
      const { width, height } = image;
      results.push({
        image: image.id,
        category,
        score,
        box: [x1 * width, y1 * height, (x2 - x1) * width, (y2 - y1) * height],
      });
    }
  }
  await detector.release();
  seconds.sort((a, b) => a - b);
  return { results, runMs: (seconds[seconds.length >> 1] ?? 0) * 1000 };
}

function parse(args: string[]): {
  help: boolean;
  coco: string;
  models: string[];
  results: string[];
  modelsDir: string | undefined;
  minHeightPx: Record<string, number>;
  minVisible: number;
  limit: number | undefined;
  json: boolean;
} {
  const options = {
    help: { type: 'boolean', default: false },
    coco: { type: 'string', default: '' },
    model: { type: 'string', multiple: true },
    results: { type: 'string', multiple: true },
    'models-dir': { type: 'string' },
    'min-height': { type: 'string', multiple: true },
    'min-visible': { type: 'string', default: '0.25' },
    limit: { type: 'string' },
    json: { type: 'boolean', default: false },
  } as const;
  try {
    const { values } = parseArgs({ args, options });
    const models = values.model ?? [];
    const results = values.results ?? [];
    if (!values.help && !values.coco) throw new Error('--coco DIR is missing');
    if (!values.help && models.length + results.length === 0) throw new Error('--model or --results is missing');
    const heights = (values['min-height'] ?? MIN_HEIGHT_PX).map((text): [string, number] => {
      const [, name, px] = /^(?:(.+)=)?(\d+(?:\.\d+)?)$/.exec(text) ?? [];
      if (px === undefined) throw new Error(`--min-height ${text}: expected PX or CLASS=PX`);
      return [name ?? '*', Number(px)];
    });
    const minVisible = Number(values['min-visible']);
    if (!(minVisible >= 0 && minVisible <= 1)) throw new Error('--min-visible is a share, 0-1');
    const limit = values.limit === undefined ? undefined : Number(values.limit);
    if (limit !== undefined && !(Number.isInteger(limit) && limit > 0)) throw new Error('--limit is a count');
    return {
      help: values.help ?? false,
      coco: values.coco ?? '',
      models,
      results,
      modelsDir: values['models-dir'],
      minHeightPx: Object.fromEntries(heights),
      minVisible,
      limit,
      json: values.json ?? false,
    };
  } catch (error) {
    throw new BanksmanError('USAGE', { where: 'eval', message: error instanceof Error ? error.message : '' });
  }
}
