/**
 * A table with its columns aligned, as the formatter of this repository wants it, so that generated files
 * pass the same checks as written ones. `|` and line ends in cells are escaped.
 */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows].map((row) => header.map((_, column) => cell(row[column] ?? '')));
  const widths = header.map((_, column) => Math.max(3, ...lines.map((row) => width(row[column] ?? ''))));
  const render = (row: readonly string[]): string =>
    `| ${row.map((text, column) => text + ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(text)))).join(' | ')} |`;
  const [first = [], ...rest] = lines;
  return [render(first), render(widths.map((size) => '-'.repeat(size))), ...rest.map(render)].join('\n');
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const width = (text: string): number => [...text].length;
