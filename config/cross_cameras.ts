/** Checks of cameras and of the defaults that they share. */
import type { Point } from '../runtime/messages/types.ts';
import { asNumber, asText, entries, items, type KnownModels, type Report } from './cross_report.ts';
import { polygonFault } from './polygon.ts';
import { BUILT_IN } from './schema_camera.ts';
import type { Path, TreeNode } from './tree.ts';
import { isRtspUrl, normalizeStreamUrl, urlHoldsSecret } from './urls.ts';

export function cameraProblems(report: Report, models?: KnownModels): void {
  checkShared(report, ['defaults'], models);
  const streams = new Map<string, string>();
  for (const [id, camera] of entries(report.tree.get(['cameras']))) {
    const path: Path = ['cameras', id];
    checkShared(report, path, models);
    checkCredentials(report, path, camera);
    checkAreas(report, path, camera);
    checkStreams(report, id, camera, streams);
  }
}

/** A camera that is switched off holds no session. */
function checkStreams(report: Report, id: string, camera: TreeNode, streams: Map<string, string>): void {
  const url = streamOf(camera, 'url');
  const record = streamOf(camera, 'record_url');
  if (url !== undefined && url === record) {
    const mend = 'Leave record_url out: clips come from url then.';
    report.add(['cameras', id, 'record_url'], 'CONFIG_DUPLICATE_URL', 'is the same stream as url', { mend });
  }
  if (url === undefined || camera.children.get('enabled')?.value === false) return;
  const other = streams.get(url);
  if (other === undefined) streams.set(url, id);
  else {
    const line = report.tree.get(['cameras', other, 'url'])?.at.line;
    report.add(['cameras', id, 'url'], 'CONFIG_DUPLICATE_URL', `is the stream of camera ${other} (line ${line})`);
  }
}

function streamOf(camera: TreeNode, key: string): string | undefined {
  const url = asText(camera.children.get(key));
  return url !== undefined && isRtspUrl(url) && !urlHoldsSecret(url) ? normalizeStreamUrl(url) : undefined;
}

function checkCredentials(report: Report, path: Path, camera: TreeNode): void {
  const has = (key: string): boolean => camera.children.has(key);
  for (const key of ['username', 'password']) {
    if (has(key) && has(`${key}_file`)) {
      const mend = `Keep ${key} or ${key}_file.`;
      report.add([...path, `${key}_file`], 'CONFIG_INVALID_VALUE', `stands beside ${key}`, { atKey: true, mend });
    }
  }
  const password = ['password', 'password_file'].find(has);
  if (password !== undefined && !has('username') && !has('username_file')) {
    report.add([...path, password], 'CONFIG_MISSING_KEY', 'has no username beside it', {
      atKey: true,
      mend: 'Add username: or username_file: to this camera.',
    });
  }
}

function checkAreas(report: Report, path: Path, camera: TreeNode): void {
  for (const [name, zone] of entries(camera.children.get('zones')))
    checkPolygon(report, [...path, 'zones', name], zone);
  for (const key of ['ignore_masks', 'privacy_masks']) {
    for (const [index, mask] of items(camera.children.get(key)).entries()) {
      checkPolygon(report, [...path, key, index], mask);
    }
  }
}

/** Only where every corner is a pair of numbers in the picture; the schema says so of the others. */
function checkPolygon(report: Report, path: Path, node: TreeNode): void {
  if (!Array.isArray(node.value)) return;
  const corners: Point[] = [];
  for (const corner of items(node)) {
    const [x, y, more] = items(corner).map(asNumber);
    if (x === undefined || y === undefined || more !== undefined) return;
    if (x < 0 || x > 1 || y < 0 || y > 1) return;
    corners.push([x, y]);
  }
  if (corners.length !== node.value.length) return;
  const fault = polygonFault(corners);
  if (fault !== undefined) report.add(path, 'CONFIG_BAD_POLYGON', fault);
}

/** What a camera and `defaults` may both say. */
function checkShared(report: Report, path: Path, models?: KnownModels): void {
  const model = effective(report, path, ['model']);
  if (models && model.node && model.own) {
    const name = asText(model.node);
    if (name !== undefined && !models.has(name))
      report.unknown([...path, 'model'], 'a model', name, [...models.keys()]);
  }
  atMost(report, path, ['sampling', 'idle_fps'], ['sampling', 'active_fps'], BUILT_IN.sampling);
  atMost(report, path, ['motion', 'close_share'], ['motion', 'open_share'], BUILT_IN.motion);
  const known = models?.get(asText(model.node) ?? BUILT_IN.model) ?? [];
  for (const [name, filter] of entries(report.tree.get([...path, 'filters']))) {
    const at: Path = ['filters', name];
    if (known.length > 0 && name !== '*' && !known.includes(name)) {
      report.unknown([...path, ...at], 'a class', name, known, true);
    }
    atMost(report, path, [...at, 'low'], [...at, 'score'], BUILT_IN.filter);
    atMost(report, path, [...at, 'min_area'], [...at, 'max_area'], BUILT_IN.filter);
    atMost(report, path, [...at, 'min_aspect'], [...at, 'max_aspect'], BUILT_IN.filter);
    for (const [index, other] of items(filter.children.get('during')).entries()) {
      checkSchedule(report, [...path, ...at, 'during', index, 'schedule'], other.children.get('schedule'));
    }
  }
}

export function checkSchedule(report: Report, path: Path, node: TreeNode | undefined): void {
  const name = asText(node);
  if (name === undefined) return;
  const known = entries(report.tree.get(['schedules'])).map(([key]) => key);
  if (!known.includes(name)) report.unknown(path, 'a schedule', name, known);
}

interface Effective {
  node: TreeNode | undefined;
  /** It stands at this very place, not in `defaults` or `*`. */
  own: boolean;
}

/** Where the value of an option comes from: the place itself, its `*`, then the same in `defaults`. */
function effective(report: Report, path: Path, option: Path): Effective {
  const star: Path = option[0] === 'filters' ? ['filters', '*', ...option.slice(2)] : option;
  const own = report.tree.get([...path, ...option]);
  if (own) return { node: own, own: true };
  for (const place of [
    [...path, ...star],
    ['defaults', ...option],
    ['defaults', ...star],
  ]) {
    const node = report.tree.get(place);
    if (node) return { node, own: false };
  }
  return { node: undefined, own: false };
}

/** Refuses a lower option above its upper one, at the place that says either. */
function atMost(report: Report, path: Path, lower: Path, upper: Path, builtIn: object): void {
  const [low, high] = [effective(report, path, lower), effective(report, path, upper)];
  if (!low.own && !high.own) return;
  const value = (option: Path, { node }: Effective): number | undefined =>
    node ? asNumber(node) : Number(Reflect.get(builtIn, String(option.at(-1))));
  const [a, b] = [value(lower, low), value(upper, high)];
  if (a === undefined || b === undefined || a <= b) return;
  const [lowName, highName] = [String(lower.at(-1)), String(upper.at(-1))];
  const elsewhere = (side: Effective): string => (side.own ? '' : ' (not set here)');
  if (low.own) {
    const mend = `Lower ${lowName}, or raise ${highName}.`;
    const message = `is ${a}, above ${highName} ${b}${elsewhere(high)}`;
    report.add([...path, ...lower], 'CONFIG_INVALID_VALUE', message, { mend });
  } else {
    const mend = `Raise ${highName}, or set ${lowName} too.`;
    const message = `is ${b}, below ${lowName} ${a}${elsewhere(low)}`;
    report.add([...path, ...upper], 'CONFIG_INVALID_VALUE', message, { mend });
  }
}
