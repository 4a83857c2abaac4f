/** Pieces that pages are made of. Pure. */
import type { Severity } from '../runtime/messages/types.ts';
import { type Content, Html, html, NOTHING } from './html.ts';
import type { Picture } from './pictures.ts';
import { STYLE } from './style.ts';
import { SEVERITIES, type SeverityCounts } from './tally.ts';
import { type WatchTime, watchedShare } from './watched.ts';
import { count, many, percent } from './words.ts';

export interface PageFrame {
  title: string;
  site: string;
  /** In the header, the first one bold. */
  lines: readonly string[];
  body: Content;
  /** Stays together with the footer. */
  last: Content;
  footer: Content;
}

/** A page that loads nothing and runs nothing. */
export function page({ title, site, lines, body, last, footer }: PageFrame): string {
  const [first, ...others] = lines;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<header>
<h1><svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" fill="#f5a524"/><path d="M8 20a8 8 0 0 1 16 0v2H8z" fill="#161a1f"/><rect x="6" y="22" width="20" height="3" rx="1.5" fill="#161a1f"/></svg><span>${site}</span></h1>
<p class="period">${first ?? ''}</p>
${others.map((line) => html`<p>${line}</p>`)}
</header>
<main>
${body}
<div class="end">
${last}<footer>${footer}</footer>
</div>
</main>
</body>
</html>
`.text;
}

export function section(id: string, title: string, ...content: Content[]): Html {
  return html`<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
${content}
</section>
`;
}

export function tile(name: string, value: string, about: string, mood: 'good' | 'bad' | '' = ''): Html {
  return html`<dl class="tile ${mood}"><dt>${name}</dt><dd class="value">${value}</dd><dd>${about}</dd></dl>`;
}

export function severityMark(severity: Severity): Html {
  return html`<span class="severity"><span class="swatch ${severity}" aria-hidden="true"></span>${severity}</span>`;
}

export interface Column {
  /** Of a table's head. */
  name: string;
  /** Numbers stand to the right. */
  number?: boolean;
  /** Sentences, which want room. */
  wide?: boolean;
}

type Rows = readonly (readonly Content[])[];

/** The first cell of each row names it. Where it is wider than the page it scrolls, by keys as well. */
export function table(caption: string, columns: readonly Column[], rows: Rows): Html {
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0">${bareTable(caption, columns, rows)}</div>`;
}

function bareTable(caption: string, columns: readonly Column[], rows: Rows): Html {
  const kind = (i: number): Html => new Html(columns[i]?.number ? ' class="n"' : columns[i]?.wide ? ' class="w"' : '');
  const cellOf = (cell: Content, i: number): Html =>
    i === 0 ? html`<th scope="row">${cell}</th>` : html`<td${kind(i)}>${cell}</td>`;
  return html`<table><caption>${caption}</caption>
<thead><tr>${columns.map(({ name }, i) => html`<th scope="col"${kind(i)}>${name}</th>`)}</tr></thead>
<tbody>${rows.map((cells) => html`<tr>${cells.map(cellOf)}</tr>\n`)}</tbody></table>`;
}

/** As wide as its share of the most. */
export function bar(value: number, most: number): Html {
  if (value === 0) return NOTHING;
  return html`<div class="bar" aria-hidden="true"><span style="width:${share(value, most)}%"></span></div>`;
}

export function meter(time: WatchTime): Html {
  const watched = watchedShare(time) ?? 0;
  return html`<div class="meter" aria-hidden="true"><i style="width:${share(watched, 1)}%"></i></div>`;
}

export interface TimeColumn {
  /** In full, for tables. */
  name: string;
  /** Below the column; empty for most where there are many. */
  label: string;
  incidents: SeverityCounts;
  watch: WatchTime;
}

/** Incidents as stacked columns, and below each the share of time that was watched; the same as a table for readers. */
export function timeChart(caption: string, first: string, columns: readonly TimeColumn[]): Html {
  const totals = columns.map(({ incidents }) => total(incidents));
  const most = Math.max(1, ...totals);
  return html`<div class="card"><h3>${caption}</h3>
<div class="columns" aria-hidden="true">${columns.map((column, i) => timeColumn(column, totals[i] ?? 0, most))}</div>
<div class="legend" aria-hidden="true">${SEVERITIES.map(severityMark)}<span class="severity"><span class="swatch" style="background:var(--watched)"></span>watched</span><span class="severity"><span class="swatch seen"></span>not watched</span></div>
<div class="hidden">${bareTable(
    caption,
    [{ name: first }, ...SEVERITIES.map((name) => ({ name })), { name: 'all' }, { name: 'watched' }],
    columns.map(({ name, incidents, watch }, i) => [
      name,
      ...SEVERITIES.map((severity) => incidents[severity]),
      totals[i] ?? 0,
      percent(watchedShare(watch)),
    ]),
  )}</div></div>
`;
}

function timeColumn({ label, incidents, watch }: TimeColumn, all: number, most: number): Html {
  const watched = watchedShare(watch);
  return html`<div class="column"><div class="stack">${all > 0 && html`<b>${count(all)}</b>`}${SEVERITIES.map(
    (severity) =>
      incidents[severity] === 0
        ? NOTHING
        : html`<i class="${severity}" style="height:${share(incidents[severity], most * 1.2)}%"></i>`,
  )}</div><div class="seen${watched === null ? ' future' : ''}"><i style="height:${share(watched ?? 0, 1)}%"></i></div><small>${label}</small></div>`;
}

export function figure(picture: Picture | undefined, alt: string, none: string, caption: Content): Html {
  const shown = picture
    ? html`<img src="${picture.url}" width="${picture.width}" height="${picture.height}" alt="${alt}">`
    : html`<div class="none">${none}</div>`;
  return html`<figure>${shown}<figcaption>${caption}</figcaption></figure>
`;
}

export function facts(...pairs: readonly (readonly [string, Content])[]): Html {
  return html`<dl class="facts">${pairs.map(
    ([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>
`,
  )}</dl>`;
}

export function total(counts: SeverityCounts): number {
  return SEVERITIES.reduce((sum, severity) => sum + counts[severity], 0);
}

/** `2 critical, 3 low`. */
export function severitiesInWords(counts: SeverityCounts): string {
  const parts = SEVERITIES.filter((severity) => counts[severity] > 0);
  return parts.map((severity) => `${count(counts[severity])} ${severity}`).join(', ');
}

/** A list that was cut says so. */
export function andMore(all: number, shown: number, what: string): Html {
  return all > shown ? html`<p class="soft">and ${many(all - shown, what)} more</p>` : NOTHING;
}

function share(value: number, of: number): string {
  return (of === 0 ? 0 : Math.min(100, (100 * value) / of)).toFixed(1);
}
