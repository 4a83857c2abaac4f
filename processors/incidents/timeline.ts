/** For tests: a camera's records and rules written as compact timelines. */
import type { Box, CameraRecord, Incident, RuleRecord, Track, Tracks } from '../../runtime/messages/types.ts';
import { toTimestamp } from '../../runtime/time.ts';
import { apply, type CameraRules, DEFAULT_LOST_S } from './engine.ts';
import { type CameraState, newCameraState } from './state.ts';

export const START = Date.UTC(2026, 10, 21, 20);
const INSIDE: Box = [0.4, 0.4, 0.5, 0.7];
const OUTSIDE: Box = [0.4, 0.1, 0.5, 0.3];
const STEP_MS = 200;

export function cameraRecord(changes: Partial<CameraRecord> = {}): CameraRecord {
  return {
    site: 'yard',
    camera: 'gate',
    configHash: 'c1',
    url: 'rtsp://10.0.0.11/stream',
    record_url: null,
    username: null,
    password: null,
    transport: 'tcp',
    tls: { verify: true, ca_file: null },
    sampling: { idle_fps: 0.5, active_fps: 5, width_px: 960 },
    motion: { open_share: 0.002, close_share: 0.001, threshold: 12, hold_s: 2 },
    model: 'yolox-nano',
    regions: 'full',
    zones: {
      road: [
        [0, 0.5],
        [1, 0.5],
        [1, 1],
        [0, 1],
      ],
    },
    lines: {
      entrance: [
        [0.2, 0.5],
        [0.8, 0.5],
      ],
    },
    ignore_masks: [],
    privacy_masks: [],
    filters: {},
    suppress_static: true,
    detect_within_s: 2,
    ...changes,
  };
}

export function ruleRecord(changes: Partial<RuleRecord> = {}): RuleRecord {
  return {
    site: 'yard',
    rule: 'on-road',
    configHash: 'c1',
    type: 'zone_entry',
    cameras: ['gate'],
    zone: 'road',
    line: null,
    direction: 'both',
    classes: ['person'],
    schedule: null,
    min_duration_s: 0.5,
    dwell_s: 30,
    hold_s: 1.5,
    detect_within_s: 2,
    cool_down_s: 60,
    severity: 'high',
    ...changes,
  };
}

export function cameraRules(...rules: Partial<RuleRecord>[]): CameraRules {
  return { camera: cameraRecord(), rules: rules.map(ruleRecord), lostS: DEFAULT_LOST_S };
}

/** `a` found in the zone, `a?` tentative, `a~` coasting, `a!` outside, `a@0.3,0.6` with its feet there. */
function parseTrack(text: string): Track {
  const id = text.replace(/[?~!].*|@.*/, '');
  const at = /@([\d.]+),([\d.]+)/.exec(text);
  const [x, y] = [Number(at?.[1]), Number(at?.[2])];
  const box: Box = at ? [x - 0.05, y - 0.3, x + 0.05, y] : text.includes('!') ? OUTSIDE : INSIDE;
  return {
    id,
    class: id.startsWith('car') ? 'car' : 'person',
    score: 0.8,
    box,
    age: 1,
    tentative: text.includes('?'),
    coasting: text.includes('~'),
  };
}

/**
 * Records of a timeline, its tokens separated by spaces:
 * `L` a looked frame 0.2 s on, its tracks behind a colon and separated by `+` (`L:a+b?`); `L2` is `L:a+b`, `L0` empty;
 * `Q3` `S3` `B3` three seconds quiet, starved, blind (`S3:no_input` with its reason);
 * `gap3` three seconds without a record; `back60` the clock goes back a minute and a new run starts;
 * `run` a new run; `epoch` a new owner. `*5` repeats.
 */
export function timeline(text: string, startMs = START): Tracks[] {
  const records: Tracks[] = [];
  let now = startMs;
  let runs = 0;
  let epoch = 1;
  for (const token of text.trim().split(/\s+/)) {
    const [what = '', times = '1'] = token.split('*');
    for (let count = 0; count < Number(times); count++) {
      const [head = '', rest] = what.split(':');
      const ms = Math.round(Number(head.replace(/^[a-zA-Z]+/, '')) * 1000);
      if (head.startsWith('gap')) now += ms;
      else if (head.startsWith('back')) {
        now -= ms;
        runs += 1;
      } else if (head === 'run') runs += 1;
      else if (head === 'epoch') {
        epoch += 1;
        runs += 1;
      } else {
        const offset = records.length;
        const looked = head.startsWith('L');
        const kind = looked ? 'looked' : head.startsWith('Q') ? 'quiet' : head.startsWith('S') ? 'starved' : 'blind';
        const from = looked ? now + STEP_MS : now;
        now += looked ? STEP_MS : ms;
        const named = head === 'L' ? (rest?.split('+') ?? []) : ['a', 'b', 'c', 'd'].slice(0, Number(head.slice(1)));
        records.push({
          site: 'yard',
          camera: 'gate',
          epoch,
          runId: `run-${runs}`,
          seq: offset,
          kind,
          reason: looked || kind === 'quiet' ? null : (rest ?? (kind === 'blind' ? 'RTSP_STALLED' : 'stale')),
          from: toTimestamp(from),
          to: toTimestamp(now),
          receiveTime: toTimestamp(now),
          purpose: looked ? 'live' : null,
          frame: looked ? { topic: 'frames.v1', partition: 0, offset: String(offset) } : null,
          model: looked ? { id: 'yolox-nano', sha256: 'ab' } : null,
          source: { topic: looked ? 'detections.v1' : 'observations.v1', partition: 0, offset: String(offset) },
          tracks: looked ? named.map(parseTrack).filter((track) => !track.coasting) : [],
          coasting: looked ? named.map(parseTrack).filter((track) => track.coasting) : [],
          rejected: {},
          suppressed: [],
        });
      }
    }
  }
  return records;
}

/** Takes records through the rules. */
export function play(records: readonly Tracks[], config: CameraRules, state = newState()): Incident[] {
  return records.flatMap((record) => apply(state, record, config).incidents);
}

export function newState(): CameraState {
  return newCameraState('yard', 'gate');
}

/** `opened@0.6`, `closed:left@3.2`: transitions with seconds since the start. */
export function summary(incidents: readonly Incident[]): string {
  return incidents.map((incident) => `${label(incident)}@${seconds(incident.updatedAt)}`).join(' ');
}

function label({ transition, closeReason }: Incident): string {
  return closeReason === null ? transition : `${transition}:${closeReason}`;
}

function seconds(timestamp: string): number {
  return Math.round(Date.parse(timestamp) - START) / 1000;
}
