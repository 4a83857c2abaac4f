import { type S3Limits, S3ObjectStore } from '../../runtime/stores/objects/s3.ts';
import type { ObjectStore } from '../../runtime/stores/objects/types.ts';
import { S3Faults, S3Server, s3Options } from './s3.ts';

/** Of a slow machine that nothing is wrong with. */
const PATIENT: S3Limits = { connectMs: 10_000, idleMs: 15_000, totalMs: 20_000, attempts: 1 };
/** Where a store hangs the limits are waited for. */
const IMPATIENT: S3Limits = { connectMs: 3_000, idleMs: 2_000, totalMs: 3_000, attempts: 1 };

/** A real S3 server behind a proxy with faults, and a place in its bucket for each test. */
export class FaultyS3 {
  readonly server: S3Server;
  readonly faults: S3Faults;
  #places = 0;

  private constructor(server: S3Server, faults: S3Faults) {
    this.server = server;
    this.faults = faults;
  }

  static async start(): Promise<FaultyS3> {
    const server = await S3Server.start();
    const faults = new S3Faults(server.port);
    await faults.start();
    return new FaultyS3(server, faults);
  }

  async stop(): Promise<void> {
    await this.faults.stop();
    await this.server.stop();
  }

  /** Nothing is there, nothing is wrong and nothing was seen. */
  renew(): void {
    this.#places += 1;
    this.faults.fault = 'none';
    this.faults.faultOf = () => true;
    this.faults.seen.length = 0;
  }

  /** Before the keys of this test. */
  get prefix(): string {
    return `place-${this.#places}/`;
  }

  /** This test's place, through all faults: what hangs is soon given up, what is only slow is not. */
  through(): ObjectStore {
    const options = s3Options(this.faults.endpoint, { prefix: this.prefix });
    const [patient, impatient] = [new S3ObjectStore(options, PATIENT), new S3ObjectStore(options, IMPATIENT)];
    const store = (): ObjectStore => (this.faults.fault === 'hang' ? impatient : patient);
    return {
      start: () => store().start(),
      put: (key, bytes, how) => store().put(key, bytes, how),
      get: (key) => store().get(key),
      head: (key) => store().head(key),
      list: (how) => store().list(how),
      delete: (key) => store().delete(key),
      presign: (key, ttlS) => store().presign(key, ttlS),
      capacity: () => store().capacity(),
      close: async () => {
        await patient.close();
        await impatient.close();
      },
    };
  }

  /** This test's place, past all faults. */
  past(): S3ObjectStore {
    return new S3ObjectStore(s3Options(this.server.endpoint, { prefix: this.prefix }));
  }
}
