import type { Feedback } from '../../runtime/messages/types.ts';

/** The oldest give way: what is open has been judged lately or not at all. */
const MOST = 100_000;

/** Incidents that somebody has judged, of `feedback.v1`: acknowledged or rejected, either is an answer. */
export class Acknowledgements {
  readonly #incidents = new Set<string>();

  take({ action, incident }: Feedback): void {
    if (incident === null || (action !== 'acknowledge' && action !== 'reject')) return;
    // Again, so that it is the newest.
    this.#incidents.delete(incident);
    this.#incidents.add(incident);
    if (this.#incidents.size <= MOST) return;
    const [oldest] = this.#incidents;
    if (oldest !== undefined) this.#incidents.delete(oldest);
  }

  has(incident: string): boolean {
    return this.#incidents.has(incident);
  }
}
