/** The annotated picture: what was seen, where the rule looks, when. Drawn as SVG, so it is sharp at any size. */
import sharp from 'sharp';
import { asError, BanksmanError } from '../../runtime/errors.ts';
import type { Box, Point, Polygon, Severity } from '../../runtime/messages/types.ts';

// No picture is drawn twice, and threads of its own would each keep memory.
sharp.cache(false);
sharp.concurrency(1);

export interface AnnotatedBox {
  box: Box;
  /** Null: no label. */
  label: string | null;
  /** `subject`: of the incident; `other`: somebody else in the picture. */
  role: 'subject' | 'other';
}

export interface Annotation {
  severity: Severity;
  boxes: readonly AnnotatedBox[];
  zone: { name: string; polygon: Polygon } | null;
  /** `direction` null: no arrow. */
  line: { name: string; points: [Point, Point]; direction: 'in' | 'out' | null } | null;
  /** Below the picture; the first is bold. */
  title: string;
  facts: string;
  /** At the right of the first line. */
  time: string;
}

export const SEVERITY_COLOURS: Readonly<Record<Severity, string>> = {
  low: '#4cc2ff',
  medium: '#ffd23f',
  high: '#ff8c1a',
  critical: '#ff3b47',
};
const MONO = "'DejaVu Sans Mono', 'Liberation Mono', monospace";
const SANS = "'DejaVu Sans', 'Liberation Sans', sans-serif";
/** Width of a letter of a monospaced font over its size. */
const LETTER = 0.602;

export interface AnnotatedPicture {
  jpeg: Buffer;
  /** Of the picture itself, without the strip below. */
  width: number;
  height: number;
}

/**
 * Draws over the picture and adds a strip below it: nothing of the picture is covered by words about
 * it, and its pixels stay where they were.
 * @throws BanksmanError FRAME_UNREADABLE
 */
export async function annotate(jpeg: Buffer, annotation: Annotation): Promise<AnnotatedPicture> {
  try {
    const source = sharp(jpeg, { failOn: 'none' });
    const { width, height } = await source.metadata();
    const strip = stripHeight(width);
    const overlay = Buffer.from(overlaySvg(annotation, width, height, strip));
    const drawn = await source
      .extend({ bottom: strip, background: '#12161b' })
      .composite([{ input: overlay, top: 0, left: 0 }])
      .jpeg({ quality: 88, chromaSubsampling: '4:4:4' })
      .toBuffer();
    return { jpeg: drawn, width, height };
  } catch (cause) {
    throw new BanksmanError('FRAME_UNREADABLE', { message: asError(cause).message, cause });
  }
}

/** Size of the smaller letters, px. */
function letterSize(width: number): number {
  return Math.max(10, Math.round(width / 68));
}

function stripHeight(width: number): number {
  return Math.round(letterSize(width) * 3.9);
}

function overlaySvg(annotation: Annotation, width: number, height: number, strip: number): string {
  const { severity, boxes, zone, line } = annotation;
  const canvas: Canvas = { width, height, size: letterSize(width), colour: SEVERITY_COLOURS[severity] };
  // Subjects last: nothing is drawn over them.
  const ordered = [...boxes].sort((a, b) => Number(a.role === 'subject') - Number(b.role === 'subject'));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height + strip}">
<svg width="${width}" height="${height}" overflow="hidden">
${zone ? zoneSvg(zone, canvas) : ''}${line ? lineSvg(line, canvas) : ''}
${ordered.map((one) => boxSvg(one, canvas)).join('\n')}
</svg>
${stripSvg(annotation, canvas, strip)}
</svg>`;
}

interface Canvas {
  width: number;
  height: number;
  size: number;
  colour: string;
}

function zoneSvg({ name, polygon }: { name: string; polygon: Polygon }, canvas: Canvas): string {
  const points = polygon.map((point) => pixels(point, canvas));
  const path = points.map(([x, y]) => `${n(x)},${n(y)}`).join(' ');
  const top = points.reduce((a, b) => (b[1] < a[1] || (b[1] === a[1] && b[0] < a[0]) ? b : a));
  return `<polygon points="${path}" fill="${canvas.colour}" fill-opacity="0.07" stroke="#000" stroke-opacity="0.55" stroke-width="4" stroke-linejoin="round"/>
<polygon points="${path}" fill="none" stroke="${canvas.colour}" stroke-width="2" stroke-dasharray="10 6" stroke-linejoin="round"/>
${chip(name, top[0] + 4, top[1] + 4, canvas, 'outline')}`;
}

function lineSvg({ name, points, direction }: NonNullable<Annotation['line']>, canvas: Canvas): string {
  const [[ax, ay], [bx, by]] = [pixels(points[0], canvas), pixels(points[1], canvas)];
  const length = Math.hypot(bx - ax, by - ay) || 1;
  // `in` goes from the left of a→b to its right; y points down.
  const side = direction === 'out' ? -1 : 1;
  const [nx, ny] = [(-(by - ay) / length) * side, ((bx - ax) / length) * side];
  const [mx, my] = [(ax + bx) / 2, (ay + by) / 2];
  const reach = canvas.size * 2.4;
  const [tx, ty] = [mx + nx * reach, my + ny * reach];
  const wing = canvas.size * 0.7;
  const [ux, uy] = [(bx - ax) / length, (by - ay) / length];
  const head = [
    [tx, ty],
    [tx - nx * wing + ux * wing * 0.7, ty - ny * wing + uy * wing * 0.7],
    [tx - nx * wing - ux * wing * 0.7, ty - ny * wing - uy * wing * 0.7],
  ]
    .map(([x = 0, y = 0]) => `${n(x)},${n(y)}`)
    .join(' ');
  const stroke = (path: string): string =>
    `<path d="${path}" stroke="#000" stroke-opacity="0.55" stroke-width="6" stroke-linecap="round"/>
<path d="${path}" stroke="${canvas.colour}" stroke-width="3" stroke-linecap="round"/>`;
  const arrow =
    direction === null
      ? ''
      : `${stroke(`M${n(mx)} ${n(my)}L${n(tx)} ${n(ty)}`)}<polygon points="${head}" fill="${canvas.colour}" stroke="#000" stroke-opacity="0.55"/>`;
  return `${stroke(`M${n(ax)} ${n(ay)}L${n(bx)} ${n(by)}`)}${arrow}${chip(name, ax + 4, ay + 4, canvas, 'outline')}`;
}

function boxSvg({ box: [x1, y1, x2, y2], label, role }: AnnotatedBox, canvas: Canvas): string {
  const [left, top] = pixels([x1, y1], canvas);
  const [right, bottom] = pixels([x2, y2], canvas);
  const rect = `x="${n(left)}" y="${n(top)}" width="${n(right - left)}" height="${n(bottom - top)}" fill="none"`;
  if (role === 'other') {
    return `<rect ${rect} stroke="#000" stroke-opacity="0.5" stroke-width="3"/><rect ${rect} stroke="#e8edf2" stroke-width="1.5"/>`;
  }
  const height = chipHeight(canvas);
  const above = top - height - 2;
  // Without room above it goes inside, never out of the picture.
  const text = label === null ? '' : chip(label, left - 1, above >= 0 ? above : top + 2, canvas, 'filled');
  return `<rect ${rect} stroke="#000" stroke-opacity="0.6" stroke-width="5"/><rect ${rect} stroke="${canvas.colour}" stroke-width="2.5"/>${text}`;
}

function chipHeight(canvas: Canvas): number {
  return Math.round(canvas.size * 1.5);
}

/** A label on its own ground, kept within the picture. */
function chip(text: string, x: number, y: number, canvas: Canvas, look: 'filled' | 'outline'): string {
  const { size, colour } = canvas;
  const height = chipHeight(canvas);
  const width = [...text].length * size * LETTER + size * 0.9;
  const left = clamp(x, 0, canvas.width - width);
  const top = clamp(y, 0, canvas.height - height);
  const ground = look === 'filled' ? `fill="${colour}"` : 'fill="#12161b" fill-opacity="0.78"';
  const ink = look === 'filled' ? '#0b0e11' : colour;
  return `<rect x="${n(left)}" y="${n(top)}" width="${n(width)}" height="${height}" rx="2" ${ground}/>
<text x="${n(left + size * 0.45)}" y="${n(top + height * 0.72)}" font-family="${MONO}" font-size="${size}" font-weight="bold" fill="${ink}">${escapeXml(text)}</text>`;
}

function stripSvg({ title, facts, time }: Annotation, canvas: Canvas, strip: number): string {
  const { width, height, size, colour } = canvas;
  const left = size * 1.1;
  const [first, second] = [height + strip * 0.43, height + strip * 0.8];
  const room = Math.floor((width - left * 2) / (size * LETTER));
  // The time is never cut: without it the picture says little.
  const titleRoom = Math.max(0, Math.floor((room - [...time].length * 1.12 - 2) / 1.18));
  return `<rect x="0" y="${height}" width="${width}" height="3" fill="${colour}"/>
<text x="${n(left)}" y="${n(first)}" font-family="${SANS}" font-size="${n(size * 1.12)}" font-weight="bold" fill="#f4f6f8">${escapeXml(cut(title, titleRoom))}</text>
<text x="${n(width - left)}" y="${n(first)}" text-anchor="end" font-family="${MONO}" font-size="${n(size * 1.12)}" fill="#f4f6f8">${escapeXml(time)}</text>
<text x="${n(left)}" y="${n(second)}" font-family="${MONO}" font-size="${n(size * 0.92)}" fill="#9aa7b4">${escapeXml(cut(facts, Math.floor(room / 0.92)))}</text>`;
}

function pixels([x, y]: Point | readonly [number, number], { width, height }: Canvas): [number, number] {
  return [x * width, y * height];
}

function cut(text: string, room: number): string {
  const letters = [...text];
  return letters.length <= room ? text : `${letters.slice(0, Math.max(0, room - 1)).join('')}…`;
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(value, high));
}

function n(value: number): string {
  return value.toFixed(1);
}

function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
