/**
 * An ingest agent in a process of its own, with stand-ins for camera processes: `IngestFleet` forks it.
 * Its machine's clock may be wrong.
 */
import { join } from 'node:path';
import { IngestAgent } from '../../ingest/agent.ts';
import { type BusAddress, openBus } from '../../runtime/bus/open.ts';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { createLogger } from '../../runtime/log.ts';
import { noMetrics } from '../../runtime/metrics.ts';

export interface AgentProcessOptions {
  agentId: string;
  busAddress: BusAddress;
  dataDir: string;
  /** Of its wall clock. */
  skewMs: number;
}

const { agentId, busAddress, dataDir, skewMs }: AgentProcessOptions = JSON.parse(process.argv[2] ?? '{}');
const clock: Clock = { ...systemClock, now: () => Date.now() + skewMs };
const log = createLogger('ingest');
const bus = await openBus(busAddress, { clientId: agentId, log, onLost: () => process.exit(1) });
const agent = new IngestAgent({
  ...{ bus, busAddress, dataDir, agentId, clock, metrics: noMetrics, site: 'yard', log },
  cameraCommand: {
    script: join(import.meta.dirname, 'stand_in_camera.ts'),
    execArgv: ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=1'],
    env: { STAND_IN_SKEW_MS: String(skewMs) },
  },
  capacity: 2,
  // A machine that starts dozens of processes for a test is slow.
  heartbeatLimitMs: 60_000,
  preflightTimeoutMs: 30_000,
});
process.on('disconnect', () => process.exit(0));
process.on('message', () => {
  void agent.stop().then(async () => {
    await bus.close();
    process.exit(0);
  });
});
await agent.start();
process.send?.('ready');
