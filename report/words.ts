/** How a report says numbers, times and reasons. Pure. */
import { ERRORS, isErrorCode } from '../runtime/errors.ts';
import type { StoredIncident } from '../runtime/stores/state/types.ts';
import { NO_RECORD } from './watched.ts';

const number = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 1 });

export function count(value: number): string {
  return number.format(value);
}

/** `1 incident`, `2 incidents`. */
export function many(value: number, one: string, more = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : more}`;
}

/** `99.2 %`. Only all is 100 %, and only nothing is 0 %. */
export function percent(share: number | null): string {
  if (share === null || Number.isNaN(share)) return '–';
  const rounded = Math.round(share * 1000) / 10;
  if (share > 0 && rounded < 0.1) return '< 0.1 %';
  if (share < 1 && rounded >= 100) return '99.9 %';
  return `${number.format(rounded)} %`;
}

/** `3.4 s`, `12 min`, `5 h 20 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${number.format(seconds)} s`;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  if (hours < 48) return withRest(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  return withRest(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function withRest(value: number, unit: string, rest: number, restUnit: string): string {
  return rest === 0 ? `${value} ${unit}` : `${value} ${unit} ${rest} ${restUnit}`;
}

export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  if (value < 1_000_000) return `${number.format(value / 1000)} kB`;
  if (value < 1_000_000_000) return `${number.format(value / 1_000_000)} MB`;
  return `${number.format(value / 1_000_000_000)} GB`;
}

/** `EUR 12.50`. Of less than ten cents the first two digits that are any. @param currency of ISO 4217. */
export function money(value: number, currency: string): string {
  const small = value > 0 && value < 0.1;
  const digits = small ? { maximumSignificantDigits: 2 } : {};
  return new Intl.NumberFormat('en-GB', { style: 'currency', currency, currencyDisplay: 'code', ...digits }).format(
    value,
  );
}

const KINDS: Readonly<Record<string, string>> = {
  blind: 'no picture to look at',
  starved: 'too much to do, not looked',
  limited: 'only partly seen',
};

const REASONS: Readonly<Record<string, string>> = {
  connecting: 'connecting to the camera',
  superseded: 'newer pictures went first',
  limited: 'looked less often than the rules promise',
  no_record: 'nothing came in time',
};

/** `blind:RTSP_REFUSED` for people. */
export function whyNotWatched(reason: string): string {
  if (reason === NO_RECORD) return 'no record: banksman did not run, or the camera was not there yet';
  const colon = reason.indexOf(':');
  const kind = colon < 0 ? reason : reason.slice(0, colon);
  const why = colon < 0 ? '' : reason.slice(colon + 1);
  const said = isErrorCode(why) ? ERRORS[why].message : (REASONS[why] ?? why);
  return [KINDS[kind] ?? kind, said].filter((part) => part !== '').join(': ');
}

/** `zone road`, `line entrance, in`. */
export function placeOf({ zone, line, direction, type }: StoredIncident): string {
  if (type === 'camera_offline') return 'the camera itself';
  if (line !== null) return `line ${line}${direction === null ? '' : `, ${direction}`}`;
  return zone === null ? 'whole picture' : `zone ${zone}`;
}

const ENDINGS: Readonly<Record<string, string>> = {
  left: 'people left',
  schedule_end: 'schedule ended',
  camera_lost: 'camera lost',
  rule_removed: 'rule removed',
  expired: 'expired',
  crossed: 'crossed',
};

export function ending({ state, closeReason, unobservedReason }: StoredIncident): string {
  if (state === 'open') return 'open';
  if (state === 'unobserved')
    return `not visible${unobservedReason === null ? '' : `: ${whyNotWatched(unobservedReason)}`}`;
  return closeReason === null ? 'closed' : (ENDINGS[closeReason] ?? closeReason);
}

/** Up to, down from, or as before. */
export function change(now: number, before: number): string {
  if (now === before) return 'as before';
  if (before === 0) return 'none before';
  const share = Math.round((100 * Math.abs(now - before)) / before);
  if (share === 0) return 'about as before';
  return `${now > before ? '▲' : '▼'} ${share} % ${now > before ? 'more' : 'fewer'}`;
}
