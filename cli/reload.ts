import { formatProblems } from '../config/check.ts';
import { loadSite } from '../config/load.ts';
import { systemClock } from '../runtime/clock.ts';
import { asError, BanksmanError } from '../runtime/errors.ts';
import { writeRefusedEdit } from '../runtime/refused_edit.ts';
import { toTimestamp } from '../runtime/time.ts';
import type { Supervisor } from '../supervisor/supervisor.ts';
import { knownModels, manifestsNamedIn, verifyModels } from './models.ts';

export interface ReloadOutput {
  applied: (lines: string[]) => void;
  refused: (why: string) => void;
}

/**
 * After an edit of the site file: validate, compare, apply what changed. Whatever fails, the
 * configuration before stays active, and both the people and the metric are told.
 */
export async function reload(supervisor: Supervisor, path: string, output: ReloadOutput): Promise<void> {
  const why = await tryReload(supervisor, path, output).catch((error: unknown) =>
    error instanceof BanksmanError ? error.toDisplay() : asError(error).message,
  );
  supervisor.metrics.set('config_last_reload_successful', why === null ? 1 : 0);
  await writeRefusedEdit(
    supervisor.loaded.config.data_dir,
    why === null ? null : { at: toTimestamp(systemClock.now()), why },
  );
  if (why === null) return;
  supervisor.metrics.inc('config_reloads_total', { result: 'refused' });
  output.refused(why);
}

/** @returns why it was refused, or null. */
async function tryReload(supervisor: Supervisor, path: string, output: ReloadOutput): Promise<string | null> {
  const { config: active } = supervisor.loaded;
  const next = await loadSite(path, { models: await knownModels(await manifestsNamedIn(path)) });
  if ('problems' in next) return formatProblems(next.problems, { file: path });
  if (next.configHash === supervisor.loaded.configHash) return null;
  if (next.config.site !== active.site || next.config.data_dir !== active.data_dir) {
    return 'site and data_dir cannot change while it runs: stop banksman up and start it again';
  }
  const [missing] = await verifyModels(next.config, path);
  if (missing) return missing.toDisplay();
  const { lines } = await supervisor.apply(next);
  supervisor.metrics.inc('config_reloads_total', { result: 'applied' });
  output.applied(lines);
  return null;
}
