import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openMemoryBus } from '../runtime/bus/local/memory.ts';
import type { Bus } from '../runtime/bus/types.ts';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { encodeJson } from '../runtime/messages/codec.ts';
import type { AgentRecord } from '../runtime/messages/types.ts';
import { PrometheusMetrics } from '../runtime/prometheus.ts';
import { type RtspServer, startRtspServer } from '../simulator/rtsp/server.ts';
import { statusOf } from '../test/fleet/camera_status.ts';
import { cameraRecord } from '../test/ingest/camera_record.ts';
import { until } from '../test/wait.ts';
import { IngestAgent } from './agent.ts';

vi.setConfig({ testTimeout: 240_000 });
const PATTERN = { kind: 'pattern', width: 320, height: 180, fps: 5 } as const;
/** An agent that stalls is silent, and what was said before does not count: it takes as long as it takes. */
const LIMIT_MS = 90_000;

let folder: string;
let bus: Bus;
let server: RtspServer;
let agent: IngestAgent;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'banksman-twice-'));
  bus = openMemoryBus();
  server = await startRtspServer({ streams: [{ path: '/cam', source: PATTERN }] });
  agent = new IngestAgent({
    ...{ bus, site: 'yard', log: silentLogger, clock: systemClock, dataDir: folder, agentId: 'agent-1', alone: false },
    metrics: new PrometheusMetrics(),
    busAddress: { type: 'local', socket: join(folder, 'bus.sock') },
    cameraCommand: {
      script: join(import.meta.dirname, '../test/ingest/scripted_camera.ts'),
      execArgv: ['--disable-warning=ExperimentalWarning'],
    },
  });
});
afterEach(async () => {
  await agent.stop();
  await server.stop();
  await bus.close();
  rmSync(folder, { recursive: true });
});

let seq = 0;
/** What another agent says: it leaves, so that nobody gives it a camera, and yet runs some. */
async function otherSays(state: AgentRecord['state'], cameras: readonly string[]): Promise<void> {
  const record: AgentRecord = {
    ...{ site: 'yard', agent: 'agent-2', at: new Date().toISOString(), seq: seq++, state, leads: false, capacity: 2 },
    cameras: Object.fromEntries(cameras.map((camera) => [camera, { epoch: 0, cpu: 0.1 }])),
  };
  await bus.producer().send('agents.v1', { key: 'yard/agent-2', value: encodeJson(record) });
}

it('a camera that another agent runs as well says so, and by whom, until the other has let it go', async () => {
  for (const camera of ['gate', 'road']) {
    const value = encodeJson(cameraRecord({ camera, url: server.url('/cam') }));
    await bus.producer().send('cameras.v1', { key: `yard/${camera}`, value });
  }
  await agent.start();
  const isIdle = async (camera: string): Promise<boolean> => {
    const status = await statusOf(bus, camera);
    return status?.state === 'idle' && status.reason === null;
  };
  for (const camera of ['gate', 'road']) await until(`${camera} to play`, () => isIdle(camera), LIMIT_MS);

  const twice = await until(
    'it to be told',
    async () => {
      await otherSays('leaving', ['gate']);
      const status = await statusOf(bus, 'gate');
      return status?.reason === 'CAMERA_OWNED_TWICE' && status;
    },
    LIMIT_MS,
    200,
  );
  expect(twice).toMatchObject({ agent: 'agent-1', detail: 'agent-2 runs it as well' });
  expect((await statusOf(bus, 'road'))?.reason).not.toBe('CAMERA_OWNED_TWICE');

  await otherSays('gone', []);
  await until('it to be well again', () => isIdle('gate'), LIMIT_MS);
});
