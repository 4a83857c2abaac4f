import type { Incident } from '../../runtime/messages/types.ts';
import { type Expected, type Reported, type Score, score, type Watch } from '../../simulator/score.ts';
import type { World } from '../../simulator/world/types.ts';

/** One line of the demo: what banksman said beside what is true, as soon as either is known. */
export interface Verdict {
  verdict: 'found' | 'false' | 'repeated' | 'missed';
  camera: string;
  rule: string;
  /** Seconds since the scenario began; of a missed one, when it truly began. */
  atS: number;
  /** From the true begin to the opening; null where there is no such pair. */
  lateS: number | null;
  incident: string | null;
}

/** What of an incident is judged. */
export type ReportedIncident = Pick<Incident, 'id' | 'camera' | 'rule' | 'openedAt' | 'closedAt' | 'direction'>;

/** Holds what the product reports against the truth of a looping scenario. Times in: epoch milliseconds. */
export class Judge {
  readonly #world: World;
  readonly #watches: readonly Watch[];
  readonly #beganMs: number;
  readonly #fromS: number;
  readonly #reported = new Map<string, Reported>();
  readonly #said = new Set<string>();

  /**
   * @param beganMs when the first round's first picture was sent.
   * @param fromMs since when all cameras are watched: what began before need not be found.
   */
  constructor(world: World, watches: readonly Watch[], beganMs: number, fromMs: number) {
    this.#world = world;
    this.#watches = watches;
    this.#beganMs = beganMs;
    this.#fromS = (fromMs - beganMs) / 1000;
  }

  report({ id, camera, rule, openedAt, closedAt, direction }: ReportedIncident): void {
    const at = (time: string): number => (Date.parse(time) - this.#beganMs) / 1000;
    const openedAtS = at(openedAt);
    // What an earlier demo left in the store.
    if (openedAtS < this.#fromS) return;
    this.#reported.set(id, {
      id,
      camera,
      rule,
      openedAtS,
      closedAtS: closedAt === null ? null : at(closedAt),
      direction,
    });
  }

  score(nowMs: number): Score {
    const toS = (nowMs - this.#beganMs) / 1000;
    const durationS = this.#world.durationS;
    return score(this.#world.incidents, this.#watches, [...this.#reported.values()], {
      durationS,
      fromS: this.#fromS,
      toS,
    });
  }

  /** What is new since the last call. */
  news(nowMs: number): Verdict[] {
    const judged = this.score(nowMs);
    const all: [string, Verdict][] = [
      ...judged.found.map(({ watch, reported, lateS }): [string, Verdict] => [
        reported.id,
        { verdict: 'found', ...of(watch), atS: reported.openedAtS, lateS, incident: reported.id },
      ]),
      ...(['false', 'repeated'] as const).flatMap((verdict) =>
        judged[verdict].map((one): [string, Verdict] => [
          one.id,
          { verdict, camera: one.camera, rule: one.rule, atS: one.openedAtS, lateS: null, incident: one.id },
        ]),
      ),
      ...judged.missed.map(({ watch, incident }: Expected): [string, Verdict] => [
        `${watch.camera}/${watch.rule}/${incident.startS}`,
        { verdict: 'missed', ...of(watch), atS: incident.startS, lateS: null, incident: null },
      ]),
    ];
    return all.flatMap(([key, verdict]) => {
      if (this.#said.has(key)) return [];
      this.#said.add(key);
      return [verdict];
    });
  }
}

function of({ camera, rule }: Watch): { camera: string; rule: string } {
  return { camera, rule };
}
