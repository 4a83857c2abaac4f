import { userInfo } from 'node:os';
import { wantsColor } from '../config/check.ts';
import type { Bus } from '../runtime/bus/types.ts';
import { systemClock } from '../runtime/clock.ts';
import { BanksmanError } from '../runtime/errors.ts';
import { cancelDrain, orderDrain } from '../runtime/fleet/orders.ts';
import { type AgentView, agentView, drainOrders, hearAgents, ownedBy, ownedCameras } from '../runtime/fleet/view.ts';
import { TOPICS } from '../runtime/messages/topics.ts';
import { painter } from '../supervisor/screen.ts';
import { type CamerasOptions, withControl } from './cameras.ts';
import { unknownName } from './names.ts';

interface ListOptions extends CamerasOptions {
  json?: boolean;
}

export interface DrainOptions extends CamerasOptions {
  agent: string;
  cancel?: boolean;
  /** False: does not wait until it is done. */
  wait: boolean;
}

const POLL_MS = 500;

/** Every camera, its agent and its state. */
export async function list(options: ListOptions): Promise<number> {
  return withControl(options, async ({ bus, config }) => {
    const { site } = config;
    const cameras = await ownedCameras(bus, site, await hearAgents({ bus, site, clock: systemClock }));
    if (options.json) return print(cameras);
    const paint = painter(wantsColor(process.stdout, process.env));
    for (const { camera, agent, state, reason } of cameras) {
      const how = reason === null ? paint(state ?? 'connecting', 'green') : `${state} ${paint(reason, 'red')}`;
      write(`${camera.padEnd(20)} ${(agent ?? '-').padEnd(24)} ${how}`);
    }
    const unowned = cameras.filter(({ reason }) => reason === 'CAMERA_UNOWNED').length;
    write(`${cameras.length} cameras${unowned > 0 ? paint(`, ${unowned} without an agent`, 'red') : ''}`);
    return 0;
  });
}

/** Every ingest agent that lives. */
export async function agents(options: ListOptions): Promise<number> {
  return withControl(options, async ({ bus, config }) => {
    const views = await agentViews(bus, config.site);
    if (options.json) return print(views);
    const paint = painter(wantsColor(process.stdout, process.env));
    for (const { agent, state, leads, cameras, cpu, capacity, clockOffsetS, reason } of views) {
      const load = `${cameras} cameras, ${cpu.toFixed(2)} of ${capacity} CPU`;
      const clock = reason === null ? '' : paint(` clock off by ${clockOffsetS.toFixed(1)} s [${reason}]`, 'red');
      write(`${agent.padEnd(24)} ${state.padEnd(9)} ${load}${leads ? ', coordinates' : ''}${clock}`);
    }
    if (views.length === 0) write(paint('no ingest agent is heard', 'red'));
    return 0;
  });
}

/** Takes all cameras from an agent, so that its machine can be worked on. @returns 1 where nobody can take them. */
export async function drain(options: DrainOptions): Promise<number> {
  return withControl(options, async ({ bus, config }) => {
    const { site } = config;
    const { agent } = options;
    const views = await agentViews(bus, site);
    const names = views.map((view) => view.agent);
    if (!names.includes(agent)) throw unknownName('--agent', 'agent', agent, names);
    if (options.cancel) {
      await cancelDrain(bus, { site, agent });
      write(`${agent} takes cameras again`);
      return 0;
    }
    if (!views.some((view) => view.agent !== agent && view.state === 'running')) {
      throw new BanksmanError('USAGE', {
        where: `--agent ${agent}`,
        message: 'no other agent could take its cameras',
        mend: 'Start another ingest agent first.',
      });
    }
    await orderDrain(bus, { site, agent, by: userInfo().username }, systemClock.now());
    if (options.wait) await drained(bus, site, agent);
    write(`${agent} ${options.wait ? 'has no camera any more' : 'gives its cameras away'}`);
    return 0;
  });
}

async function drained(bus: Bus, site: string, agent: string): Promise<void> {
  const owners = bus.table(TOPICS.owners.name);
  await owners.start();
  let said = -1;
  for (;;) {
    const left = ownedBy(owners, site, agent);
    if (left !== said) write(`${left} ${left === 1 ? 'camera' : 'cameras'} left`);
    said = left;
    if (left === 0) break;
    await systemClock.sleep(POLL_MS);
  }
  await owners.stop();
}

async function agentViews(bus: Bus, site: string): Promise<AgentView[]> {
  const [heard, orders] = await Promise.all([hearAgents({ bus, site, clock: systemClock }), drainOrders(bus, site)]);
  return heard.map((known) => agentView(known, orders.has(known.record.agent)));
}

function print(value: unknown): number {
  write(JSON.stringify(value, null, 2));
  return 0;
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}
