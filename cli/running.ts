import { connect } from 'node:net';
import type { SiteConfig } from '../config/site.ts';
import { busSocketPath } from '../runtime/bus/local/paths.ts';
import { openBus } from '../runtime/bus/open.ts';
import type { Message } from '../runtime/bus/types.ts';
import { systemClock } from '../runtime/clock.ts';
import { AGENT_SILENT_MS } from '../runtime/fleet/roster.ts';
import { hearAgents } from '../runtime/fleet/view.ts';
import { silentLogger } from '../runtime/log.ts';
import { parseMessage } from '../runtime/messages/schemas.ts';
import { TOPICS } from '../runtime/messages/topics.ts';
import { busAddressOf } from './role.ts';

/** Whether a `banksman up` of this data folder answers; in a fleet, whether an agent of this site speaks. */
export async function isRunning(config: SiteConfig): Promise<boolean> {
  return config.bus.type === 'kafka' ? agentSpeaks(config) : answers(busSocketPath(config.data_dir));
}

/** Clock that stamps each camera's times minus this machine's, ms, as its agent says; 0 where `up` hosts the bus. */
export async function clockOffsets(config: SiteConfig): Promise<(camera: string) => number> {
  if (config.bus.type !== 'kafka') return () => 0;
  const options = { clientId: 'banksman-cli', log: silentLogger, onLost: () => undefined };
  const bus = await openBus(busAddressOf(config), options);
  try {
    const agents = await hearAgents({ bus, site: config.site, clock: systemClock });
    return (camera) => agents.find(({ record }) => camera in record.cameras)?.clockOffsetMs ?? 0;
  } finally {
    await bus.close();
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** @throws BanksmanError BUS_UNREACHABLE, BUS_UNAUTHORIZED, BUS_TLS, BUS_TOPIC_MISSING */
async function agentSpeaks(config: SiteConfig): Promise<boolean> {
  const options = { clientId: 'banksman-cli', log: silentLogger, onLost: () => undefined };
  const bus = await openBus(busAddressOf(config), options);
  try {
    const signal = AbortSignal.timeout(AGENT_SILENT_MS);
    for await (const message of bus.tail(TOPICS.agents.name, 'latest', { signal })) {
      if (siteOf(message) === config.site) return true;
    }
    return false;
  } finally {
    await bus.close();
  }
}

/** Undefined for a record that nobody can read. */
function siteOf(message: Message): string | undefined {
  try {
    return parseMessage('agents.v1', message).site;
  } catch {
    return undefined;
  }
}
