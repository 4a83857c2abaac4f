/** For tests of sinks: a bus in memory with what they read on it, and metrics that can be asked. */
import sharp from 'sharp';
import { openMemoryBus } from '../runtime/bus/local/memory.ts';
import type { Bus } from '../runtime/bus/types.ts';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { encodeFrameHeaders, encodeJson } from '../runtime/messages/codec.ts';
import { type JsonTopic, parseMessage, type ValueOf } from '../runtime/messages/schemas.ts';
import type { CameraRecord, Coordinates, FrameMeta, RuleRecord, Tracks } from '../runtime/messages/types.ts';
import type { Labels, MetricName, Metrics } from '../runtime/metrics.ts';
import { at } from '../runtime/stores/state/samples.ts';
import type { SinkDeps } from './deps.ts';

export const KEY = 'yard/gate';

export class CountingMetrics implements Metrics {
  readonly #values = new Map<string, number>();

  inc(name: MetricName, labels: Labels = {}, by = 1): void {
    this.#values.set(id(name, labels), this.value(name, labels) + by);
  }

  set(name: MetricName, value: number, labels: Labels = {}): void {
    this.#values.set(id(name, labels), value);
  }

  observe(name: MetricName, _value: number, labels: Labels = {}): void {
    this.inc(name, labels);
  }

  remove(name: MetricName, labels: Labels): void {
    this.#values.delete(id(name, labels));
  }

  has(name: MetricName, labels: Labels): boolean {
    return this.#values.has(id(name, labels));
  }

  value(name: MetricName, labels: Labels = {}): number {
    return this.#values.get(id(name, labels)) ?? 0;
  }
}

function id(name: string, labels: Labels): string {
  return `${name}${JSON.stringify(Object.entries(labels).sort())}`;
}

export interface TestDeps extends SinkDeps {
  metrics: CountingMetrics;
}

export function testDeps(dataDir: string, over: Partial<SinkDeps> = {}): TestDeps {
  return {
    bus: openMemoryBus(),
    site: 'yard',
    log: silentLogger,
    clock: systemClock,
    dataDir,
    ...over,
    metrics: new CountingMetrics(),
  };
}

export async function publish<T extends JsonTopic>(
  bus: Bus,
  topic: T,
  ...values: ValueOf<T>[]
): Promise<Coordinates[]> {
  const producer = bus.producer();
  return Promise.all(
    values.map(async (value) => {
      const key = 'camera' in value && typeof value.camera === 'string' ? `yard/${value.camera}` : KEY;
      const { partition, offset } = await producer.send(topic, { key, value: encodeJson(value) });
      return { topic, partition, offset: String(offset) };
    }),
  );
}

/** Everything on a topic, in order of arrival. */
export async function readAll<T extends JsonTopic>(bus: Bus, topic: T): Promise<ValueOf<T>[]> {
  const found: ValueOf<T>[] = [];
  for await (const message of bus.tail(topic, 'earliest', { stopAtEnd: true }))
    found.push(parseMessage(topic, message));
  return found;
}

/** Whether a group has acknowledged everything. */
export async function caughtUp(bus: Bus, group: string): Promise<boolean> {
  const lags = (await bus.lag()).filter((lag) => lag.group === group);
  return lags.length > 0 && lags.every((lag) => lag.lag === 0);
}

/** A picture of a yard with a person-like shape in each box. */
export async function samplePicture(
  boxes: readonly (readonly number[])[] = [],
  width = 960,
  height = 540,
): Promise<Buffer> {
  const people = boxes.map(([x1 = 0, y1 = 0, x2 = 0, y2 = 0]) => {
    const w = (x2 - x1) * width;
    const h = (y2 - y1) * height;
    return `<rect x="${x1 * width + w * 0.2}" y="${y1 * height + h * 0.15}" width="${w * 0.6}" height="${h * 0.85}" rx="${w * 0.3}" fill="#2b4a6b"/>
      <circle cx="${x1 * width + w / 2}" cy="${y1 * height + h * 0.1}" r="${h * 0.09}" fill="#c99b7a"/>`;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <rect width="100%" height="100%" fill="#8d9499"/><rect y="55%" width="100%" height="45%" fill="#5d6266"/>${people.join('')}</svg>`;
  return sharp(Buffer.from(svg)).jpeg({ quality: 82 }).toBuffer();
}

export async function publishFrame(
  bus: Bus,
  parts: readonly Buffer[],
  over: Partial<FrameMeta> = {},
): Promise<Coordinates> {
  const meta: FrameMeta = {
    site: 'yard',
    camera: 'gate',
    epoch: 1,
    runId: 'run-1',
    seq: 0,
    captureTime: at(0),
    receiveTime: at(0.05),
    captureTimeEstimated: false,
    purpose: 'live',
    width: 960,
    height: 540,
    regions: parts.slice(1).map(() => [0, 0, 0.5, 0.5]),
    parts: parts.map((part) => part.length),
    ...over,
  };
  const message = {
    key: `${meta.site}/${meta.camera}`,
    headers: encodeFrameHeaders(meta),
    value: Buffer.concat(parts),
  };
  const { partition, offset } = await bus.producer().send('frames.v1', message);
  return { topic: 'frames.v1', partition, offset: String(offset) };
}

export function sampleTracks(frame: Coordinates | null, over: Partial<Tracks> = {}): Tracks {
  return {
    site: 'yard',
    camera: 'gate',
    epoch: 1,
    runId: 'run-1',
    seq: 0,
    kind: 'looked',
    reason: null,
    from: at(0),
    to: at(0),
    receiveTime: at(0.05),
    purpose: 'live',
    frame,
    model: { id: 'yolox-nano', sha256: 'a'.repeat(64) },
    source: null,
    tracks: [],
    rejected: {},
    coasting: [],
    suppressed: [],
    ...over,
  };
}

export function sampleCamera(over: Partial<CameraRecord> = {}): CameraRecord {
  return {
    site: 'yard',
    camera: 'gate',
    configHash: 'camera-1',
    url: 'rtsp://10.0.0.11/stream',
    record_url: null,
    username: null,
    password: null,
    transport: 'tcp',
    tls: { verify: true, ca_file: null },
    sampling: { idle_fps: 0.5, active_fps: 5, width_px: 960 },
    motion: { open_share: 0.01, close_share: 0.005, threshold: 12, hold_s: 2 },
    model: 'yolox-nano',
    regions: 'full',
    zones: {
      road: [
        [0.1, 0.55],
        [0.9, 0.55],
        [1, 0.98],
        [0, 0.98],
      ],
    },
    lines: {},
    ignore_masks: [],
    privacy_masks: [],
    filters: {},
    suppress_static: true,
    detect_within_s: 2,
    ...over,
  };
}

export function sampleRule(over: Partial<RuleRecord> = {}): RuleRecord {
  return {
    site: 'yard',
    rule: 'person-on-road',
    configHash: 'config-1',
    type: 'zone_entry',
    cameras: ['gate'],
    zone: 'road',
    line: null,
    direction: 'both',
    classes: ['person'],
    schedule: null,
    min_duration_s: 0.5,
    dwell_s: 10,
    hold_s: 5,
    detect_within_s: 2,
    cool_down_s: 0,
    severity: 'high',
    ...over,
  };
}
