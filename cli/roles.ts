import { hostname } from 'node:os';
import { join } from 'node:path';
import { readRefusedEdit } from '../runtime/refused_edit.ts';
import { LocalObjectStore } from '../runtime/stores/objects/local.ts';
import { EmbeddedStateReader } from '../runtime/stores/state/embedded.ts';
import { unknownName } from './names.ts';
import { type Role, type RoleContext, runRoleCommand } from './role.ts';
import { VERSION } from './version.ts';

export type RoleCommandName = 'ingest' | 'process' | 'sink' | 'console';

/** Evidence of the embedded mode. */
const evidenceDir = (dataDir: string): string => join(dataDir, 'evidence');

/** Runs one role in this process until it is asked to stop, and ends the process with the exit code. */
export async function role(name: RoleCommandName, configPath: string, only?: string): Promise<never> {
  const make = { ingest, process: processors, sink: sinks, console: console_ }[name];
  const names = only?.split(',').map((part) => part.trim());
  // Before the bus is asked for: this can be told without one.
  if (name === 'process' && names) known(names, (await import('../processors/registry.ts')).PROCESSORS);
  if (name === 'sink' && names) known(names, (await import('../sinks/registry.ts')).SINKS);
  // The channel to the supervisor, and native threads, would keep a process alive that has stopped.
  process.exit(await runRoleCommand(name, configPath, (context) => make(context, names)));
}

async function ingest(context: RoleContext): Promise<Role> {
  const { IngestAgent } = await import('../ingest/agent.ts');
  const { bus, busSocket, site, log, metrics, clock, dataDir } = context;
  const agentId = `${hostname()}-${process.pid}`;
  return { components: [new IngestAgent({ bus, busSocket, site, log, metrics, clock, dataDir, agentId })] };
}

async function processors(context: RoleContext, names?: string[]): Promise<Role> {
  const { createProcessors, PROCESSORS } = await import('../processors/registry.ts');
  const { detect, models } = context.active.config;
  return {
    components: await createProcessors(context, known(names, PROCESSORS), {
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
  };
}

async function sinks(context: RoleContext, names?: string[]): Promise<Role> {
  const { createSinks, SINKS } = await import('../sinks/registry.ts');
  const { evidence, alerts } = context.active.config;
  return {
    components: await createSinks(context, known(names, SINKS), {
      evidenceDir: evidenceDir(context.dataDir),
      retention: evidence.retention,
      webhooks: alerts.webhooks,
      version: VERSION,
      onError: context.fail,
    }),
  };
}

async function console_(context: RoleContext): Promise<Role> {
  const { Console } = await import('../dashboards/console/console.ts');
  const { dataDir } = context;
  const page = new Console(context, {
    ...context.active.config.console,
    version: VERSION,
    state: new EmbeddedStateReader(dataDir),
    objects: new LocalObjectStore(evidenceDir(dataDir)),
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
