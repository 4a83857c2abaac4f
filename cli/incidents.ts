import { wantsColor } from '../config/check.ts';
import type { SiteConfig } from '../config/site.ts';
import { BanksmanError } from '../runtime/errors.ts';
import type { IncidentState } from '../runtime/messages/types.ts';
import { openStateReader } from '../runtime/stores/state/open.ts';
import type { StoredIncident } from '../runtime/stores/state/types.ts';
import { painter } from '../supervisor/screen.ts';
import { unknownName } from './names.ts';
import { loadOrThrow } from './role.ts';
import { isRunning } from './running.ts';

export interface IncidentsOptions {
  config: string;
  json?: boolean;
  camera?: string;
  rule?: string;
  state?: IncidentState;
  limit: string;
}

const PAGE = 500;

/** The store may know cameras and rules that were taken out since; but a name nobody ever knew is a slip. */
function nameMustBeKnown({ camera, rule }: IncidentsOptions, config: SiteConfig): void {
  const cameras = Object.keys(config.cameras);
  const rules = config.rules.map(({ id }) => id);
  if (camera !== undefined && !cameras.includes(camera)) throw unknownName('--camera', 'camera', camera, cameras);
  if (rule !== undefined && !rules.includes(rule)) throw unknownName('--rule', 'rule', rule, rules);
}

async function read(options: IncidentsOptions, config: SiteConfig, limit: number): Promise<StoredIncident[]> {
  const state = await openStateReader(config.state, config.data_dir);
  const found: StoredIncident[] = [];
  try {
    let cursor: string | null = null;
    do {
      const page = await state.incidents({
        site: config.site,
        limit: Math.min(PAGE, limit - found.length),
        ...(options.camera === undefined ? {} : { camera: options.camera }),
        ...(options.rule === undefined ? {} : { rule: options.rule }),
        ...(options.state === undefined ? {} : { state: [options.state] }),
        ...(cursor === null ? {} : { cursor }),
      });
      found.push(...page.incidents);
      cursor = page.cursor;
    } while (cursor !== null && found.length < limit);
  } finally {
    // A connection left open would keep the command from ending.
    await state.close();
  }
  return found;
}

/** Incidents of the store, newest first; works while nothing runs as well. */
export async function incidents(options: IncidentsOptions): Promise<number> {
  const limit = Number(options.limit);
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new BanksmanError('USAGE', { where: '--limit', message: `${options.limit} is not a whole number over 0` });
  }
  const { config } = await loadOrThrow(options.config);
  const found = await read(options, config, limit);
  if (found.length === 0) nameMustBeKnown(options, config);

  if (options.json) {
    process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
    return 0;
  }
  if (found.length === 0) process.stdout.write('no incidents\n');
  // Silence of something that does not run must not be taken for safety.
  if (!(await isRunning(config))) {
    process.stderr.write('banksman up does not run for this site file: nobody looks now\n');
  }
  const paint = painter(wantsColor(process.stdout, process.env));
  for (const incident of found) {
    const style = incident.state === 'closed' ? 'dim' : incident.state === 'open' ? 'red' : 'yellow';
    const judged = incident.rejected ? ' rejected' : incident.acknowledged ? ' acknowledged' : '';
    const ended =
      incident.closedAt === null ? '' : ` until ${incident.closedAt.slice(11, 19)} (${incident.closeReason})`;
    process.stdout.write(
      `${incident.openedAt} ${paint(incident.state.padEnd(10), style)} ${incident.severity.padEnd(8)} ${incident.camera} ` +
        `${paint(incident.rule, 'bold')}${incident.zone === null ? '' : ` zone ${incident.zone}`}, ` +
        `${incident.peopleMax === 1 ? '1 person' : `${incident.peopleMax} people`}${ended}${judged} ${paint(incident.id, 'dim')}\n`,
    );
  }
  return 0;
}
