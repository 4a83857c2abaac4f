/** Small formats of the site file. Each reader gives undefined for what it cannot read. */
import { isIP, isIPv6 } from 'node:net';

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** `50GB` (powers of ten) or `128MiB` (powers of two), case-blind, or a plain number; whole bytes, at least 1. */
export function listedBytes(value: number | string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(String(value));
  const unit = UNITS[(match?.[2] ?? '').toLowerCase()];
  if (!match || unit === undefined) return undefined;
  const bytes = Math.round(Number(match[1]) * unit);
  return bytes >= 1 && Number.isSafeInteger(bytes) ? bytes : undefined;
}

export interface Bind {
  host: string;
  /** 0: any free one. */
  port: number;
}

/** `127.0.0.1:8080`, `localhost:0`, `[::1]:8080`. */
export function listedBind(value: string): Bind | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/i.exec(value);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) return undefined;
  const [, six, host] = match;
  if (six !== undefined) return isIPv6(six) ? { host: six, port } : undefined;
  return host === undefined ? undefined : { host, port };
}

/** Whether only this machine can reach it. A name other than localhost is not believed. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`. */
export function isAddressRange(value: string): boolean {
  const [address = '', bits, more] = value.split('/');
  const version = isIP(address);
  if (version === 0 || more !== undefined) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

function dayNumber(text: string): number {
  const lower = text.trim().toLowerCase();
  const full = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'].indexOf(lower);
  return full === -1 ? DAYS.indexOf(lower) : full;
}

/** `daily`, `mon`, `mon-fri` (`fri-mon` goes over the weekend), `mon, wed`, or a list of these; sorted, 0 = Sunday. */
export function listedDays(value: string | readonly string[]): number[] | undefined {
  const parts = (typeof value === 'string' ? [value] : value).flatMap((part) => part.split(','));
  const days = new Set<number>();
  for (const part of parts) {
    if (part.trim().toLowerCase() === 'daily') {
      for (let day = 0; day < 7; day++) days.add(day);
      continue;
    }
    const [from, to, more] = part.split('-').map(dayNumber);
    if (from === undefined || from < 0 || more !== undefined || (to !== undefined && to < 0)) return undefined;
    const last = to ?? from;
    for (let day = from; ; day = (day + 1) % 7) {
      days.add(day);
      if (day === last) break;
    }
  }
  return days.size === 0 ? undefined : [...days].sort((a, b) => a - b);
}

/** `8:00` or `20:30`, as `HH:MM`. */
export function listedTime(value: string): string | undefined {
  const match = /^(\d{1,2}):(\d{2})$/.exec(value.trim());
  if (!match || Number(match[1]) > 23 || Number(match[2]) > 59) return undefined;
  return `${String(match[1]).padStart(2, '0')}:${match[2]}`;
}
