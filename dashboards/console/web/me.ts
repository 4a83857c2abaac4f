import type { Me } from '../views.ts';
import { find } from './dom.ts';

/** Who looks. The server holds to it; the page only shows no button that would be refused. */
let me: Me = { name: null, role: 'admin' };

export const mayJudge = (): boolean => me.role !== 'viewer';
/** Null where there are no accounts. */
export const myName = (): string | null => me.name;

export function setMe(found: Me): void {
  me = found;
  const element = find('me', HTMLElement);
  element.hidden = me.name === null;
  const [name, role] = element.querySelectorAll('span');
  if (name) name.textContent = me.name;
  if (role) role.textContent = me.role;
}

export async function logout(): Promise<void> {
  await fetch('/api/v1/session', { method: 'DELETE' }).catch(() => null);
  location.assign('/login');
}
