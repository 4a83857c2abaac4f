import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { link, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { SecretRef } from '../messages/types.ts';
import { resolveSecret } from '../secrets.ts';

/** Path under `data_dir`: 256 random bits, made at first use, for this user's eyes alone. */
const KEY_FILE = 'picture-links.key';
/** What the console serves them under. */
export const PICTURES_PATH = '/pictures/';
const SHAPE = /^[0-9a-f]{64}$/;

/**
 * Addresses of incidents' pictures that end: whoever has one sees that picture until then, without a login, and nothing
 * else. Signed with a key (HMAC-SHA256 over incident and end) that the console and who sends messages share: made from
 * the fleet token where there is one, else a file in `data_dir`. Without its key file no address holds any more.
 */
export class PictureLinks {
  readonly #dataDir: string;
  readonly #fleetToken: SecretRef | null;
  readonly #clock: Clock;

  constructor(options: { dataDir: string; fleetToken: SecretRef | null; clock: Clock }) {
    this.#dataDir = options.dataDir;
    this.#fleetToken = options.fleetToken;
    this.#clock = options.clock;
  }

  /** Path and query, below the console's address. @throws what reading or writing the key throws */
  async make(incident: string, holdsS: number): Promise<string> {
    const until = String(Math.floor(this.#clock.now() / 1000) + holdsS);
    const mac = sign(await this.#key(), incident, until).toString('hex');
    return `${PICTURES_PATH}${encodeURIComponent(incident)}?until=${until}&mac=${mac}`;
  }

  /** Whether somebody was given this address, and it has not ended. @throws what reading the key throws */
  async holds(incident: string, until: string | undefined, mac: string | undefined): Promise<boolean> {
    if (until === undefined || !/^\d{1,12}$/.test(until) || mac === undefined || !SHAPE.test(mac)) return false;
    if (Number(until) * 1000 <= this.#clock.now()) return false;
    return timingSafeEqual(sign(await this.#key(), incident, until), Buffer.from(mac, 'hex'));
  }

  async #key(): Promise<Buffer> {
    if (this.#fleetToken)
      return createHmac('sha256', await resolveSecret(this.#fleetToken))
        .update('pictures')
        .digest();
    const path = join(this.#dataDir, KEY_FILE);
    const known = await readFile(path, 'utf8').catch(orMissing);
    if (known !== undefined) return Buffer.from(known.trim(), 'hex');
    // Written whole before it has its name: of two who make one at once the first one's stays.
    const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
    await writeFile(draft, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await unlink(draft);
    return Buffer.from((await readFile(path, 'utf8')).trim(), 'hex');
  }
}

/** No incident's id ends in a line. */
function sign(key: Buffer, incident: string, until: string): Buffer {
  return createHmac('sha256', key).update(`${incident}\n${until}`).digest();
}

function orMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
