import { isIPv6 } from 'node:net';
import type { Clock } from '../clock.ts';

export interface AttemptLimits {
  /** Wrong tokens of one address within the window, before it has to wait for the window's end. */
  limit: number;
  windowMs: number;
  /** More addresses than this are not remembered: the one heard of first is forgotten. */
  maxAddresses: number;
}

const LIMITS: AttemptLimits = { limit: 10, windowMs: 60_000, maxAddresses: 4_096 };

/** Counts wrong tokens by address. While an address has to wait nothing of it is checked, nor counted. */
export class Attempts {
  readonly #clock: Clock;
  readonly #limits: AttemptLimits;
  readonly #failed = new Map<string, { count: number; since: number }>();

  constructor(clock: Clock, limits: Partial<AttemptLimits> = {}) {
    this.#clock = clock;
    this.#limits = { ...LIMITS, ...limits };
  }

  /** Seconds, rounded up; 0: it may try. */
  waitS(address: string): number {
    const entry = this.#failed.get(keyOf(address));
    if (!entry || entry.count < this.#limits.limit) return 0;
    return Math.max(0, Math.ceil((entry.since + this.#limits.windowMs - this.#clock.monotonic()) / 1000));
  }

  failed(address: string): void {
    const key = keyOf(address);
    const now = this.#clock.monotonic();
    const entry = this.#failed.get(key);
    if (entry && now - entry.since < this.#limits.windowMs) {
      entry.count += 1;
      return;
    }
    this.#failed.delete(key);
    if (this.#failed.size >= this.#limits.maxAddresses) {
      const [oldest] = this.#failed.keys();
      if (oldest !== undefined) this.#failed.delete(oldest);
    }
    this.#failed.set(key, { count: 1, since: now });
  }

  get size(): number {
    return this.#failed.size;
  }
}

/** One household, one key: IPv6 by its /64, IPv4 in IPv6 as IPv4. */
function keyOf(address: string): string {
  const four = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (four !== undefined) return four;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array.from({ length: zeros }, () => '0'), ...right];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}
