/** The face of the console (dashboards/console/web/app.css), on screen and on A4. */
import { BAD, GOOD, PLAIN, SEVERITY_COLORS } from '../dashboards/grafana/colors.ts';

const DARK = `
  color-scheme: dark;
  --ground: #14181d; --panel: #1c2229; --raised: #252c35; --line: #333c47; --edge: #9ba7b4;
  --text: #e8ecf1; --soft: #9ba7b4; --good: #3fb68b; --warn: #f5a524; --bad: #ff6b5e;`;

export const STYLE = `
:root {
  color-scheme: light;
  --ground: #eef1f4; --panel: #fff; --raised: #f3f5f8; --line: #d5dbe2; --edge: #586473;
  --text: #171c22; --soft: #586473; --good: #157f5b; --warn: #a86400; --bad: #c62f22;
  --critical: ${SEVERITY_COLORS.critical}; --high: ${SEVERITY_COLORS.high};
  --medium: ${SEVERITY_COLORS.medium}; --low: ${SEVERITY_COLORS.low};
  --watched: ${GOOD}; --unwatched: ${BAD}; --plain: ${PLAIN};
  font: 15px / 1.45 system-ui, "Segoe UI", "DejaVu Sans", sans-serif;
}
@media screen and (prefers-color-scheme: dark) { :root {${DARK} } }
* { box-sizing: border-box; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
body { margin: 0; background: var(--ground); color: var(--text); }
h1, h2, h3, p, dl, dd, ol, ul, figure { margin: 0; padding: 0; }
h1 { display: flex; align-items: center; gap: .6rem; font-size: 1.15rem; font-weight: 650; }
h1 svg { width: 28px; height: 28px; flex: none; }
h2 { font-size: 1.1rem; font-weight: 650; }
h3 { font-size: .95rem; font-weight: 650; overflow-wrap: anywhere; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .3rem 2rem; padding: .9rem 1.25rem; background: var(--panel); border-bottom: 1px solid var(--line); }
header p { color: var(--soft); font-size: .9rem; }
header .period { color: var(--text); font-weight: 650; }
main { display: grid; gap: 1.75rem; max-width: 76rem; margin: 0 auto; padding: 1.25rem; }
section { display: grid; gap: .75rem; min-width: 0; }
footer { padding-top: 1rem; color: var(--soft); font-size: .85rem; }
.soft { color: var(--soft); font-size: .87rem; }
.verdict { padding: .9rem 1.1rem; background: var(--panel); border: 1px solid var(--line); border-left: .3rem solid var(--good); border-radius: .6rem; font-size: 1.05rem; }
.verdict.bad { border-left-color: var(--bad); }
.verdict p + p { margin-top: .35rem; font-size: .93rem; }
.notice { padding: .6rem 1.1rem; border: 1px solid var(--warn); border-left-width: .3rem; border-radius: .6rem; background: var(--panel); font-size: .92rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; }
.tile, .card { background: var(--panel); border: 1px solid var(--line); border-radius: .6rem; min-width: 0; overflow: hidden; }
.tile { padding: .7rem .9rem; }
.tile dt { color: var(--soft); font-size: .85rem; }
.tile dd { font-size: 1.5rem; font-weight: 650; font-variant-numeric: tabular-nums; line-height: 1.25; }
.tile dd + dd { font-size: .82rem; font-weight: 400; color: var(--soft); line-height: 1.4; }
.tile.bad .value { color: var(--bad); }
.tile.good .value { color: var(--good); }
.card { padding: .8rem .9rem; display: grid; gap: .6rem; align-content: start; }
.two { display: grid; grid-template-columns: minmax(0, 1fr); gap: .75rem; align-items: start; }
@media screen and (min-width: 56rem) { .two { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
.three { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: .75rem; }
.empty { color: var(--soft); padding: 1.1rem; background: var(--panel); border: 1px dashed var(--line); border-radius: .6rem; }
.scroll { overflow-x: auto; }
.scroll:focus-visible { outline: 2px solid var(--plain); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 650; font-size: .95rem; padding-bottom: .35rem; }
th, td { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: break-word; }
th { font-weight: 650; }
th[scope="row"] { min-width: 8.5rem; overflow-wrap: anywhere; }
td:has(code) { min-width: 14rem; }
thead th { color: var(--soft); font-weight: 400; font-size: .82rem; overflow-wrap: normal; vertical-align: bottom; }
tbody tr:last-child > * { border-bottom: 0; }
td.w { min-width: 9rem; }
.n { text-align: right; white-space: nowrap; }
.bar { min-width: 4rem; }
.bar span { display: block; height: .8rem; min-width: 2px; margin-top: .25rem; border: 1px solid var(--edge); border-radius: .15rem; background: var(--plain); }
.severity { display: inline-flex; align-items: center; gap: .4rem; white-space: nowrap; }
.swatch { display: inline-block; width: .75rem; height: .75rem; border: 1px solid var(--edge); border-radius: .15rem; flex: none; }
.critical { background: var(--critical); } .high { background: var(--high); }
.medium { background: var(--medium); } .low { background: var(--low); }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; font-size: .82rem; color: var(--soft); }
.columns { display: flex; align-items: stretch; gap: 2px; min-width: 0; }
.column { flex: 1 1 0; min-width: 0; display: flex; flex-direction: column; align-items: center; }
.stack { width: 100%; height: 7rem; display: flex; flex-direction: column; justify-content: flex-end; border-bottom: 1px solid var(--edge); }
.stack i { display: block; border: 1px solid var(--edge); border-bottom: 0; }
.stack b { font-size: .72rem; font-weight: 400; text-align: center; line-height: 1.2; }
.seen { width: 100%; height: 1.1rem; margin-top: 3px; display: flex; flex-direction: column-reverse; border: 1px solid var(--edge); background: repeating-linear-gradient(45deg, var(--unwatched) 0 2px, var(--panel) 2px 6px); }
.seen.future { background: none; border-style: dotted; }
.seen i { display: block; background: var(--watched); }
.column small { font-size: .72rem; color: var(--soft); white-space: nowrap; height: 1.2rem; }
.swatch.seen { margin: 0; width: .75rem; height: .75rem; }
.meter { display: flex; height: .8rem; min-width: 4rem; margin-top: .25rem; border: 1px solid var(--edge); border-radius: .15rem; overflow: hidden; background: repeating-linear-gradient(45deg, var(--unwatched) 0 2px, var(--panel) 2px 6px); }
.meter i { background: var(--watched); }
figure { background: var(--panel); border: 1px solid var(--line); border-radius: .6rem; overflow: hidden; min-width: 0; }
figure img { display: block; width: 100%; height: auto; background: #000; }
figure .none { display: grid; place-items: center; aspect-ratio: 16 / 9; background: var(--raised); color: var(--soft); font-size: .87rem; padding: 1rem; text-align: center; }
figcaption { padding: .55rem .8rem .65rem; font-size: .88rem; display: grid; gap: .15rem; overflow-wrap: anywhere; }
figcaption .soft { font-size: .83rem; }
.ramp { display: inline-block; width: 9rem; height: .8rem; border: 1px solid var(--edge); vertical-align: -.1rem; background: linear-gradient(90deg, #140b35, #65156e, #bc3754, #f98e09, #fcffa4); }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .25rem 1rem; font-size: .9rem; }
.facts dt { color: var(--soft); }
.facts dd { overflow-wrap: anywhere; }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .9em; overflow-wrap: anywhere; }
ul.plain { list-style: none; display: grid; gap: .35rem; font-size: .9rem; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
/* A shadow at the edge beyond which a table goes on. */
@media screen {
  .scroll {
    --shadow: color-mix(in srgb, var(--edge) 50%, transparent);
    background:
      linear-gradient(90deg, var(--panel) 40%, transparent) 0 0 / 2rem 100% no-repeat local,
      linear-gradient(270deg, var(--panel) 40%, transparent) 100% 0 / 2rem 100% no-repeat local,
      linear-gradient(90deg, var(--shadow), transparent) 0 0 / .5rem 100% no-repeat scroll,
      linear-gradient(270deg, var(--shadow), transparent) 100% 0 / .5rem 100% no-repeat scroll;
  }
}
@media screen and (max-width: 30rem) {
  .bar { display: none; }
  main { padding: .8rem; gap: 1.4rem; }
  th, td { padding: .3rem .35rem; }
  .columns { gap: 1px; }
  .facts { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .facts dd { margin-bottom: .45rem; }
}
@page {
  size: A4; margin: 14mm 12mm 16mm;
  @bottom-left { content: "banksman"; font: 8pt system-ui, "DejaVu Sans", sans-serif; color: #586473; }
  @bottom-right { content: counter(page) " / " counter(pages); font: 8pt system-ui, "DejaVu Sans", sans-serif; color: #586473; }
}
@media print {
  :root { --ground: #fff; font-size: 10pt; }
  header { padding: 0 0 .6rem; }
  main { display: block; padding: .8rem 0 0; max-width: none; }
  main > * { margin-bottom: 1.2rem; }
  section { display: block; }
  section > * + * { margin-top: .6rem; }
  footer { padding: 0; }
  .intro, .end { break-inside: avoid; }
  .two, .three { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .tiles { grid-template-columns: repeat(3, 1fr); }
  .scroll { overflow: visible; }
  h2, h3, caption, .intro { break-after: avoid; }
  .card, .tile, figure, tr, .verdict, .notice, .legend { break-inside: avoid; }
  .card.long { break-inside: auto; box-decoration-break: clone; }
  th, td { padding: .25rem .3rem; }
  .bar { min-width: 2.2rem; }
  thead { display: table-header-group; }
  .new-page { break-before: page; }
}
`;
