/** A console on real stores in a temporary folder, with a sink that stores what it judges. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openMemoryBus } from '../../runtime/bus/local/memory.ts';
import type { Bus } from '../../runtime/bus/types.ts';
import { systemClock } from '../../runtime/clock.ts';
import { createLogger, type Logger } from '../../runtime/log.ts';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import type { Incident } from '../../runtime/messages/types.ts';
import { noMetrics } from '../../runtime/metrics.ts';
import { LocalObjectStore } from '../../runtime/stores/objects/local.ts';
import { EmbeddedStateStore } from '../../runtime/stores/state/embedded.ts';
import { sampleIncident } from '../../runtime/stores/state/samples.ts';
import { Console, type ConsoleOptions } from './console.ts';

export class TestConsole {
  readonly dir: string;
  readonly bus: Bus = openMemoryBus();
  readonly state: EmbeddedStateStore;
  /** Lines of its log. */
  readonly log: Record<string, unknown>[] = [];
  readonly #stop = new AbortController();
  #console: Console | undefined;

  private constructor(dir: string) {
    this.dir = dir;
    this.state = new EmbeddedStateStore(dir);
  }

  /** A folder for accounts and certificates, before anything listens. */
  static async create(): Promise<TestConsole> {
    return new TestConsole(await mkdtemp(join(tmpdir(), 'banksman-console-')));
  }

  /** Writes a file beside it. @returns its path. */
  async write(name: string, text: string): Promise<string> {
    const path = join(this.dir, name);
    await writeFile(path, text);
    return path;
  }

  /** @returns the address, by 127.0.0.1 where it listens on every address. */
  async start(options: Partial<ConsoleOptions>): Promise<string> {
    const { bus, state } = this;
    const objects = new LocalObjectStore(join(this.dir, 'evidence'));
    await objects.start();
    const log: Logger = createLogger('console', 'debug', { write: (line) => this.log.push(JSON.parse(line)) });
    const deps = { bus, site: 'yard', log, metrics: noMetrics, clock: systemClock };
    this.#console = new Console(deps, {
      bind: { host: '127.0.0.1', port: 0 },
      version: '1.2.3',
      state,
      objects,
      refusedEdit: async () => null,
      ...options,
    });
    await this.#console.start();
    void this.#sinkFeedback();
    return (this.#console.address ?? '').replace('0.0.0.0', '127.0.0.1');
  }

  async incident(id: string, over: Partial<Incident> = {}): Promise<Incident> {
    const incident = sampleIncident({ id, site: 'yard', camera: 'gate', rule: 'person-on-road', ...over });
    await this.state.apply([{ kind: 'incident', incident }]);
    return incident;
  }

  /** As `incident`, and pages that follow hear of it. */
  async announce(id: string, over: Partial<Incident> = {}): Promise<void> {
    const incident = await this.incident(id, over);
    await this.bus.producer().send('incidents.v1', { key: `yard/${incident.camera}`, value: encodeJson(incident) });
  }

  /** Lines of who did what. */
  audit(): Record<string, unknown>[] {
    return this.log.filter(({ msg }) => msg === 'audit');
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#console?.stop();
    await this.bus.close();
    await this.state.close();
    await rm(this.dir, { recursive: true, force: true });
  }

  async #sinkFeedback(): Promise<void> {
    for await (const message of this.bus.tail('feedback.v1', 'earliest', { signal: this.#stop.signal })) {
      await this.state.apply([{ kind: 'feedback', feedback: parseMessage('feedback.v1', message) }]);
    }
  }
}
