/** Tokens: made, shown once, kept as a hash, compared without telling how near a guess was. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** A prefix by which scanners for leaked secrets, and people, know what it is. */
const PREFIX = 'banksman_';
/** Longer ones are not looked at. */
const LONGEST = 512;

/** 256 random bits. */
export function newToken(): string {
  return PREFIX + randomBytes(32).toString('base64url');
}

/**
 * SHA-256. A slow hash (scrypt) protects words that people choose, because those can be guessed from a
 * stolen file; 256 random bits cannot be, at any speed. The quick one keeps a flood of wrong tokens cheap to refuse.
 */
export function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** In a time that does not depend on where they differ. */
export function sameDigest(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The token of an `Authorization: Bearer …` header; undefined where there is none. */
export function bearerOf(header: string | undefined): string | undefined {
  const token = /^Bearer +(\S+) *$/i.exec((header ?? '').slice(0, LONGEST + 16))?.[1];
  return token !== undefined && token.length <= LONGEST ? token : undefined;
}
