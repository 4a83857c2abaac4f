/** How the page says times and places. */
import type { Incident, Mute } from '../../../runtime/messages/types.ts';

export const clock = (iso: string): string => {
  const time = new Date(iso);
  const today = time.toDateString() === new Date().toDateString();
  return today ? time.toLocaleTimeString() : time.toLocaleString();
};

export function ago(iso: string): string {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(iso)) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  return clock(iso);
}

export function lasted(incident: Incident): string {
  const end = incident.closedAt === null ? Date.now() : Date.parse(incident.closedAt);
  const seconds = Math.max(0, (end - Date.parse(incident.openedAt)) / 1000);
  return seconds < 90 ? `${seconds.toFixed(seconds < 10 ? 1 : 0)} s` : `${Math.round(seconds / 60)} min`;
}

/** `visit at gate`. */
export function muted({ rule, camera, zone }: Mute): string {
  const place = [camera, zone === null ? null : `zone ${zone}`].filter((part) => part !== null).join(', ');
  return [rule ?? 'everything', place].filter((part) => part !== '').join(' at ');
}
