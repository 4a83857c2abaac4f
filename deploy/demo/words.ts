import type { Score } from '../../simulator/score.ts';
import type { Verdict } from './judge.ts';

const SIGN = { found: '✓', false: '✗', repeated: '↻', missed: '✗' } as const;
const COLOUR = { found: 32, false: 31, repeated: 33, missed: 31 } as const;

/** What the demo prints: for people, or a JSON line each with `--json`. */
export class Words {
  readonly #json: boolean;
  readonly #color: boolean;

  constructor(json: boolean) {
    this.#json = json;
    this.#color = process.stdout.isTTY === true && !process.env['NO_COLOR'];
  }

  note(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  greet(console: string): void {
    if (this.#json) {
      this.#line({ event: 'ready', console });
      return;
    }
    this.#say(`console   ${console}`);
    this.#say('Each line is an incident as banksman opens it, beside what truly happened. Ctrl-C ends.\n');
  }

  verdict(one: Verdict): void {
    if (this.#json) {
      this.#line({ event: one.verdict, ...one });
      return;
    }
    const late = one.lateS === null ? '' : `${Math.abs(one.lateS).toFixed(1)} s ${one.lateS < 0 ? 'early' : 'late'}`;
    const sign = this.#paint(`${SIGN[one.verdict]} ${one.verdict.padEnd(8)}`, COLOUR[one.verdict]);
    this.#say(`${clock(one.atS)}  ${sign}  ${one.rule.padEnd(24)} ${one.camera.padEnd(8)} ${late}`.trimEnd());
  }

  sum({ found, missed, repeated, recall, lateS, ...rest }: Score): void {
    const counts = { found: found.length, missed: missed.length, false: rest.false.length, repeated: repeated.length };
    if (this.#json) {
      this.#line({ event: 'score', ...counts, recall, late_s: lateS });
      return;
    }
    const late = lateS === null ? '' : `; late by ${lateS.median.toFixed(1)} s, at most ${lateS.max.toFixed(1)} s`;
    const list = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
    this.#say(`\n${list.join(', ')}${late}`);
  }

  #line(value: object): void {
    process.stdout.write(`${JSON.stringify(value)}\n`);
  }

  #say(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  #paint(text: string, colour: number): string {
    return this.#color ? `\x1b[${colour}m${text}\x1b[0m` : text;
  }
}

/** Time of the scenario, over all rounds. */
function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${String(Math.floor(whole / 60)).padStart(2)}:${String(whole % 60).padStart(2, '0')}`;
}
