/** What a client gives back, narrowed. */

export function textsOf(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.map(String) : [];
}

/** A hash, however the client gives it: an object, or names and values in turn. */
export function pairsOf(reply: unknown): Map<string, string> {
  const found = new Map<string, string>();
  if (Array.isArray(reply)) {
    for (let n = 0; n + 1 < reply.length; n += 2) found.set(String(reply[n]), String(reply[n + 1]));
  } else if (typeof reply === 'object' && reply !== null) {
    for (const [name, value] of Object.entries(reply)) found.set(name, String(value));
  }
  return found;
}

/** What comes after so many words. */
export function cut(value: string, words: number): string {
  let at = 0;
  for (let n = 0; n < words; n += 1) at = value.indexOf(' ', at) + 1;
  return value.slice(at);
}
