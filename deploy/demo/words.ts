import type { Score } from '../../simulator/score.ts';
import type { Verdict } from './judge.ts';

const SIGN = { found: '✓', false: '✗', repeated: '↻', missed: '✗' } as const;
/** Columns that a whole line takes. */
const WIDE = 64;
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
    this.#say('Each line is an incident as banksman opens it,\nbeside what truly happened. Ctrl-C ends.\n');
  }

  verdict(one: Verdict): void {
    if (this.#json) {
      this.#line({ event: one.verdict, ...one });
      return;
    }
    const paint = (text: string): string => this.#paint(text, COLOUR[one.verdict]);
    this.#say(inOneLine(one, process.stdout.columns ?? 80, paint));
  }

  sum({ found, missed, repeated, recall, lateS, ...rest }: Score): void {
    const counts = { found: found.length, missed: missed.length, false: rest.false.length, repeated: repeated.length };
    if (this.#json) {
      this.#line({ event: 'score', ...counts, unjudged: rest.unjudged.length, recall, late_s: lateS });
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

/** A verdict in columns where there is room for them, else as short as it can be said. */
export function inOneLine(one: Verdict, columns: number, paint: (text: string) => string = (text) => text): string {
  const late = one.lateS === null ? '' : `${Math.abs(one.lateS).toFixed(1)} s ${one.lateS < 0 ? 'early' : 'late'}`;
  const sign = SIGN[one.verdict];
  if (columns < WIDE) return `${clock(one.atS)} ${paint(sign)} ${one.rule}, ${late || one.verdict}`;
  const verdict = paint(`${sign} ${one.verdict.padEnd(8)}`);
  return `${clock(one.atS)}  ${verdict}  ${one.rule.padEnd(24)} ${one.camera.padEnd(8)} ${late}`.trimEnd();
}

/** Time of the scenario, over all rounds. */
function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${String(Math.floor(whole / 60)).padStart(2)}:${String(whole % 60).padStart(2, '0')}`;
}
