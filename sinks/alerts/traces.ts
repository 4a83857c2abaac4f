import type { Clock } from '../../runtime/clock.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import {
  type Attributes,
  type Headers,
  incidentAttributes,
  noTracer,
  type StageTrace,
  type Tracer,
} from '../../runtime/tracing.ts';

/** Messages whose delivery is traced; of more, the oldest go without. */
const MAX_WAITING = 1000;

/** Traces of transitions from the bus to each receiver. In memory: of what is sent after a restart it ends in the outbox. */
export class AlertTraces {
  readonly #clock: Clock;
  readonly #tracer: Tracer;
  /** By `incident/revision`. */
  readonly #waiting = new Map<string, { trace: StageTrace; sinceMs: number; attributes: Attributes }>();

  constructor({ clock, tracer = noTracer }: { clock: Clock; tracer?: Tracer }) {
    this.#clock = clock;
    this.#tracer = tracer;
  }

  follow(headers: Headers): StageTrace | undefined {
    return this.#tracer.follow(headers);
  }

  /** The transition is in the outbox. */
  entered(trace: StageTrace, incident: Incident): void {
    const attributes = incidentAttributes(incident);
    trace.end('alerts.enqueue');
    this.#tracer.finish(trace, attributes);
    this.#waiting.set(`${incident.id}/${incident.revision}`, { trace, sinceMs: this.#clock.now(), attributes });
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > MAX_WAITING && oldest !== undefined) this.#waiting.delete(oldest);
  }

  /** A receiver has it. @param key `incident/revision` */
  delivered(channel: string, key: string): void {
    const entered = this.#waiting.get(key);
    if (!entered) return;
    const stage = entered.trace.next();
    stage.end('alerts.deliver', { 'banksman.channel': channel }, entered.sinceMs);
    this.#tracer.finish(stage, entered.attributes);
  }
}
