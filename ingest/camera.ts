/**
 * The process of one camera for one RTSP session; forked by the ingest agent, see `ipc.ts`. Lean: what
 * it loads is paid for by every camera.
 */
import { Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { openBus } from '../runtime/bus/open.ts';
import type { Bus } from '../runtime/bus/types.ts';
import { systemClock } from '../runtime/clock.ts';
import { asError, BanksmanError, type ErrorCode } from '../runtime/errors.ts';
import { rememberCompiled } from '../runtime/lean.ts';
import { createLogger } from '../runtime/log.ts';
import { cameraKey, TOPICS } from '../runtime/messages/topics.ts';
import { CarryingTracer, noTracer } from '../runtime/tracing.ts';
import { readAttention } from './attention.ts';
import { Counters } from './counters.ts';
import {
  type AgentToCamera,
  type CameraToAgent,
  type ConfigureMessage,
  HEARTBEAT_MS,
  LIVE_FD,
  type MetricSample,
} from './ipc.ts';
import { LiveFeed } from './media/feed.ts';
import { FramePublisher } from './publish.ts';
import { H264Decoder } from './rtsp/decoder.ts';
import { RtspSource } from './rtsp/source.ts';
import { CameraSession, LUMA_HEIGHT, LUMA_WIDTH } from './session.ts';

const TICK_MS = 250;
const RATE_WINDOW_MS = 5_000;
const STOP_LIMIT_MS = 2_000;

const log = createLogger('camera');
const counters = new Counters();
const live = new LiveFeed(counters, () =>
  // The agent that is gone is noticed elsewhere.
  new Socket({ fd: LIVE_FD, readable: false }).on('error', () => undefined),
);
let session: CameraSession | undefined;
let bus: Bus | undefined;
let ending = false;

function say(message: CameraToAgent): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || !process.send) return resolve();
    process.send(message, undefined, undefined, () => resolve());
  });
}

/** Leaves for good: what is due is published and said first, within bounds. */
async function leave(code: number, end?: { reason: ErrorCode; detail: string }): Promise<never> {
  if (!ending) {
    ending = true;
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), STOP_LIMIT_MS);
    const played = counters.total('access_units_total') > 0;
    await session?.stop().catch(() => undefined);
    report();
    await say({ type: 'heartbeat', progress: session?.progress ?? null });
    if (end) await say({ type: 'ended', ...end, played });
    await bus?.close().catch(() => undefined);
    process.exit(code);
  }
  return new Promise<never>(() => undefined);
}

async function begin(message: ConfigureMessage): Promise<void> {
  const { camera, credentials, epoch, lastRunId, sampleRatio } = message;
  const clientId = `banksman-camera-${camera.camera}`;
  bus = await openBus(message.busAddress, { clientId, log, onLost: () => void leave(1) });
  // Told to leave meanwhile: a pipeline that plays now would hang the exit.
  if (ending) return;
  const publisher = new FramePublisher(bus.producer(), counters, (error) => {
    if (!ending) log.warn({ camera: camera.camera, err: asError(error) }, 'the bus refused a record');
  });
  session = new CameraSession(camera, epoch, lastRunId, {
    clock: systemClock,
    source: new RtspSource({
      url: camera.url,
      credentials,
      transport: camera.transport,
      tls: camera.tls,
      now: () => systemClock.monotonic(),
    }),
    decoder: new H264Decoder({ lumaWidth: LUMA_WIDTH, lumaHeight: LUMA_HEIGHT }),
    publisher,
    counters,
    live,
    tracer: sampleRatio === null ? noTracer : new CarryingTracer(systemClock, sampleRatio),
    onEnd: (reason, detail) => void leave(0, { reason, detail }),
    onState: () => sayStatus(),
  });
  session.start();
  rememberCompiled();
  setInterval(() => session?.tick(), TICK_MS);
  setInterval(() => {
    void say({ type: 'heartbeat', progress: session?.progress ?? null });
    measureRates();
    sayStatus();
    report();
  }, HEARTBEAT_MS);
  sayStatus();
  attend(bus, cameraKey(camera.site, camera.camera)).catch((error: unknown) => {
    // Without its bus the process leaves anyhow.
    if (!ending) throw error;
  });
}

/** Follows what cleanup asks for. */
async function attend(from: Bus, key: string): Promise<void> {
  for await (const { value } of from.tail(TOPICS.attention.name, 'latest', { key })) {
    if (value === null) continue;
    try {
      const { keepUntilMs, maxFps } = readAttention(value);
      session?.attend(keepUntilMs, maxFps);
    } catch (error) {
      log.warn({ err: asError(error) }, 'attention record');
    }
  }
}

const RATES = {
  received: 'access_units_total',
  decoded: 'decoded_frames_total',
  published: 'frames_published_total',
} as const;
const rates = { received: 0, decoded: 0, published: 0 };
const history: { at: number; received: number; decoded: number; published: number }[] = [];

function measureRates(): void {
  const now = {
    at: performance.now(),
    received: counters.total(RATES.received),
    decoded: counters.total(RATES.decoded),
    published: counters.total(RATES.published),
  };
  history.push(now);
  while (history.length > 2 && now.at - (history[1]?.at ?? now.at) >= RATE_WINDOW_MS) history.shift();
  const first = history[0];
  if (!first || first === now) return;
  const seconds = (now.at - first.at) / 1000;
  for (const rate of ['received', 'decoded', 'published'] as const) {
    rates[rate] = Math.round(((now[rate] - first[rate]) / seconds) * 10) / 10;
  }
}

let saidStatus = '';

function sayStatus(): void {
  if (!session) return;
  const { state, reason } = session.state;
  const { size, runId, limitedFps } = session;
  const status: CameraToAgent = {
    type: 'status',
    state,
    reason,
    detail: null,
    fps: { ...rates },
    stream: size ? { codec: 'h264', ...size } : null,
    runId,
    limitedFps,
  };
  const text = JSON.stringify(status);
  if (text === saidStatus) return;
  saidStatus = text;
  void say(status);
}

/** Coarser than in the roles: with many cameras a timer a millisecond would cost more than it tells. */
const LOOP_RESOLUTION_MS = 5;
const loopDelay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
loopDelay.enable();

let cpu = process.cpuUsage();

function countCpu(): void {
  const now = process.cpuUsage();
  counters.add('camera_cpu_seconds_total', (now.user + now.system - cpu.user - cpu.system) / 1e6);
  cpu = now;
}

function report(): void {
  countCpu();
  const delayMs = Math.max(0, loopDelay.percentile(99) / 1e6 - LOOP_RESOLUTION_MS);
  loopDelay.reset();
  const gauges: MetricSample[] = [
    ['camera_rss_bytes', {}, process.memoryUsage.rss()],
    ['camera_event_loop_delay_p99_seconds', {}, delayMs / 1000],
  ];
  void say({ type: 'metrics', counters: counters.take(), gauges, samples: [] });
}

process.on('message', (message: AgentToCamera) => {
  if (message.type === 'stop') void leave(0);
  else if (message.type === 'decode_error') session?.distrust();
  else if (message.type === 'live') live.watch(message.on);
  else if (session) session.configure(message.camera);
  else {
    begin(message).catch((error: unknown) => {
      const known = error instanceof BanksmanError;
      log.error({ err: asError(error) }, 'cannot begin');
      void leave(1, { reason: known ? error.code : 'INTERNAL', detail: asError(error).message });
    });
  }
});
// Node's own way out joins threads that wait for a pipeline that still plays: it would never end.
process.on('uncaughtException', (error) => {
  if (!ending) log.fatal({ err: error }, 'camera process failed');
  void leave(1);
});
// The agent is gone; its successor starts this camera anew.
process.on('disconnect', () => void leave(0));
// Ctrl-C reaches the whole group; the agent says when to stop.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => void leave(0));
