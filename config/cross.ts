/**
 * Checks across options. They read the tree, not what the schema made of it, so that one mistake never
 * hides another: whatever is not of the kind that a check needs, the check leaves to the schema.
 */

import { accessProblems } from './cross_access.ts';
import { alertProblems } from './cross_alerts.ts';
import { busProblems } from './cross_bus.ts';
import { cameraProblems } from './cross_cameras.ts';
import { evidenceProblems } from './cross_evidence.ts';
import { entries, type KnownModels, Report } from './cross_report.ts';
import { ruleProblems } from './cross_rules.ts';
import { stateProblems } from './cross_state.ts';
import { listedBind } from './formats.ts';
import type { Problem } from './problems.ts';
import { NAME_PATTERN, NAME_RULE } from './scalars.ts';
import type { Path, Tree } from './tree.ts';

export function crossProblems(tree: Tree, models?: KnownModels): Problem[] {
  const report = new Report(tree);
  for (const path of [['cameras'], ['schedules']]) checkNames(report, path);
  for (const [id] of entries(tree.get(['cameras']))) {
    for (const key of ['zones', 'lines']) checkNames(report, ['cameras', id, key]);
  }
  cameraProblems(report, models);
  ruleProblems(report, models);
  alertProblems(report);
  checkPorts(report);
  accessProblems(report);
  busProblems(report);
  evidenceProblems(report);
  stateProblems(report);
  return report.problems;
}

function checkNames(report: Report, path: Path): void {
  for (const [name] of entries(report.tree.get(path))) {
    if (NAME_PATTERN.test(name)) continue;
    report.add([...path, name], 'CONFIG_INVALID_VALUE', NAME_RULE, { atKey: true, mend: 'Rename it.' });
  }
}

function checkPorts(report: Report): void {
  const taken = new Map<string, string>();
  for (const [key, standard] of [
    ['console', '127.0.0.1:8080'],
    ['metrics', '127.0.0.1:9464'],
    ['media', '127.0.0.1:0'],
  ] as const) {
    const written = report.tree.get([key, 'bind'])?.value;
    const bind = listedBind(typeof written === 'string' ? written : standard);
    if (!bind || bind.port === 0) continue;
    const address = `${bind.host === 'localhost' ? '127.0.0.1' : bind.host}:${bind.port}`;
    const other = taken.get(address);
    if (other === undefined) taken.set(address, key);
    else {
      const path = written === undefined ? [other, 'bind'] : [key, 'bind'];
      const rival = written === undefined ? key : other;
      report.add(path, 'CONFIG_INVALID_VALUE', `is the address of ${rival} as well`, {
        mend: 'Give each its own port.',
      });
    }
  }
}
