import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { CameraControl } from '../config/control.ts';
import { PictureLinks } from '../runtime/access/picture_links.ts';
import { readRefusedEdit } from '../runtime/refused_edit.ts';
import { openEvidenceReader } from '../runtime/stores/objects/open.ts';
import { openStateReader } from '../runtime/stores/state/open.ts';
import { NOT_FOR_LONG } from './cameras.ts';
import { knownModels, manifestsNamedIn } from './models.ts';
import { unknownName } from './names.ts';
import { type Role, type RoleContext, runRoleCommand } from './role.ts';
import { traced } from './traced.ts';
import { VERSION } from './version.ts';

export type RoleCommandName = 'ingest' | 'process' | 'sink' | 'console';

/** Runs one role in this process until it is asked to stop, and ends the process with the exit code. */
export async function role(name: RoleCommandName, configPath: string, only?: string): Promise<never> {
  const make = { ingest, process: processors, sink: sinks, console: console_ }[name];
  const names = only?.split(',').map((part) => part.trim());
  // Before the bus is asked for: this can be told without one.
  if (name === 'process' && names) known(names, (await import('../processors/registry.ts')).PROCESSORS);
  if (name === 'sink' && names) known(names, (await import('../sinks/registry.ts')).SINKS);
  // The channel to the supervisor, and native threads, would keep a process alive that has stopped.
  process.exit(await runRoleCommand(name, configPath, (context) => make(context, names, configPath)));
}

async function ingest(context: RoleContext): Promise<Role> {
  const { IngestAgent } = await import('../ingest/agent.ts');
  const { ownMedia } = await import('./own_media.ts');
  const { bus, busAddress, site, log, metrics, clock, dataDir } = context;
  // Process ids come again, in containers the same one each time.
  const agentId = `${hostname()}-${randomBytes(3).toString('hex')}`;
  // Over Kafka there may be agents on other machines.
  const alone = context.supervised && busAddress.type === 'local';
  const sampleRatio = context.active.config.tracing?.sample_ratio ?? null;
  const media = ownMedia(context);
  const own = { agentId, alone, sampleRatio, media };
  return { components: [media, new IngestAgent({ bus, busAddress, site, log, metrics, clock, dataDir, ...own })] };
}

async function processors(context: RoleContext, names?: string[]): Promise<Role> {
  const { createProcessors, PROCESSORS } = await import('../processors/registry.ts');
  const { detect, models } = context.active.config;
  const components = await traced(context, (deps) =>
    createProcessors(deps, known(names, PROCESSORS), {
      detect: {
        models,
        workers: detect.workers,
        maxFrameAgeMs: detect.max_frame_age_s * 1000,
        scoreFloor: detect.score_floor,
        onFatal: context.fail,
      },
      cleanup: { onError: context.fail },
      incidents: { onError: context.fail },
    }),
  );
  return { components };
}

async function sinks(context: RoleContext, names?: string[]): Promise<Role> {
  const { createSinks, SINKS } = await import('../sinks/registry.ts');
  const { evidence, state, alerts, fleet } = context.active.config;
  const wanted = known(names, SINKS);
  const watchers = wanted.includes('state') ? (await import('./fleet_watchers.ts')).fleetWatchers(context) : [];
  const components = await traced(context, (deps) =>
    createSinks(deps, wanted, {
      objects: evidence,
      state,
      retention: evidence.retention,
      alerts,
      fleetToken: fleet.token,
      version: VERSION,
      onError: context.fail,
    }),
  );
  return { components: [...watchers, ...components] };
}

async function console_(context: RoleContext, _names: string[] | undefined, siteFile: string): Promise<Role> {
  const { Console } = await import('../dashboards/console/console.ts');
  const { dataDir } = context;
  const { evidence, state, fleet } = context.active.config;
  const objects = await openEvidenceReader(evidence, dataDir);
  const page = new Console(context, {
    ...context.active.config.console,
    version: VERSION,
    state: await openStateReader(state, dataDir),
    objects,
    linkExpiresS: evidence.s3?.link_expires_s ?? 0,
    pictureLinks: new PictureLinks({ dataDir, fleetToken: fleet.token, clock: context.clock }),
    evidence: () => objects.state(),
    control: new CameraControl({
      bus: context.bus,
      siteFile,
      models: async () => knownModels(await manifestsNamedIn(siteFile)),
    }),
    // Its site file is the truth there, and comes back.
    controlNote: context.busAddress.type === 'local' ? NOT_FOR_LONG : null,
    refusedEdit: () => readRefusedEdit(dataDir),
  });
  return { components: [page], addresses: () => ({ console: page.address ?? '' }) };
}

/** @throws BanksmanError USAGE for a name that there is none of. */
function known<Name extends string>(names: string[] | undefined, all: readonly Name[]): Name[] {
  if (!names) return [...all];
  return names.map((name) => {
    const found = all.find((one) => one === name);
    if (found) return found;
    throw unknownName('--only', 'part', name, all);
  });
}
