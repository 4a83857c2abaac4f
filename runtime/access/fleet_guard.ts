import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../clock.ts';
import { BanksmanError } from '../errors.ts';
import type { SecretRef } from '../messages/types.ts';
import { resolveSecret } from '../secrets.ts';
import { Attempts } from './attempts.ts';
import { bearerOf, digestOf, sameDigest } from './token.ts';

/** A fleet token is no word that can be guessed. */
const SHORTEST = 16;
/** A token in a file may be changed while it runs. */
const AGAIN_MS = 5_000;

/** Lets in whoever shows the fleet token: `Authorization: Bearer TOKEN`. For metrics and media. */
export class FleetGuard {
  readonly #ref: SecretRef;
  readonly #clock: Clock;
  readonly #attempts: Attempts;
  #digest: Buffer | undefined;
  #readAt = 0;

  constructor(ref: SecretRef, clock: Clock) {
    this.#ref = ref;
    this.#clock = clock;
    this.#attempts = new Attempts(clock);
  }

  /** @throws BanksmanError CONFIG_SECRET_MISSING for a token that is not there, or that is too short. */
  async start(): Promise<void> {
    this.#digest = await this.#read();
  }

  /** @returns whether the request goes on; otherwise it is answered, with 401 or 429. */
  async admits(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const address = request.socket.remoteAddress ?? '';
    const wait = this.#attempts.waitS(address);
    if (wait > 0) {
      response.writeHead(429, { 'retry-after': String(wait), 'content-type': 'text/plain' });
      response.end(`too many wrong tokens from this address; try again in ${wait} s\n`);
      return false;
    }
    const token = bearerOf(request.headers.authorization);
    if (token !== undefined && sameDigest(digestOf(token), await this.#current())) return true;
    if (token !== undefined) this.#attempts.failed(address);
    response.writeHead(401, { 'www-authenticate': 'Bearer realm="banksman fleet"', 'content-type': 'text/plain' });
    response.end(
      token === undefined
        ? 'send the fleet token: Authorization: Bearer TOKEN\n'
        : 'this is not the fleet token of this machine\n',
    );
    return false;
  }

  async #current(): Promise<Buffer> {
    const now = this.#clock.monotonic();
    if (this.#digest && now - this.#readAt < AGAIN_MS) return this.#digest;
    // A file that is just being replaced: the token before it holds.
    this.#digest = await this.#read().catch((error: unknown) => {
      if (this.#digest) return this.#digest;
      throw error;
    });
    return this.#digest;
  }

  async #read(): Promise<Buffer> {
    this.#readAt = this.#clock.monotonic();
    const token = await resolveSecret(this.#ref);
    if (token.trim().length < SHORTEST) {
      throw new BanksmanError('CONFIG_SECRET_MISSING', {
        where: 'fleet.token',
        message: `the fleet token is shorter than ${SHORTEST} letters`,
        mend: 'Make one with: openssl rand -hex 32',
      });
    }
    return digestOf(token.trim());
  }
}
