/** What is allowed and yet probably not meant. Reads the resolved site; `tree` gives the places. */
import { isLoopback } from './formats.ts';
import { type Problem, problemAt } from './problems.ts';
import { computePromise } from './promise.ts';
import type { CameraConfig, RuleConfig, SiteConfig } from './site.ts';
import type { Tree } from './tree.ts';

export function siteWarnings(config: SiteConfig, tree: Tree): Problem[] {
  return [...promiseWarnings(config, tree), ...unusedWarnings(config, tree), ...clearTextWarnings(config, tree)];
}

/** Behind a proxy that is named as such, the proxy encrypts. */
function clearTextWarnings({ console: page }: SiteConfig, tree: Tree): Problem[] {
  if (isLoopback(page.bind.host) || page.tls || page.trusted_proxies.length > 0) return [];
  const message = 'is reached over plain HTTP: tokens and pictures can be read on the way';
  return [problemAt(tree, ['console', 'bind'], 'CONFIG_CLEAR_TEXT', message)];
}

const looks = (rule: RuleConfig): boolean => rule.type !== 'camera_offline';

function watchedBy(config: SiteConfig, rule: RuleConfig): CameraConfig[] {
  return rule.cameras.flatMap((id) => config.cameras[id] ?? []).filter((camera) => camera.enabled);
}

function promiseWarnings(config: SiteConfig, tree: Tree): Problem[] {
  const warnings: Problem[] = [];
  for (const [index, rule] of config.rules.entries()) {
    if (!looks(rule)) continue;
    const broken: string[] = [];
    let detail = '';
    let mend = '';
    const coarse: CameraConfig[] = [];
    for (const camera of watchedBy(config, rule)) {
      const { idle_fps, active_fps } = camera.sampling;
      const report = computePromise({ ...rule, idle_fps, active_fps });
      if (!report.kept) {
        broken.push(camera.id);
        detail ||= `the first look may take ${Math.round(report.worst_s * 100) / 100} s`;
        mend ||= report.mends.join(' ');
      }
      if (rule.min_duration_s > 0 && rule.min_duration_s < 1 / active_fps - 1e-9) coarse.push(camera);
    }
    if (broken.length > 0) {
      const message = `promises ${rule.detect_within_s} s, but ${detail} on ${listed(broken)}`;
      warnings.push(problemAt(tree, ['rules', index, 'detect_within_s'], 'CONFIG_PROMISE_AT_RISK', message, { mend }));
    }
    const [first] = coarse;
    if (first) {
      const fps = first.sampling.active_fps;
      const key = rule.type === 'dwell' ? 'dwell_s' : 'min_duration_s';
      const message = `of ${rule.min_duration_s} s cannot be measured at ${fps} looks a second on ${listed(coarse.map((camera) => camera.id))}`;
      const rate = Math.ceil(100 / rule.min_duration_s) / 100;
      const details = {
        mend: `Incidents open after ${round(1 / fps)} s; raise sampling.active_fps to ${rate} or ${key}.`,
      };
      warnings.push(problemAt(tree, ['rules', index, key], 'CONFIG_PROMISE_AT_RISK', message, details));
    }
  }
  return warnings;
}

const round = (value: number): number => Math.round(value * 100) / 100;

function unusedWarnings(config: SiteConfig, tree: Tree): Problem[] {
  const warnings: Problem[] = [];
  const unused = (path: (string | number)[], message: string, mend: string): void => {
    warnings.push(problemAt(tree, path, 'CONFIG_UNUSED', message, { atKey: true, mend }));
  };
  const rulesOf = (camera: CameraConfig): RuleConfig[] =>
    config.rules.filter((rule) => looks(rule) && rule.cameras.includes(camera.id));
  for (const camera of Object.values(config.cameras).filter((each) => each.enabled)) {
    const rules = rulesOf(camera);
    if (rules.length === 0) {
      unused(['cameras', camera.id], 'is watched by no rule', 'Add a rule for it, or set enabled: false.');
    }
    for (const name of Object.keys(camera.zones)) {
      if (rules.some((rule) => rule.zone === name)) continue;
      unused(['cameras', camera.id, 'zones', name], 'is named by no rule', 'Name it in a rule, or remove it.');
    }
    for (const name of Object.keys(camera.lines)) {
      if (rules.some((rule) => rule.line === name)) continue;
      unused(['cameras', camera.id, 'lines', name], 'is named by no rule', 'Name it in a rule, or remove it.');
    }
  }
  for (const [index, rule] of config.rules.entries()) {
    if (watchedBy(config, rule).length > 0) continue;
    unused(['rules', index], 'holds for no camera that is enabled', 'Enable or name a camera, or remove the rule.');
  }
  if (Object.keys(config.cameras).length === 0) unused(['cameras'], 'names no camera', 'Add one: NAME: { url: … }.');
  return warnings;
}

function listed(ids: readonly string[]): string {
  const shown = ids.slice(0, 5).join(', ');
  return `camera ${shown}${ids.length > 5 ? ` and ${ids.length - 5} more` : ''}`;
}
