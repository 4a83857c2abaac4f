/**
 * One trace from the access unit to the message to people, in the W3C format: `traceparent` on every message on the
 * way. Off without `tracing` in the site file: then `noTracer` answers undefined and the stages do nothing more.
 * How it works and what it costs: `tracing.md`. No library here: a camera process loads this.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from './clock.ts';
import type { Incident, SecretRef } from './messages/types.ts';

/** `tracing` of the site file. */
export interface TracingOptions {
  /** Base address of OTLP over HTTP; `/v1/traces` is added. */
  endpoint: string;
  sample_ratio: number;
  /** Of every request. */
  headers: Readonly<Record<string, SecretRef>>;
}

export type Headers = Readonly<Record<string, string>>;
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A step of a stage. Times are wall time, epoch ms. */
export type Part = [name: string, fromMs: number, toMs: number];

/** What one stage did. Its parent is the stage that caused it, null at the head. */
export type Stage = [
  name: string,
  id: string,
  parent: string | null,
  fromMs: number,
  toMs: number,
  pid: number,
  attributes: Attributes,
  parts: Part[],
];

export interface Tracer {
  /** A trace begins here, and whether it is sampled is decided. Undefined: tracing is off. */
  begin(): StageTrace | undefined;
  /** The next stage of the trace that a message belongs to. Undefined: it belongs to none, or tracing is off. */
  follow(headers: Headers): StageTrace | undefined;
  /** Exports what is known of the trace. @param attributes of every span: where and what it was about. */
  finish(trace: StageTrace, attributes: Attributes): void;
}

export const noTracer: Tracer = Object.freeze({ begin: () => undefined, follow: () => undefined, finish: () => {} });

const TRACEPARENT = /^00-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-[0-9a-f]([0-9a-f])$/;
const SPANS = 'trace-spans';
/** Seven spans are 500 letters; what somebody else has put there is not passed on for ever. */
const MAX_CARRIED = 4096;

/** The work of one stage on one message; `end` it before its headers are asked for. */
export class StageTrace {
  readonly traceId: string;
  readonly sampled: boolean;
  /** When it was begun, epoch ms. */
  readonly startMs: number;
  readonly #clock: Clock;
  readonly #id = randomBytes(8).toString('hex');
  readonly #parent: string | null;
  /** Stages before this one, which nobody has exported: their JSON with commas between. */
  #carried: string;
  readonly #parts: Part[] = [];

  constructor(clock: Clock, origin: { traceId: string; parent: string | null; sampled: boolean; carried: string }) {
    this.#clock = clock;
    this.startMs = clock.now();
    this.traceId = origin.traceId;
    this.#parent = origin.parent;
    this.sampled = origin.sampled;
    this.#carried = origin.carried;
  }

  /** A step of it is over. */
  part(name: string, fromMs: number, toMs = this.#clock.now()): void {
    this.#parts.push([name, tenths(fromMs), tenths(Math.max(fromMs, toMs))]);
  }

  /** The stage is over; what comes of it hangs under it. */
  end(name: string, attributes: Attributes = {}, fromMs = this.startMs): void {
    const toMs = Math.max(fromMs, this.#clock.now());
    const times = [tenths(fromMs), tenths(toMs)] as const;
    const stage: Stage = [name, this.#id, this.#parent, ...times, process.pid, attributes, this.#parts];
    const text = JSON.stringify(stage);
    this.#carried = this.#carried === '' ? text : `${this.#carried},${text}`;
  }

  /** Of a message on its way to the rules: the spans so far travel with it. */
  get headers(): Headers {
    const carried = this.#carried.length > MAX_CARRIED ? '' : this.#carried;
    return { traceparent: this.#traceparent(this.sampled), [SPANS]: carried };
  }

  /** Of a message past the rules: what is known is exported there. */
  get link(): Headers {
    return { traceparent: this.#traceparent(true) };
  }

  /** All stages that are known, as JSON. */
  get stages(): string {
    return `[${this.#carried}]`;
  }

  /** Another stage in this process that this one causes. */
  next(): StageTrace {
    return new StageTrace(this.#clock, { traceId: this.traceId, parent: this.#id, sampled: true, carried: '' });
  }

  #traceparent(sampled: boolean): string {
    return `00-${this.traceId}-${this.#id}-0${sampled ? 1 : 0}`;
  }
}

/** Carries traces on and exports none. */
export class CarryingTracer implements Tracer {
  readonly #clock: Clock;
  readonly #sampleRatio: number;

  /** @param sampleRatio share of the traces that are exported whatever comes of them, 0-1 */
  constructor(clock: Clock, sampleRatio: number) {
    this.#clock = clock;
    this.#sampleRatio = sampleRatio;
  }

  begin(): StageTrace {
    const sampled = Math.random() < this.#sampleRatio;
    const traceId = randomBytes(16).toString('hex');
    return new StageTrace(this.#clock, { traceId, parent: null, sampled, carried: '' });
  }

  follow(headers: Headers): StageTrace | undefined {
    const found = TRACEPARENT.exec(headers['traceparent'] ?? '');
    const [, traceId, parent, flags] = found ?? [];
    if (traceId === undefined || parent === undefined || flags === undefined) return undefined;
    const sampled = (Number.parseInt(flags, 16) & 1) === 1;
    const carried = headers[SPANS] ?? '';
    return new StageTrace(this.#clock, {
      ...{ traceId, parent, sampled },
      carried: carried.length > MAX_CARRIED ? '' : carried,
    });
  }

  finish(_trace: StageTrace, _attributes: Attributes): void {}
}

/** What a span about a transition says of it. */
export function incidentAttributes({ site, camera, rule, id, revision, transition }: Incident): Attributes {
  return {
    'banksman.site': site,
    'banksman.camera': camera,
    'banksman.rule': rule,
    'banksman.incident.id': id,
    'banksman.incident.revision': revision,
    'banksman.incident.transition': transition,
  };
}

/** Milliseconds with one digit: what clocks of two processes agree in at best. */
function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
