/** Checks of rules. */

import { checkSchedule } from './cross_cameras.ts';
import { asText, entries, items, type KnownModels, type Report } from './cross_report.ts';
import { BUILT_IN } from './schema_camera.ts';
import type { Path, TreeNode } from './tree.ts';

export function ruleProblems(report: Report, models?: KnownModels): void {
  const rules = items(report.tree.get(['rules']));
  report.unique(['rules'], 'id');
  for (const [index, rule] of rules.entries()) {
    const path: Path = ['rules', index];
    const named = checkCameras(report, path, rule);
    checkSchedule(report, [...path, 'schedule'], rule.children.get('schedule'));
    checkPlace(report, path, rule, named, 'zone');
    checkPlace(report, path, rule, named, 'line');
    if (models) checkClasses(report, path, rule, named, models);
  }
}

type Camera = [id: string, node: TreeNode];

/** @returns the cameras that the rule names and that exist; undefined where it names none. */
function checkCameras(report: Report, path: Path, rule: TreeNode): Camera[] | undefined {
  const list = rule.children.get('cameras');
  if (!list || !Array.isArray(list.value)) return undefined;
  const cameras = new Map(entries(report.tree.get(['cameras'])));
  const named = new Map<string, TreeNode>();
  for (const [index, item] of items(list).entries()) {
    const id = asText(item);
    if (id === undefined) continue;
    const camera = cameras.get(id);
    if (!camera) report.unknown([...path, 'cameras', index], 'a camera', id, [...cameras.keys()]);
    else if (named.has(id)) report.add([...path, 'cameras', index], 'CONFIG_DUPLICATE_KEY', `names ${id} again`);
    else named.set(id, camera);
  }
  return [...named];
}

/** The zone or line must be on every camera that the rule names, or on one where it names none. */
function checkPlace(
  report: Report,
  path: Path,
  rule: TreeNode,
  named: Camera[] | undefined,
  kind: 'zone' | 'line',
): void {
  const place = asText(rule.children.get(kind));
  if (place === undefined) return;
  const at: Path = [...path, kind];
  const placesOf = (camera: TreeNode): string[] => entries(camera.children.get(`${kind}s`)).map(([name]) => name);
  const all = named?.length ? named : entries(report.tree.get(['cameras']));
  const lacking = all.filter(([, camera]) => !placesOf(camera).includes(place));
  if (!named?.length) {
    if (lacking.length < all.length) return;
    const known = [...new Set(all.flatMap(([, camera]) => placesOf(camera)))];
    report.unknown(at, `a ${kind}`, place, known);
    return;
  }
  for (const [id, camera] of lacking) report.unknown(at, `a ${kind} of camera ${id}`, place, placesOf(camera));
}

function checkClasses(
  report: Report,
  path: Path,
  rule: TreeNode,
  named: Camera[] | undefined,
  models: KnownModels,
): void {
  const fallback = asText(report.tree.get(['defaults', 'model'])) ?? BUILT_IN.model;
  const used = new Set(
    (named ?? entries(report.tree.get(['cameras']))).map(
      ([, camera]) => asText(camera.children.get('model')) ?? fallback,
    ),
  );
  const lists = [...used].map((model) => models.get(model) ?? []);
  // A model whose classes are not known may know any.
  if (lists.length === 0 || lists.some((list) => list.length === 0)) return;
  const known = [...new Set(lists.flat())];
  for (const [index, item] of items(rule.children.get('classes')).entries()) {
    const name = asText(item);
    if (name !== undefined && !known.includes(name))
      report.unknown([...path, 'classes', index], 'a class', name, known);
  }
}
