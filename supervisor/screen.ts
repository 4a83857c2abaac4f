import type { Bus, Message } from '../runtime/bus/types.ts';
import { ERRORS, isErrorCode } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { type JsonTopic, parseMessage, type ValueOf } from '../runtime/messages/schemas.ts';
import type { CameraStatus, Incident } from '../runtime/messages/types.ts';
import { fromTimestamp } from '../runtime/time.ts';

/** Where and how `up` speaks to people. */
export interface ScreenOutput {
  write: (line: string) => void;
  color: boolean;
}

export type Paint = (text: string, style: 'red' | 'green' | 'yellow' | 'dim' | 'bold') => string;

const CODES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

export function painter(color: boolean): Paint {
  return (text, style) => (color ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text);
}

const STATE_STYLE: Record<CameraStatus['state'], 'red' | 'green' | 'yellow' | 'dim'> = {
  active: 'green',
  idle: 'green',
  connecting: 'dim',
  stopped: 'dim',
  starved: 'yellow',
  stalled: 'red',
  blind: 'red',
  backoff: 'red',
  quarantined: 'red',
};

/** `gate      active       h264 1280×720 10.0 fps`; where all is not well the reason, and below it the mend. Pure. */
export function cameraLine(status: CameraStatus, paint: Paint): string {
  const name = paint(status.camera.padEnd(16), 'bold');
  const state = paint(status.state.padEnd(12), STATE_STYLE[status.state]);
  if (status.reason !== null) {
    const known = isErrorCode(status.reason) ? ERRORS[status.reason] : undefined;
    const what = status.detail ?? known?.message ?? '';
    const mend = known === undefined ? '' : `\n    ${paint(known.mend, 'dim')}`;
    return `${name} ${state} ${status.reason}${what === '' ? '' : `: ${what}`}${mend}`;
  }
  const { stream, fps, limitedFps } = status;
  const parts = [
    name,
    state,
    stream === null ? '' : paint(`${stream.codec} ${stream.width}×${stream.height}`, 'dim'),
    // Just connected it is not measured yet.
    fps.received === 0 ? '' : paint(`${fps.received.toFixed(1)} fps`, 'dim'),
    limitedFps === null ? '' : paint(`limited to ${limitedFps.toFixed(1)} fps by load`, 'yellow'),
  ];
  return parts.filter((part) => part !== '').join(' ');
}

/** `INCIDENT high person-on-road at gate, zone road, 2 people`. Pure. */
export function incidentLine(incident: Incident, paint: Paint): string {
  const where = `at ${incident.camera}${incident.zone === null ? '' : `, zone ${incident.zone}`}`;
  const who = incident.peopleMax === 1 ? '1 person' : `${incident.peopleMax} people`;
  switch (incident.transition) {
    case 'opened':
      return `${paint('INCIDENT', 'red')} ${incident.severity} ${paint(incident.rule, 'bold')} ${where}, ${who} ${paint(incident.id, 'dim')}`;
    case 'unobserved':
      return `${paint('UNSEEN', 'yellow')}   ${incident.rule} ${where}: ${incident.unobservedReason?.replace(':', ': ') ?? 'nobody can look'}`;
    default: {
      const seconds =
        (fromTimestamp(incident.closedAt ?? incident.updatedAt) - fromTimestamp(incident.openedAt)) / 1000;
      return `${paint('closed', 'green')}   ${incident.rule} ${where}: ${incident.closeReason ?? ''} after ${seconds.toFixed(1)} s`;
    }
  }
}

/** The same for programs: incidents as log lines, until aborted. What happens to cameras their agent logs. */
export async function logIncidents(bus: Bus, log: Logger, signal: AbortSignal): Promise<void> {
  for await (const message of bus.tail('incidents.v1', 'latest', { signal })) {
    const incident = read('incidents.v1', message);
    if (!incident) continue;
    const { id, transition, rule, camera, zone, severity, closeReason, unobservedReason } = incident;
    if (transition === 'updated') continue;
    const level = transition === 'closed' ? 'info' : 'warn';
    log[level]({ incident: id, transition, rule, camera, zone, severity, closeReason, unobservedReason }, 'incident');
  }
}

/** Load comes and goes: that a camera is limited is said again only when it was not for this long. */
const LIMIT_QUIET_MS = 60_000;

/** Follows status and incidents and prints a line where something changed, until aborted. */
export async function showChanges(bus: Bus, output: ScreenOutput, signal: AbortSignal): Promise<void> {
  const paint = painter(output.color);
  const said = new Map<string, string>();
  const limitSaid = new Map<string, number>();
  const stamp = (epochMs: number): string => paint(new Date(epochMs).toTimeString().slice(0, 8), 'dim');

  const cameras = (async () => {
    for await (const message of bus.tail('camera.status.v1', 'latest', { signal })) {
      const status = read('camera.status.v1', message);
      if (!status) continue;
      // Idle and active follow one another all day; only what a person must know is a line.
      const phase = status.state === 'active' ? 'idle' : status.state;
      const gist = `${phase} ${status.reason ?? ''}`;
      const limited = status.limitedFps !== null;
      const newlyLimited = limited && message.timestamp - (limitSaid.get(message.key) ?? 0) > LIMIT_QUIET_MS;
      if (limited) limitSaid.set(message.key, message.timestamp);
      if (said.get(message.key) === gist && !newlyLimited) continue;
      said.set(message.key, gist);
      output.write(`${stamp(message.timestamp)} ${cameraLine(status, paint)}`);
    }
  })();
  const incidents = (async () => {
    for await (const message of bus.tail('incidents.v1', 'latest', { signal })) {
      const incident = read('incidents.v1', message);
      if (!incident || incident.transition === 'updated') continue;
      output.write(`${stamp(message.timestamp)} ${incidentLine(incident, paint)}`);
    }
  })();
  await Promise.all([cameras, incidents]);
}

/** Undefined for a removal, and for what nobody can read: whoever consumes it for good puts it aside and counts it. */
function read<T extends JsonTopic>(topic: T, message: Message): ValueOf<T> | undefined {
  try {
    return parseMessage(topic, message);
  } catch {
    return undefined;
  }
}
