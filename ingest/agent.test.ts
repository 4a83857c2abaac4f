import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openMemoryBus } from '../runtime/bus/local/memory.ts';
import type { Bus, Producer } from '../runtime/bus/types.ts';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { encodeJson } from '../runtime/messages/codec.ts';
import { type JsonTopic, parseMessage, type ValueOf } from '../runtime/messages/schemas.ts';
import { cameraKey } from '../runtime/messages/topics.ts';
import type { CameraRecord, CameraStatus, Observation } from '../runtime/messages/types.ts';
import { PrometheusMetrics } from '../runtime/prometheus.ts';
import { type RtspServer, type RtspServerOptions, startRtspServer } from '../simulator/rtsp/server.ts';
import { cameraRecord } from '../test/ingest/camera_record.ts';
import { IngestAgent, type IngestAgentOptions } from './agent.ts';

const PATTERN = { kind: 'pattern', width: 320, height: 180, fps: 5 } as const;
const STREAMS = { streams: [{ path: '/cam', source: PATTERN }] };
vi.setConfig({ testTimeout: 300_000 });
const SLOW = { timeout: 60_000, interval: 50 };

let folder: string;
let bus: Bus;
let producer: Producer;
let metrics: PrometheusMetrics;
let agents: IngestAgent[];
let servers: RtspServer[];
/** Every status in order: the topic itself keeps the last. */
let history: CameraStatus[];
let over: AbortController;
let following: Promise<void>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'banksman-agent-'));
  bus = openMemoryBus();
  producer = bus.producer();
  metrics = new PrometheusMetrics();
  agents = [];
  servers = [];
  history = [];
  over = new AbortController();
  following = (async () => {
    for await (const message of bus.tail('camera.status.v1', 'latest', { signal: over.signal })) {
      if (message.value !== null) history.push(parseMessage('camera.status.v1', message));
    }
  })();
});
afterEach(async () => {
  for (const agent of agents) await agent.stop();
  for (const server of servers) await server.stop();
  over.abort();
  await following;
  await bus.close();
  rmSync(folder, { recursive: true });
});

async function serve(options: RtspServerOptions = STREAMS): Promise<RtspServer> {
  const server = await startRtspServer(options);
  servers.push(server);
  return server;
}

async function startAgent(options: Partial<IngestAgentOptions> = {}): Promise<IngestAgent> {
  const agent = new IngestAgent({
    ...{ bus, metrics, site: 'yard', log: silentLogger, clock: systemClock, dataDir: folder },
    agentId: 'agent-1',
    alone: true,
    busAddress: { type: 'local', socket: join(folder, 'bus.sock') },
    cameraCommand: {
      script: join(import.meta.dirname, '../test/ingest/scripted_camera.ts'),
      execArgv: ['--disable-warning=ExperimentalWarning'],
    },
    ...options,
  });
  agents.push(agent);
  await agent.start();
  return agent;
}

async function put(record: CameraRecord): Promise<void> {
  await producer.send('cameras.v1', { key: cameraKey('yard', record.camera), value: encodeJson(record) });
}

/** Everything of a topic so far. */
async function all<T extends JsonTopic>(topic: T): Promise<ValueOf<T>[]> {
  const values: ValueOf<T>[] = [];
  for await (const message of bus.tail(topic, 'earliest', { stopAtEnd: true })) {
    if (message.value !== null) values.push(parseMessage(topic, message));
  }
  return values;
}

async function statusOf(camera: string): Promise<CameraStatus | undefined> {
  return (await all('camera.status.v1')).filter((status) => status.camera === camera).at(-1);
}

/** `state reason` of a camera now. */
const stateOf = (camera: string) => async (): Promise<string> => {
  const status = await statusOf(camera);
  return status ? `${status.state} ${status.reason}` : '';
};

async function detailOf(camera: string): Promise<Record<string, unknown>> {
  return JSON.parse((await statusOf(camera))?.detail ?? '{}');
}

async function metric(name: string): Promise<string> {
  return await metrics.registry.getSingleMetricAsString(name);
}

describe('a camera that works', () => {
  it('is taken with an epoch, played, reported and stopped', async () => {
    const server = await serve();
    await put(cameraRecord({ camera: 'gate', url: server.url('/cam') }));
    const agent = await startAgent();
    await expect.poll(stateOf('gate'), SLOW).toBe('idle null');
    const owner = (await all('camera.owners.v1'))[0];
    expect(owner).toMatchObject({ camera: 'gate', agent: 'agent-1' });
    const status = await statusOf('gate');
    expect(status).toMatchObject({
      agent: 'agent-1',
      stream: { codec: 'h264', width: 320, height: 180 },
      watched: false,
    });
    expect(status?.fps.received).toBe(10);
    expect(await detailOf('gate')).toMatchObject({ epoch: status?.epoch, width: 320 });
    expect(await metric('banksman_frames_published_total')).toContain('camera="gate"');
    expect(await metric('banksman_camera_state')).toContain('{camera="gate",state="idle",reason=""} 1');

    const cover = (): Promise<unknown> =>
      producer.send('coverage.v1', {
        key: cameraKey('yard', 'gate'),
        value: encodeJson({
          ...{ site: 'yard', camera: 'gate', watched: true, reason: null },
          from: new Date(Date.now() - 60_000).toISOString(),
          to: new Date().toISOString(),
        }),
      });
    const watched = async (): Promise<boolean | undefined> => {
      await cover();
      return (await statusOf('gate'))?.watched;
    };
    await expect.poll(watched, SLOW).toBe(true);

    const pid = agent.pidOf('gate') ?? 0;
    await agent.stop();
    expect(await stateOf('gate')()).toBe('stopped null');
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  it('gets changed zones live, and a new process for a changed stream', async () => {
    const server = await serve({ streams: [...STREAMS.streams, { path: '/other', source: PATTERN }] });
    const record = cameraRecord({ camera: 'gate', url: server.url('/cam') });
    await put(record);
    const agent = await startAgent();
    await expect.poll(stateOf('gate'), SLOW).toBe('idle null');
    const pid = agent.pidOf('gate');
    const zones = { road: [[0, 0] as [number, number], [1, 0] as [number, number], [1, 1] as [number, number]] };
    await put({ ...record, zones });
    await expect.poll(async () => (await detailOf('gate'))['zones'], SLOW).toEqual(['road']);
    expect(agent.pidOf('gate')).toBe(pid);

    await put({ ...record, zones, url: server.url('/other') });
    const successor = async (): Promise<unknown> => {
      const { pid: now, zones: its } = await detailOf('gate');
      return now === pid ? 'the process before' : its;
    };
    await expect.poll(successor, SLOW).toEqual(['road']);
    expect(agent.pidOf('gate')).not.toBe(pid);
  });

  it('ends when it is taken out of the configuration, and leaves no state behind', async () => {
    const server = await serve();
    await put(cameraRecord({ camera: 'gate', url: server.url('/cam') }));
    const agent = await startAgent();
    await expect.poll(stateOf('gate'), SLOW).toBe('idle null');
    await producer.send('cameras.v1', { key: cameraKey('yard', 'gate'), value: null });
    await expect.poll(() => agent.pidOf('gate'), SLOW).toBeUndefined();
    const table = bus.table('camera.status.v1');
    await table.start();
    await expect.poll(() => table.size, SLOW).toBe(0);
    await table.stop();
    await expect.poll(() => metric('banksman_camera_state'), SLOW).not.toContain('gate');
  });

  it('goes on with the record before one that nobody can read, also when it is given anew', async () => {
    const server = await serve();
    await put(cameraRecord({ camera: 'gate', url: server.url('/cam') }));
    await startAgent();
    await expect.poll(stateOf('gate'), SLOW).toBe('idle null');
    const before = (await detailOf('gate'))['epoch'];
    const junk = { key: cameraKey('yard', 'gate'), value: Buffer.from('{"site":') };
    await producer.send('cameras.v1', junk);
    await expect.poll(async () => (await all('dead-letters.v1')).length, SLOW).toBeGreaterThan(0);
    await producer.send('camera.owners.v1', junk);
    const isAnew = async (): Promise<boolean> => {
      const { epoch } = await detailOf('gate').catch(() => ({ epoch: before }));
      return epoch !== undefined && epoch !== before;
    };
    await expect.poll(isAnew, SLOW).toBe(true);
    await expect.poll(stateOf('gate'), SLOW).toBe('idle null');
  });

  it('is forgotten when it was taken out while no agent ran', async () => {
    const server = await serve();
    await put(cameraRecord({ camera: 'gate', url: server.url('/cam') }));
    await put(cameraRecord({ camera: 'yard', url: server.url('/cam') }));
    const first = await startAgent();
    await expect.poll(stateOf('gate'), SLOW).toBe('idle null');
    await first.stop();
    await producer.send('cameras.v1', { key: cameraKey('yard', 'gate'), value: null });
    await startAgent();
    for (const topic of ['camera.status.v1', 'camera.owners.v1']) {
      const table = bus.table(topic);
      await table.start();
      expect([...table.entries()].map(([key]) => key)).toEqual(['yard/yard']);
      await table.stop();
    }
  });

  it('is ended by force when it does not stop by itself', async () => {
    const server = await serve();
    await put(cameraRecord({ camera: 'deaf', url: server.url('/cam') }));
    const agent = await startAgent();
    await expect.poll(stateOf('deaf'), SLOW).toBe('idle null');
    const pid = agent.pidOf('deaf') ?? 0;
    await agent.stop();
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});

describe('a camera that goes away', () => {
  it('is blind without a gap meanwhile, and back when the camera is', async () => {
    const server = await serve();
    await put(cameraRecord({ camera: 'gate', url: server.url('/cam') }));
    await startAgent();
    await expect.poll(stateOf('gate'), SLOW).toBe('idle null');
    const run = (await statusOf('gate'))?.runId ?? '';
    await server.kill();
    await expect.poll(stateOf('gate'), SLOW).toBe('backoff RTSP_REFUSED');
    await expect.poll(async () => (await blind()).length, SLOW).toBeGreaterThan(3);
    await server.restart();
    await expect.poll(stateOf('gate'), SLOW).toBe('idle null');

    const intervals = (await blind()).filter((observation) => observation.runId === run);
    expect(intervals.length).toBeGreaterThan(3);
    expect(intervals.every(({ afterSeq }) => afterSeq >= 0)).toBe(true);
    for (const [i, { from }] of intervals.entries()) if (i > 0) expect(from).toBe(intervals[i - 1]?.to);
    // Once the camera answers again it is connecting for as long as its process takes to load.
    expect(intervals.map(({ reason }) => reason).join(' ')).toMatch(/^(RTSP_\w+ ?){3,}( ?connecting)*$/);
    expect((await detailOf('gate'))['lastRunId']).toBe(run);
    expect((await statusOf('gate'))?.runId ?? '').toSatisfy((next: string) => next > run);
    expect(await metric('banksman_camera_reconnects_total')).toContain('camera="gate",reason="RTSP_ENDED"} 1');
  });

  async function blind(): Promise<Observation[]> {
    return (await all('observations.v1')).filter(({ kind }) => kind === 'blind');
  }

  it('has the reason of its failure, and waits for its secret', async () => {
    const server = await serve();
    await put(cameraRecord({ camera: 'nowhere', url: server.url('/nowhere') }));
    const file = join(folder, 'password');
    const secret = { username: { text: 'viewer' }, password: { file } };
    await put(cameraRecord({ camera: 'secret', url: server.url('/cam'), ...secret }));
    await startAgent();
    await expect.poll(stateOf('nowhere'), SLOW).toBe('backoff RTSP_NOT_FOUND');
    await expect.poll(stateOf('secret'), SLOW).toBe('backoff CONFIG_SECRET_MISSING');
    writeFileSync(file, 'hunter2\n');
    await expect.poll(stateOf('secret'), SLOW).toBe('idle null');
  });
});

describe('wrong credentials', () => {
  const AUTH = { ...STREAMS, auth: { user: 'viewer', password: 'right', method: 'digest' as const } };

  it('are tried once, not again after a restart, and again when the secret changes', async () => {
    const server = await serve(AUTH);
    const file = join(folder, 'password');
    writeFileSync(file, 'wrong-hunter2');
    const secret = { username: { text: 'viewer' }, password: { file } };
    await put(cameraRecord({ camera: 'one', url: server.url('/cam'), ...secret }));
    await put(cameraRecord({ camera: 'two', url: server.url('/cam?two'), ...secret }));
    const first = await startAgent();
    await expect.poll(stateOf('one'), SLOW).toBe('quarantined RTSP_UNAUTHORIZED');
    await expect.poll(stateOf('two'), SLOW).toBe('quarantined RTSP_UNAUTHORIZED');
    await first.stop();
    // A restart would get in now if it tried: the camera asks for nothing any more.
    await server.stop();
    await serve({ ...STREAMS, port: server.port });
    const agent = await startAgent();
    await expect.poll(stateOf('one'), SLOW).toBe('quarantined RTSP_UNAUTHORIZED');
    await expect.poll(stateOf('two'), SLOW).toBe('quarantined RTSP_UNAUTHORIZED');

    writeFileSync(file, 'right');
    expect(agent.retry('one')).toBe(true);
    await expect.poll(stateOf('one'), SLOW).toBe('idle null');
    const everything = [...history, ...(await all('observations.v1'))];
    expect(JSON.stringify(everything)).not.toContain('hunter2');
  });
});

describe('a process that fails', () => {
  it('is restarted, then quarantined when it always fails, until its record changes', async () => {
    const server = await serve();
    const record = cameraRecord({ camera: 'crash', url: server.url('/cam') });
    await put(record);
    await startAgent({ random: () => 0 });
    await expect.poll(stateOf('crash'), SLOW).toBe('quarantined CAMERA_QUARANTINED');
    expect(history.map(({ reason }) => reason)).toContain('CAMERA_PROCESS_FAILED');
    expect((await statusOf('crash'))?.detail).toContain('exit code 3');
    const restarts = async (): Promise<number> =>
      Number(/\{camera="crash"\} (\d+)/.exec(await metric('banksman_camera_restarts_total'))?.[1] ?? 0);
    // One that a slow machine took 5 s to start and lose is not held against it.
    const before = await restarts();
    expect(before).toBeGreaterThanOrEqual(5);
    await put({ ...record, configHash: 'changed' });
    await expect.poll(restarts, SLOW).toBeGreaterThan(before);
  });

  it('is replaced after it was killed', async () => {
    const server = await serve();
    await put(cameraRecord({ camera: 'gate', url: server.url('/cam') }));
    const agent = await startAgent();
    await expect.poll(stateOf('gate'), SLOW).toBe('idle null');
    const pid = agent.pidOf('gate') ?? 0;
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => agent.pidOf('gate') ?? pid, SLOW).not.toBe(pid);
    await expect.poll(stateOf('gate'), SLOW).toBe('idle null');
  });

  it('is ended and replaced when it hangs', async () => {
    const server = await serve();
    await put(cameraRecord({ camera: 'hang', url: server.url('/cam') }));
    const agent = await startAgent({ heartbeatLimitMs: 2_000 });
    await expect.poll(() => agent.pidOf('hang'), SLOW).toBeTypeOf('number');
    const pid = agent.pidOf('hang') ?? 0;
    await expect.poll(() => agent.pidOf('hang') ?? pid, SLOW).not.toBe(pid);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    await expect.poll(() => history.map(({ detail }) => detail ?? '').join(), SLOW).toContain('did not answer');
  });
});
