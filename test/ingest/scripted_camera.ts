import { connect } from 'node:net';
import { type AgentToCamera, type CameraToAgent, type ConfigureMessage, nextRunId } from '../../ingest/ipc.ts';
import { parseRtspUrl } from '../../ingest/rtsp/url.ts';

/**
 * Stands in for a camera process where the agent is tested: plays as long as a TCP connection to the
 * camera lives. The first letters of the camera's name say how it misbehaves; the status's detail
 * says what it was configured with.
 */
const say = (message: CameraToAgent): void => {
  process.send?.(message);
};
const startedAt = Date.now();
let first: ConfigureMessage | null = null;
let runId = '';

process.on('disconnect', () => process.exit(0));
process.on('message', (message: AgentToCamera) => {
  if (message.type === 'stop') {
    if (!first?.camera.camera.startsWith('deaf')) process.exit(0);
    return;
  }
  if (message.type !== 'configure') return;
  if (first === null) begin(message);
  sayStatus(message);
});
setInterval(() => first && say({ type: 'heartbeat', progress: progress() }), 200);

function begin(message: ConfigureMessage): void {
  first = message;
  runId = nextRunId(message.lastRunId, Date.now());
  const name = message.camera.camera;
  if (name.startsWith('crash')) process.exit(3);
  if (name.startsWith('hang')) setTimeout(() => process.kill(process.pid, 'SIGSTOP'), 500);
  const { host, port } = parseRtspUrl(message.camera.url);
  const socket = connect({ host, port });
  const ended = (): void => {
    say({ type: 'heartbeat', progress: progress() });
    say({ type: 'ended', reason: 'RTSP_ENDED', detail: 'the camera closed the connection', played: true });
    process.disconnect();
  };
  socket.once('error', () => socket.destroy());
  socket.once('close', ended);
  say({ type: 'heartbeat', progress: progress() });
  say({
    type: 'metrics',
    counters: [['frames_published_total', { purpose: 'live' }, 2]],
    gauges: [['camera_rss_bytes', {}, process.memoryUsage.rss()]],
    samples: [],
  });
}

function progress(): { runId: string; seq: number; toMs: number } {
  return { runId, seq: Math.floor((Date.now() - startedAt) / 100), toMs: Date.now() };
}

function sayStatus({ camera, credentials, epoch, lastRunId, session }: ConfigureMessage): void {
  const detail = JSON.stringify({
    zones: Object.keys(camera.zones),
    user: credentials?.username ?? null,
    epoch,
    lastRunId,
    width: session.width,
    pid: process.pid,
  });
  const fps = { received: 10, decoded: 10, published: 1 };
  const stream = {
    codec: session.codec,
    profile: session.profile,
    width: session.width ?? 0,
    height: session.height ?? 0,
  };
  say({ type: 'status', state: 'idle', reason: null, detail, fps, stream, runId, limitedFps: null });
}
