import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openMemoryBus } from '../runtime/bus/local/memory.ts';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { encodeJson } from '../runtime/messages/codec.ts';
import { parseMessage } from '../runtime/messages/schemas.ts';
import { cameraKey } from '../runtime/messages/topics.ts';
import type { CameraStatus } from '../runtime/messages/types.ts';
import { noMetrics } from '../runtime/metrics.ts';
import { cameraRecord } from '../test/ingest/camera_record.ts';
import { startRtspServer } from '../test/rtsp/server.ts';
import { IngestAgent } from './agent.ts';

const OUTAGES = 20;
const LONGEST_OUTAGE_MS = 10_000;
const RETURN_LIMIT_MS = 5_000;

/** The agent's part of it, with a light process in place of the camera's: what a whole system adds is tested there. */
it('brings a camera back within 5 s after each of 20 outages, with its reason, and leaks nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'banksman-outages-'));
  const bus = openMemoryBus();
  const producer = bus.producer();
  const server = await startRtspServer({
    streams: [{ path: '/cam', source: { kind: 'pattern', width: 320, height: 180, fps: 5 } }],
  });
  const table = bus.table('camera.status.v1');
  await table.start();
  const status = (): CameraStatus | undefined => {
    const message = table.get(cameraKey('yard', 'gate'));
    return message && parseMessage('camera.status.v1', message);
  };
  const state = (): string => `${status()?.state} ${status()?.reason}`;
  const record = cameraRecord({ camera: 'gate', url: server.url('/cam') });
  await producer.send('cameras.v1', { key: cameraKey('yard', 'gate'), value: encodeJson(record) });
  const agent = new IngestAgent({
    ...{ bus, site: 'yard', log: silentLogger, metrics: noMetrics, clock: systemClock, dataDir: folder },
    agentId: 'agent-1',
    busSocket: join(folder, 'bus.sock'),
    cameraCommand: { script: join(import.meta.dirname, '../test/ingest/scripted_camera.ts') },
  });
  await agent.start();
  const descriptors: number[] = [];
  const pids = new Set<number>();
  for (let outage = 0; outage < OUTAGES; outage++) {
    await expect.poll(state, { timeout: 30_000, interval: 20 }).toBe('idle null');
    descriptors.push(readdirSync('/proc/self/fd').length);
    pids.add(agent.pidOf('gate') ?? 0);
    await delay(Math.random() * 2_000);
    await server.kill();
    const lengthMs = Math.random() * LONGEST_OUTAGE_MS;
    await delay(lengthMs);
    if (lengthMs > 3_000) expect(state()).toBe('backoff RTSP_REFUSED');
    await server.restart();
    const back = performance.now();
    await expect.poll(state, { timeout: 30_000, interval: 20 }).toBe('idle null');
    expect(performance.now() - back, `outage of ${Math.round(lengthMs)} ms`).toBeLessThan(RETURN_LIMIT_MS);
  }
  expect(pids.size).toBe(OUTAGES);
  expect(Math.max(...descriptors.slice(5)) - Math.max(...descriptors.slice(0, 5))).toBeLessThanOrEqual(2);
  const last = agent.pidOf('gate') ?? 0;
  await agent.stop();
  for (const pid of [...pids, last]) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  await table.stop();
  await server.stop();
  await bus.close();
  rmSync(folder, { recursive: true });
}, 600_000);
