/** What an account may do: each role may do what the one before may. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export function isRole(text: unknown): text is Role {
  return ROLES.some((role) => role === text);
}

export function may(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** Judgements and mutes are an operator's work; whatever else changes something is an admin's, so also what comes later. */
const OPERATOR_PATHS = /^\/api\/v1\/(incidents|mutes)(\/|$)/;

export function neededRole(method: string, path: string): Role {
  if (method === 'GET' || method === 'HEAD') return 'viewer';
  return OPERATOR_PATHS.test(path) ? 'operator' : 'admin';
}
