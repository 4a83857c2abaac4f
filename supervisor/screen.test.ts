import { describe, expect, test } from 'vitest';
import { openMemoryBus } from '../runtime/bus/local/memory.ts';
import { silentLogger } from '../runtime/log.ts';
import { encodeJson } from '../runtime/messages/codec.ts';
import type { CameraStatus, Incident } from '../runtime/messages/types.ts';
import { sampleIncident, sampleStatus } from '../runtime/stores/state/samples.ts';
import { until } from '../test/wait.ts';
import { isCameraState, readableLogLine } from './log_lines.ts';
import { cameraLine, incidentLine, logIncidents, painter, showChanges } from './screen.ts';

const plain = painter(false);
const fine = sampleStatus({
  camera: 'gate',
  state: 'active',
  reason: null,
  detail: null,
  limitedFps: null,
  stream: { codec: 'h264', profile: null, width: 1280, height: 720 },
  fps: { received: 10, decoded: 10, published: 5 },
});

describe('a camera in one line', () => {
  test.each<[string, Partial<CameraStatus>, string]>([
    ['fine', {}, 'gate             active       h264 1280×720 10.0 fps'],
    [
      'just connected',
      { fps: { received: 0, decoded: 0, published: 0 } },
      'gate             active       h264 1280×720',
    ],
    [
      'limited',
      { limitedFps: 2.54 },
      'gate             active       h264 1280×720 10.0 fps limited to 2.5 fps by load',
    ],
    [
      'connecting',
      { state: 'connecting', stream: null, fps: { received: 0, decoded: 0, published: 0 } },
      'gate             connecting  ',
    ],
    [
      'refused',
      { state: 'backoff', reason: 'RTSP_REFUSED', detail: null },
      'gate             backoff      RTSP_REFUSED: the host refused the connection\n    Check the port, and that RTSP is switched on in the camera.',
    ],
    [
      'of an unknown reason',
      { state: 'blind', reason: 'MOON', detail: 'full' },
      'gate             blind        MOON: full',
    ],
  ])('%s', (_name, over, expected) => {
    expect(cameraLine({ ...fine, ...over }, plain)).toBe(expected);
  });
});

describe('an incident in one line', () => {
  const incident = sampleIncident({
    id: 'a1',
    camera: 'gate',
    rule: 'person-on-road',
    zone: 'road',
    severity: 'high',
    peopleMax: 2,
    openedAt: '2026-11-21T20:00:00.000Z',
  });
  test.each<[string, Partial<Incident>, string]>([
    ['opened', { transition: 'opened' }, 'INCIDENT high person-on-road at gate, zone road, 2 people a1'],
    [
      'unobserved',
      { transition: 'unobserved', unobservedReason: 'blind:RTSP_STALLED' },
      'UNSEEN   person-on-road at gate, zone road: blind: RTSP_STALLED',
    ],
    [
      'closed',
      { transition: 'closed', closeReason: 'left', closedAt: '2026-11-21T20:00:12.340Z' },
      'closed   person-on-road at gate, zone road: left after 12.3 s',
    ],
  ])('%s', (_name, over, expected) => {
    expect(incidentLine({ ...incident, ...over }, plain)).toBe(expected);
  });
});

test('the terminal stays calm: idle and active are one, a limit that comes and goes is said once', async () => {
  const bus = openMemoryBus();
  const abort = new AbortController();
  const lines: string[] = [];
  const shown = showChanges(bus, { write: (line) => lines.push(line), color: false }, abort.signal);
  const producer = bus.producer();
  const say = async (over: Partial<CameraStatus>): Promise<void> => {
    await producer.send('camera.status.v1', { key: 'yard/gate', value: encodeJson({ ...fine, ...over }) });
  };
  // The tail begins at what is latest when it is there: until the first line came nothing is certain.
  await until('the first line', async () => {
    await say({});
    return lines.length > 0;
  });
  for (const limitedFps of [null, 3, null, 2, null, 4]) {
    await say({ state: 'idle', limitedFps });
    await say({ state: 'active', limitedFps });
  }
  await say({ state: 'stalled', reason: 'RTSP_STALLED' });
  await until('the last line', () => lines.some((line) => line.includes('RTSP_STALLED')));
  abort.abort();
  await shown;
  await bus.close();
  expect(lines.map((line) => line.slice('00:00:00 gate             '.length).split(' ')[0])).toEqual([
    'active',
    'idle',
    'stalled',
  ]);
  expect(lines[1]).toContain('limited to 3.0 fps');
});

test('what nobody can read is passed over, on a terminal and in a log', async () => {
  const bus = openMemoryBus();
  const abort = new AbortController();
  const lines: string[] = [];
  const write = (line: unknown): unknown => lines.push(String(line));
  const shown = showChanges(bus, { write: (line) => void write(line), color: false }, abort.signal);
  const log = { ...silentLogger, warn: (entry: unknown) => write(JSON.stringify(entry)) };
  const logged = logIncidents(bus, log, abort.signal);
  const producer = bus.producer();
  const incident = sampleIncident({ id: 'a1', camera: 'gate', transition: 'opened' });
  await until('both to tell of an incident', async () => {
    for (const topic of ['camera.status.v1', 'incidents.v1']) {
      for (const value of [Buffer.from('<html>'), encodeJson({ surprise: 1 })]) {
        await producer.send(topic, { key: 'yard/gate', value });
      }
    }
    await producer.send('camera.status.v1', { key: 'yard/gate', value: encodeJson(fine) });
    await producer.send('incidents.v1', { key: 'yard/gate', value: encodeJson(incident) });
    return ['active', 'INCIDENT', '"incident":"a1"'].every((word) => lines.some((line) => line.includes(word)));
  });
  abort.abort();
  await Promise.all([shown, logged]);
  await bus.close();
});

describe('log lines on a terminal', () => {
  const line = (entry: Record<string, unknown>): string => JSON.stringify({ level: 'warn', role: 'ingest', ...entry });
  test.each<[string, string, string | undefined, string | null]>([
    ['a warning', line({ msg: 'lost', code: 'BUS_LOST', camera: 'gate' }), undefined, 'ingest gate BUS_LOST: lost'],
    [
      'an error with its cause',
      line({ level: 'error', msg: 'failed', err: { message: 'why' } }),
      undefined,
      'ingest failed: why',
    ],
    ['below what is asked for', line({ level: 'info', msg: 'ready' }), undefined, null],
    ['what is asked for', line({ level: 'info', msg: 'ready' }), 'info', 'ingest ready'],
    ['no log line', 'Segmentation fault', undefined, 'sink: Segmentation fault'],
    ['an empty line', ' ', undefined, null],
  ])('%s', (_name, text, least, expected) => {
    expect(readableLogLine('sink', text, plain, least)).toBe(expected);
  });

  test('states of cameras are the screen’s', () => {
    expect(isCameraState(line({ camera: 'gate', msg: 'camera state' }))).toBe(true);
    expect(isCameraState(line({ camera: 'gate', msg: 'camera process ended' }))).toBe(false);
  });
});
