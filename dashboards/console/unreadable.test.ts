import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { cameraKey } from '../../runtime/messages/topics.ts';
import { cameraRecord } from '../../test/ingest/camera_record.ts';
import { until } from '../../test/wait.ts';
import { TestConsole } from './testing.ts';
import type { CameraView } from './views.ts';

let site: TestConsole;
let base: string;

beforeAll(async () => {
  site = await TestConsole.create();
  await send('spoiled', Buffer.from('<html>'));
  await send('gate', encodeJson(cameraRecord({ camera: 'gate', url: 'rtsp://127.0.0.1/gate' })));
  base = await site.start({});
});
afterAll(() => site?.end());

async function send(camera: string, value: Buffer | null): Promise<void> {
  await site.bus.producer().send('cameras.v1', { key: cameraKey('yard', camera), value });
}

async function cameras(): Promise<CameraView[]> {
  const response = await fetch(`${base}/api/v1/cameras`);
  expect(response.status).toBe(200);
  return ((await response.json()) as { cameras: CameraView[] }).cameras;
}

const spoiled = { id: 'spoiled', state: 'stopped', reason: 'MESSAGE_INVALID', watched: false };

test('a camera whose record nobody can read is shown, with the reason, beside the others', async () => {
  expect(await cameras()).toMatchObject([{ id: 'gate', state: 'connecting', reason: null }, spoiled]);
});

test('a record that nobody can read leaves the one before it', async () => {
  await send('gate', encodeJson({ camera: 5 }));
  await send('spoiled', null);
  await send('gate', encodeJson(null));
  await until('the removal', async () => (await cameras()).length === 1);
  expect(await cameras()).toMatchObject([{ id: 'gate', state: 'connecting', reason: null }]);
});
