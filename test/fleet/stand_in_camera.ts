/**
 * Stands in for a camera process where many agents are tested: says `quiet` four times a second, with the
 * id of its agent in a header, and costs next to nothing.
 */
import { type AgentToCamera, type CameraToAgent, type ConfigureMessage, nextRunId } from '../../ingest/ipc.ts';
import { openBus } from '../../runtime/bus/open.ts';
import { createLogger } from '../../runtime/log.ts';

const EVERY_MS = 250;
const skewMs = Number(process.env['STAND_IN_SKEW_MS'] ?? 0);
const now = (): number => Date.now() + skewMs;
let begun = false;

function say(message: CameraToAgent): void {
  if (process.connected) process.send?.(message);
}

process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => undefined);
process.on('message', (message: AgentToCamera) => {
  if (message.type === 'stop') process.exit(0);
  if (message.type === 'configure' && !begun) {
    begun = true;
    void begin(message);
  }
});

async function begin({ camera: record, epoch, agent, busAddress, lastRunId }: ConfigureMessage): Promise<void> {
  const { site, camera } = record;
  const bus = await openBus(busAddress, {
    clientId: camera,
    log: createLogger('camera'),
    onLost: () => process.exit(1),
  });
  const producer = bus.producer();
  const runId = nextRunId(lastRunId, now());
  const stream = { codec: 'h264', profile: null, width: 64, height: 36 };
  const fps = { received: 10, decoded: 0, published: 0 };
  say({ type: 'status', state: 'idle', reason: null, detail: null, fps, stream, runId, limitedFps: null });
  let toMs = now();
  let cpu = 0;
  setInterval(() => {
    const observation = {
      ...{ site, camera, epoch, runId, afterSeq: -1, kind: 'quiet', reason: null },
      from: new Date(toMs).toISOString(),
      to: new Date(now()).toISOString(),
    };
    toMs = now();
    void producer
      .send('observations.v1', {
        key: `${site}/${camera}`,
        headers: { agent },
        value: Buffer.from(JSON.stringify(observation)),
      })
      .catch(() => undefined);
    say({ type: 'heartbeat', progress: { runId, seq: -1, toMs } });
    // Made up, so that the load of the test's machine moves no cameras.
    cpu += EVERY_MS / 1_000;
    if (cpu >= 1) {
      say({ type: 'metrics', counters: [['camera_cpu_seconds_total', {}, 0.05 * cpu]], gauges: [], samples: [] });
      cpu = 0;
    }
  }, EVERY_MS);
}
