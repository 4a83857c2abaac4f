import { expect, it } from 'vitest';
import type { CameraStatus } from '../../runtime/messages/types.ts';
import { cameraView } from './cameras.ts';

const NOW = Date.parse('2026-11-21T20:00:00.000Z');
const status: CameraStatus = {
  ...{ site: 'yard', camera: 'gate', epoch: 3, agent: 'a', state: 'idle', reason: null, detail: null },
  since: '2026-11-21T19:00:00.000Z',
  updatedAt: '2026-11-21T19:59:58.000Z',
  ...{ watched: true, fps: { received: 10, decoded: 10, published: 1 }, stream: null, runId: 'r', limitedFps: null },
  media: { url: 'http://127.0.0.1:9465/v1/cameras/gate' },
};
const view = (nowMs: number): ReturnType<typeof cameraView> =>
  cameraView(
    { camera: 'gate', detect_within_s: 2 },
    { site: 'yard', camera: 'gate', status, coverage: null, watchedTo: null, picture: null },
    0,
    nowMs,
  );

it('says where the media of a camera is, for as long as its agent is heard of', () => {
  expect(view(NOW)).toMatchObject({ state: 'idle', media: status.media });
  expect(view(NOW + 60_000)).toMatchObject({ state: 'stopped', reason: 'ROLE_FAILED', media: null });
});
