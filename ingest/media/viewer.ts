import type { WebSocket } from 'ws';
import { afterLoss, isKey } from './wire.ts';

/** What waits for one viewer. Who has more waiting misses units until half of it is gone and a key picture comes. */
export const MAX_WAITING_BYTES = 8 * 2 ** 20;
/** Who has taken nothing for so long is gone, whatever its connection says. */
const SILENCE_MS = 30_000;

/** One viewer of a camera. It holds up nobody: what it does not take in time it does not get. */
export class Viewer {
  readonly #socket: WebSocket;
  readonly #onShed: () => void;
  /** Told before the next unit that it gets; null: it knows. */
  #description: string | null = null;
  #awaitsKey = true;
  #isShedding = false;
  #sentBytes = 0;
  #takenBytes = 0;
  #aliveAt: number;

  /** @param now milliseconds that never step */
  constructor(socket: WebSocket, now: number, onShed: () => void) {
    this.#socket = socket;
    this.#onShed = onShed;
    this.#aliveAt = now;
  }

  describe(text: string): void {
    this.#description = text;
  }

  /** @param message see `wire.ts`; it must not change any more. */
  unit(message: Buffer): void {
    const key = isKey(message);
    if (this.#awaitsKey && !key) {
      if (this.#isShedding) this.#onShed();
      return;
    }
    const limit = this.#isShedding ? MAX_WAITING_BYTES / 2 : MAX_WAITING_BYTES;
    if (this.#socket.bufferedAmount + message.length > limit) {
      this.#awaitsKey = true;
      this.#isShedding = true;
      this.#onShed();
      return;
    }
    if (this.#description !== null) this.#send(this.#description);
    this.#description = null;
    this.#send(this.#isShedding ? afterLoss(message) : message);
    this.#awaitsKey = false;
    this.#isShedding = false;
  }

  /** It answered. */
  heard(now: number): void {
    this.#aliveAt = now;
  }

  /** Every few seconds: asks whether it is there, and ends the connection of one that is not. */
  check(now: number): void {
    const taken = this.#sentBytes - this.#socket.bufferedAmount;
    if (taken > this.#takenBytes) this.heard(now);
    this.#takenBytes = taken;
    if (now - this.#aliveAt > SILENCE_MS) this.#socket.terminate();
    else if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  #send(data: string | Buffer): void {
    this.#sentBytes += data.length;
    // Of a connection that breaks its end tells.
    this.#socket.send(data, () => undefined);
  }
}
