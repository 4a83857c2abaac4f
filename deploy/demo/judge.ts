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
  /** From the true begin to the opening; null where there is no such pair, or it was not watched from its begin. */
  lateS: number | null;
  incident: string | null;
}

/** What of an incident is judged. */
export type ReportedIncident = Pick<Incident, 'id' | 'camera' | 'rule' | 'openedAt' | 'closedAt' | 'direction'>;

/** From the end of something until nothing is told of it any more: 5 s for a crossing, and the way to the console. */
const REPORT_S = 7;

/** Holds what the product reports against the truth of a looping scenario. Times in: epoch milliseconds. */
export class Judge {
  readonly #world: World;
  readonly #watches: readonly Watch[];
  readonly #beganMs: number;
  readonly #sinceMs: number;
  #fromS: number | null = null;
  readonly #reported = new Map<string, Reported>();
  readonly #said = new Set<string>();

  /**
   * @param beganMs when the first round's first picture was sent.
   * @param sinceMs what is older is an earlier demo's, which left it in the store.
   */
  constructor(world: World, watches: readonly Watch[], beganMs: number, sinceMs: number) {
    this.#world = world;
    this.#watches = watches;
    this.#beganMs = beganMs;
    this.#sinceMs = sinceMs;
  }

  /** All cameras are watched since `fromMs`: what began before need not be found. Until this is said, nothing need. */
  watched(fromMs: number): void {
    this.#fromS = (fromMs - this.#beganMs) / 1000;
  }

  report({ id, camera, rule, openedAt, closedAt, direction }: ReportedIncident): void {
    const at = (time: string): number => (Date.parse(time) - this.#beganMs) / 1000;
    const openedAtS = at(openedAt);
    if (Date.parse(openedAt) < this.#sinceMs) return;
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
    const fromS = this.#fromS ?? toS;
    const { incidents, durationS } = this.#world;
    return score(incidents, this.#watches, [...this.#reported.values()], { durationS, fromS, toS });
  }

  /**
   * What is new since the last call, as soon as it is sure: late is not missed while it lasts.
   * @param isLast whatever is not found by now is missed.
   */
  news(nowMs: number, isLast = false): Verdict[] {
    const judged = this.score(nowMs);
    const nowS = (nowMs - this.#beganMs) / 1000;
    const over = judged.missed.filter(({ incident }) => isLast || nowS > incident.endS + REPORT_S);
    const all: [string, Verdict][] = [
      ...judged.found.map(({ watch, incident, reported, lateS }): [string, Verdict] => [
        reported.id,
        {
          ...{ verdict: 'found', ...of(watch), atS: reported.openedAtS, incident: reported.id },
          lateS: incident.startS < (this.#fromS ?? nowS) ? null : lateS,
        },
      ]),
      ...(['false', 'repeated'] as const).flatMap((verdict) =>
        judged[verdict].map((one): [string, Verdict] => [
          one.id,
          { verdict, camera: one.camera, rule: one.rule, atS: one.openedAtS, lateS: null, incident: one.id },
        ]),
      ),
      ...over.map(({ watch, incident }: Expected): [string, Verdict] => [
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
