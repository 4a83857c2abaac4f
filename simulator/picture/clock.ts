import type { Planes } from './convert.ts';
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyph } from './font.ts';

/** When clocks show that a scenario begins; the site has no time zone. */
export const SCENARIO_EPOCH_MS = Date.UTC(2026, 2, 2, 7, 0, 0);

export function clockText(t: number): string {
  return new Date(SCENARIO_EPOCH_MS + Math.floor(t) * 1000).toISOString().slice(0, 19).replace('T', ' ');
}

/** White letters with a dark rim at the bottom left, as cameras burn them in. */
export function burnIn(picture: Planes, text: string): void {
  const { width, height } = picture;
  const dot = Math.max(1, Math.round(height / 270));
  const left = 4 * dot;
  const top = height - (GLYPH_HEIGHT + 4) * dot;
  for (const [level, grow] of [
    [16, dot],
    [225, 0],
  ] as const) {
    for (let place = 0; place < text.length; place++) {
      const dots = glyph(text[place] ?? ' ');
      if (dots === null) continue;
      const x = left + place * (GLYPH_WIDTH + 1) * dot;
      if (x + (GLYPH_WIDTH + 1) * dot > width) break;
      for (let i = 0; i < dots.length; i++) {
        if (!dots[i]) continue;
        const column = x + (i % GLYPH_WIDTH) * dot;
        const row = top + Math.floor(i / GLYPH_WIDTH) * dot;
        fill(picture, column - grow, row - grow, column + dot + grow, row + dot + grow, level);
      }
    }
  }
}

function fill({ y, u, v, width, height }: Planes, x1: number, y1: number, x2: number, y2: number, level: number): void {
  for (let row = Math.max(0, y1); row < Math.min(height, y2); row++) {
    const from = Math.max(0, x1);
    const to = Math.min(width, x2);
    y.fill(level, row * width + from, row * width + to);
    const chroma = ((row >> 1) * width) / 2;
    u.fill(128, chroma + (from >> 1), chroma + ((to + 1) >> 1));
    v.fill(128, chroma + (from >> 1), chroma + ((to + 1) >> 1));
  }
}
