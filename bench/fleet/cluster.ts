import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { KafkaOptions } from '../../runtime/bus/kafka/link.ts';
import { TopicAdmin, wantedTopics } from '../../runtime/bus/kafka/topics.ts';
import { KafkaServer } from '../../test/services/kafka.ts';
import type { Busy, Came, Cost, Report, Task } from './child.ts';
import type { BusAt } from './engine.ts';

/** A broker of its own, with the product's topics under a prefix a measurement. */
export class BenchCluster {
  readonly server = new KafkaServer();
  readonly partitions: number;
  #number = 0;

  constructor(partitions: number) {
    this.partitions = partitions;
  }

  async start(): Promise<this> {
    await this.server.start();
    return this;
  }

  async prefix(): Promise<string> {
    const prefix = `b${this.#number++}.`;
    const options: KafkaOptions = { brokers: [this.server.address], client: 'platformatic', prefix, clientId: 'bench' };
    const admin = new TopicAdmin(options);
    const wishes = { partitions: this.partitions, replication: 1, framesMs: 300_000, framesBytes: 2_000_000_000 };
    await admin.apply(await admin.plan(wantedTopics(prefix, wishes)));
    await admin.close();
    return prefix;
  }

  /** Topics of their own on this broker. */
  async bus(): Promise<BusAt> {
    return { engine: 'kafka', address: this.server.address, prefix: await this.prefix() };
  }

  child(prefix: string): BenchChild {
    return new BenchChild({ address: this.server.address, prefix });
  }

  async stop(): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

/** One process of the benchmark. */
export class BenchChild {
  /** Every delivery, on the machine's monotonic clock. */
  readonly came: Came[] = [];
  readonly #process: ChildProcess;
  readonly #ready = Promise.withResolvers<void>();
  readonly #done = Promise.withResolvers<Cost>();

  constructor(where: object) {
    this.#process = fork(join(import.meta.dirname, 'child.ts'), [JSON.stringify(where)], {
      execArgv: ['--disable-warning=ExperimentalWarning', '--disable-warning=TimeoutNegativeWarning'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#process.on('message', (report: Report) => {
      if ('ready' in report) this.#ready.resolve();
      else if ('done' in report) this.#done.resolve(report.done);
      else this.came.push(...report.came);
    });
    this.#process.on('exit', (code) => {
      const ended = new Error(`a process of the benchmark ended with ${code}`);
      this.#ready.reject(ended);
      this.#done.reject(ended);
    });
    this.#ready.promise.catch(() => undefined);
    this.#done.promise.catch(() => undefined);
  }

  give(task: Task): this {
    this.#process.send(task);
    return this;
  }

  keepBusy(busy: Busy): void {
    this.#process.send(busy);
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get done(): Promise<Cost> {
    return this.#done.promise;
  }

  /** SIGKILL. @returns when, on the machine's monotonic clock. */
  kill(): number {
    const at = Number(process.hrtime.bigint()) / 1e6;
    this.#process.kill('SIGKILL');
    return at;
  }
}
