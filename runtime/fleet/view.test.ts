import { afterEach, beforeEach, expect, it } from 'vitest';
import { openMemoryBus } from '../bus/local/memory.ts';
import type { Bus } from '../bus/types.ts';
import { encodeJson } from '../messages/codec.ts';
import type { AgentRecord, CameraStatus } from '../messages/types.ts';
import { toTimestamp } from '../time.ts';
import type { KnownAgent } from './roster.ts';
import { ownedCameras } from './view.ts';

let bus: Bus;
beforeEach(() => {
  bus = openMemoryBus();
});
afterEach(() => bus.close());

function agent(id: string, cameras: readonly string[]): KnownAgent {
  const record: AgentRecord = {
    ...{ site: 'yard', agent: id, at: toTimestamp(0), seq: 0, state: 'running', leads: false, capacity: 2 },
    cameras: Object.fromEntries(cameras.map((camera) => [camera, { epoch: 0, cpu: 0.1 }])),
  };
  return { record, heardAt: 0, clockOffsetMs: 0 };
}

it('tells of each camera who has it: nobody, one, one that is silent, or two', async () => {
  const producer = bus.producer();
  const epochs = new Map<string, number>();
  for (const [camera, owner] of [
    ['alone', null],
    ['gate', 'a'],
    ['road', 'b'],
    ['shed', 'silent'],
  ] as const) {
    const key = `yard/${camera}`;
    await producer.send('cameras.v1', { key, value: Buffer.from('{}') });
    if (owner === null) continue;
    const given = { site: 'yard', camera, agent: owner, at: toTimestamp(0) };
    const { offset } = await producer.send('camera.owners.v1', { key, value: encodeJson(given) });
    epochs.set(camera, offset);
    const status: CameraStatus = {
      ...{ site: 'yard', camera, agent: owner, epoch: offset, state: 'idle', watched: true },
      ...{ reason: null, detail: null, since: toTimestamp(0), updatedAt: toTimestamp(0) },
      ...{ stream: null, fps: { received: 10, decoded: 1, published: 1 }, runId: null, limitedFps: null, media: null },
    };
    await producer.send('camera.status.v1', { key, value: encodeJson(status) });
  }
  const seen = await ownedCameras(bus, 'yard', [agent('a', ['gate']), agent('b', ['gate', 'road'])]);
  expect(seen).toEqual([
    { camera: 'alone', agent: null, epoch: null, state: 'stopped', reason: 'CAMERA_UNOWNED' },
    { camera: 'gate', agent: 'a', epoch: epochs.get('gate'), state: 'idle', reason: 'CAMERA_OWNED_TWICE' },
    { camera: 'road', agent: 'b', epoch: epochs.get('road'), state: 'idle', reason: null },
    { camera: 'shed', agent: 'silent', epoch: epochs.get('shed'), state: 'stopped', reason: 'CAMERA_UNOWNED' },
  ]);
});
