import type { Bus } from '../runtime/bus/types.ts';
import { ERRORS, isErrorCode } from '../runtime/errors.ts';
import { parseMessage } from '../runtime/messages/schemas.ts';
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

/** One calm line: `gate      active       5.0 fps`, with reason and mend where all is not well. Pure. */
export function cameraLine(status: CameraStatus, paint: Paint): string {
  const name = paint(status.camera.padEnd(16), 'bold');
  const state = paint(status.state.padEnd(12), STATE_STYLE[status.state]);
  if (status.reason !== null) {
    const what = status.detail ?? (isErrorCode(status.reason) ? ERRORS[status.reason].message : '');
    return `${name} ${state} ${status.reason}${what === '' ? '' : `: ${what}`}`;
  }
  const { stream, fps } = status;
  const picture = stream ? `${stream.codec} ${stream.width}×${stream.height} ${fps.received.toFixed(1)} fps` : '';
  const limited = status.limitedFps === null ? '' : paint(` limited to ${status.limitedFps.toFixed(1)} fps`, 'yellow');
  return `${name} ${state} ${paint(picture, 'dim')}${limited}`;
}

/** `INCIDENT high person-on-road at gate, zone road, 2 people`. Pure. */
export function incidentLine(incident: Incident, paint: Paint): string {
  const where = `at ${incident.camera}${incident.zone === null ? '' : `, zone ${incident.zone}`}`;
  const who = incident.peopleMax === 1 ? '1 person' : `${incident.peopleMax} people`;
  switch (incident.transition) {
    case 'opened':
      return `${paint('INCIDENT', 'red')} ${incident.severity} ${paint(incident.rule, 'bold')} ${where}, ${who} ${paint(incident.id, 'dim')}`;
    case 'unobserved':
      return `${paint('UNSEEN', 'yellow')}   ${incident.rule} ${where}: ${incident.unobservedReason ?? 'nobody can look'}`;
    default: {
      const seconds =
        (fromTimestamp(incident.closedAt ?? incident.updatedAt) - fromTimestamp(incident.openedAt)) / 1000;
      return `${paint('closed', 'green')}   ${incident.rule} ${where}: ${incident.closeReason ?? ''} after ${seconds.toFixed(1)} s`;
    }
  }
}

/** Follows status and incidents and prints a line where something changed, until aborted. */
export async function showChanges(bus: Bus, output: ScreenOutput, signal: AbortSignal): Promise<void> {
  const paint = painter(output.color);
  const said = new Map<string, string>();
  const stamp = (epochMs: number): string => paint(new Date(epochMs).toTimeString().slice(0, 8), 'dim');

  const cameras = (async () => {
    for await (const message of bus.tail('camera.status.v1', 'latest', { signal })) {
      if (message.value === null) continue;
      const status = parseMessage('camera.status.v1', message);
      // Idle and active follow one another all day; only what a person must know is a line.
      const phase = status.state === 'active' ? 'idle' : status.state;
      const gist = `${phase} ${status.reason ?? ''} ${status.limitedFps !== null}`;
      if (said.get(message.key) === gist) continue;
      said.set(message.key, gist);
      output.write(`${stamp(message.timestamp)} ${cameraLine(status, paint)}`);
    }
  })();
  const incidents = (async () => {
    for await (const message of bus.tail('incidents.v1', 'latest', { signal })) {
      if (message.value === null) continue;
      const incident = parseMessage('incidents.v1', message);
      if (incident.transition === 'updated') continue;
      output.write(`${stamp(message.timestamp)} ${incidentLine(incident, paint)}`);
    }
  })();
  await Promise.all([cameras, incidents]);
}
