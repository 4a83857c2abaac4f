/** Changes of a fleet's cameras from a file, a command or the API: checked as a site file is, planned, carried out. */
import { readFile } from 'node:fs/promises';
import { parse, stringify } from 'yaml';
import type { Bus } from '../runtime/bus/types.ts';
import { BanksmanError } from '../runtime/errors.ts';
import { carryOut, compileSite, planRemoval, planSite, type SitePlan } from './compile.ts';
import type { KnownModels } from './cross_report.ts';
import { loadSiteText } from './load.ts';
import type { Problem } from './problems.ts';
import { StandingSite } from './standing.ts';

export interface CameraControlOptions {
  bus: Bus;
  /** The site file that the roles run with: site, defaults, schedules and rules hold for what is given here. */
  siteFile: string;
  models?: () => Promise<KnownModels>;
}

export type Planned = { plan: SitePlan } | { problems: Problem[] };

/** A camera as it stands in a site file. */
export type CameraOptions = Readonly<Record<string, unknown>>;

/**
 * The first change reads cameras and rules once. Whoever keeps it reads for the next one what was written since:
 * however many cameras there are, a change reads none of the others again.
 */
export class CameraControl {
  readonly #options: CameraControlOptions;
  readonly #standing: StandingSite;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: CameraControlOptions) {
    this.#options = options;
    this.#standing = new StandingSite(options.bus);
  }

  /**
   * One change at a time: a plan writes whole rules, and would take back what another wrote since it was made.
   * For whoever serves several people at once; it plans and carries out in `work`.
   */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /**
   * Cameras (and rules, where it has some) become what the text says: a site file, or parts of one that
   * stand in for those of the site file. Cameras that it does not have are to be removed.
   * @throws BanksmanError USAGE when it is of another site
   */
  async planApply(text: string): Promise<Planned> {
    const base = await this.#base();
    const given = mapOf(text);
    const rest = Object.fromEntries(Object.entries(base).filter(([key]) => key !== 'cameras' && !(key in given)));
    // Behind it, so that mistakes have the lines of the text.
    const whole = given === NOT_A_MAP || Object.keys(rest).length === 0 ? text : `${text}\n${stringify(rest)}`;
    return this.#plan(whole, String(base['site']), {});
  }

  /** These cameras are added, or changed to what is said here; all others stay. */
  async planAdd(cameras: Readonly<Record<string, CameraOptions>>): Promise<Planned> {
    const base = await this.#base();
    const whole = { ...base, cameras: { ...(isMap(base['cameras']) ? base['cameras'] : {}), ...cameras } };
    const only = new Set(Object.keys(cameras));
    return this.#plan(stringify(whole), String(base['site']), { only });
  }

  /** @throws BanksmanError USAGE for a camera that there is none of */
  async planRemove(ids: readonly string[]): Promise<SitePlan> {
    const site = String((await this.#base())['site']);
    const plan = planRemoval(await this.#standing.now(), site, ids);
    if (typeof plan !== 'string') return plan;
    throw new BanksmanError('USAGE', {
      where: plan,
      message: `there is no camera ${plan}`,
      mend: 'banksman cameras list shows those that there are.',
    });
  }

  async carryOut(plan: SitePlan): Promise<void> {
    await carryOut(this.#options.bus, plan);
  }

  async #base(): Promise<Record<string, unknown>> {
    const base = mapOf(await readFile(this.#options.siteFile, 'utf8'));
    return base === NOT_A_MAP ? {} : base;
  }

  async #plan(text: string, site: string, options: { only?: ReadonlySet<string> }): Promise<Planned> {
    const { siteFile, models } = this.#options;
    const loaded = loadSiteText(text, siteFile, models ? { models: await models() } : {});
    if ('problems' in loaded) return { problems: loaded.problems };
    const { config, configHash } = loaded;
    if (config.site !== site) {
      throw new BanksmanError('USAGE', {
        where: 'site',
        message: `the file is of the site ${config.site}, the fleet is ${site}`,
        mend: 'Leave site out of the file, or name the right one.',
      });
    }
    return { plan: planSite(await this.#standing.now(), compileSite(config, configHash), options) };
  }
}

const NOT_A_MAP: Record<string, unknown> = Object.freeze({});

/** What cannot be read stays for the loader, which says why. */
function mapOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = parse(text);
    return isMap(value) ? value : NOT_A_MAP;
  } catch {
    return NOT_A_MAP;
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
