/** Checks of channels: what they name must be there. */
import { checkSchedule } from './cross_cameras.ts';
import { asText, entries, items, type Report } from './cross_report.ts';
import type { Path, TreeNode } from './tree.ts';

export function alertProblems(report: Report): void {
  const rules = items(report.tree.get(['rules'])).flatMap((rule) => asText(rule.children.get('id')) ?? []);
  const cameras = entries(report.tree.get(['cameras']));
  const places = cameras.flatMap(([, camera]) =>
    ['zones', 'lines'].flatMap((key) => entries(camera.children.get(key)).map(([name]) => name)),
  );
  // A name of metrics and of the outbox: one across both lists.
  const ids = new Map<string, number>();
  for (const list of ['webhooks', 'channels']) {
    const path: Path = ['alerts', list];
    report.unique(path, 'id', ids);
    for (const [index, channel] of items(report.tree.get(path)).entries()) {
      const at: Path = [...path, index];
      checkNamed(report, at, channel, 'rules', 'a rule', rules);
      checkNamed(
        report,
        at,
        channel,
        'cameras',
        'a camera',
        cameras.map(([id]) => id),
      );
      checkNamed(report, at, channel, 'zones', 'a zone or line', [...new Set(places)]);
      for (const key of ['schedule', 'quiet_hours']) checkSchedule(report, [...at, key], channel.children.get(key));
      if (channel.children.has('password') && !channel.children.has('username')) {
        const mend = 'Add username: to this channel.';
        report.add([...at, 'password'], 'CONFIG_MISSING_KEY', 'has no username beside it', { atKey: true, mend });
      }
    }
  }
}

function checkNamed(
  report: Report,
  at: Path,
  channel: TreeNode,
  key: string,
  what: string,
  known: readonly string[],
): void {
  for (const [index, item] of items(channel.children.get(key)).entries()) {
    const name = asText(item);
    if (name !== undefined && !known.includes(name)) report.unknown([...at, key, index], what, name, known);
  }
}
