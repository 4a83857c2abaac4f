/**
 * Metrics of one or several processes in Prometheus' text format, in slices of about a millisecond: with a thousand
 * cameras there are fifty thousand series, and who renders or carries them in one piece stands still for a second.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { MetricObjectWithValues, MetricValueWithName } from 'prom-client';

/** A part of one metric, as one process has it. */
export interface Slice {
  name: string;
  /** The lines `# HELP` and `# TYPE`. */
  head: string;
  /** Whole lines, a series each. */
  text: string;
}

/** Series a slice. */
const LINES = 400;

/** @param metric as prom-client gives it */
export function* slicesOf({
  name,
  help,
  type,
  values,
}: MetricObjectWithValues<MetricValueWithName<string>>): Generator<Slice> {
  const head = `# HELP ${name} ${help.replace(NEEDS_ESCAPE, escaped)}\n# TYPE ${name} ${type}\n`;
  for (let from = 0; from < values.length; from += LINES) {
    let text = '';
    for (let at = from; at < Math.min(from + LINES, values.length); at += 1) {
      const series = values[at];
      if (series) text += `${series.metricName ?? name}${labelsOf(series.labels)} ${numberText(series.value)}\n`;
    }
    yield { name, head, text };
  }
}

/**
 * One text of the metrics of several processes: each metric stands together, what two of them have is added up.
 * The event loop turns between two pieces.
 */
export async function* exposition(processes: readonly (readonly Slice[])[]): AsyncGenerator<string> {
  const metrics = new Map<string, { head: string; texts: string[][] }>();
  for (const slices of processes) {
    const own = new Map<string, string[]>();
    for (const { name, head, text } of slices) {
      let texts = own.get(name);
      if (!texts) {
        texts = [];
        own.set(name, texts);
        const metric = metrics.get(name) ?? { head, texts: [] };
        metric.texts.push(texts);
        metrics.set(name, metric);
      }
      texts.push(text);
    }
  }
  for (const { head, texts } of metrics.values()) {
    yield head;
    const [only = []] = texts;
    for await (const text of texts.length === 1 ? only : added(texts.flat())) {
      yield text;
      await turn();
    }
  }
}

async function* added(texts: readonly string[]): AsyncGenerator<string> {
  const sums = new Map<string, number>();
  for (const text of texts) {
    for (const line of text.split('\n')) {
      const end = line.lastIndexOf(' ');
      if (end < 0) continue;
      const series = line.slice(0, end);
      sums.set(series, (sums.get(series) ?? 0) + numberOf(line.slice(end + 1)));
    }
    await turn();
  }
  let text = '';
  let lines = 0;
  for (const [series, sum] of sums) {
    text += `${series} ${numberText(sum)}\n`;
    lines += 1;
    if (lines % LINES !== 0) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}

const NEEDS_ESCAPE = /[\\\n]/g;
const LABEL_NEEDS_ESCAPE = /[\\\n"]/g;
const escaped = (letter: string): string => (letter === '\n' ? '\\n' : `\\${letter}`);

function labelsOf(labels: MetricValueWithName<string>['labels']): string {
  let text = '';
  for (const name in labels) {
    const value = String(labels[name]);
    // Looked for first: hardly any has one.
    const safe = /[\\\n"]/.test(value) ? value.replace(LABEL_NEEDS_ESCAPE, escaped) : value;
    text += `${text === '' ? '' : ','}${name}="${safe}"`;
  }
  return text === '' ? '' : `{${text}}`;
}

function numberText(value: number): string {
  return Number.isFinite(value) || Number.isNaN(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';
}

function numberOf(text: string): number {
  return text === '+Inf' ? Number.POSITIVE_INFINITY : text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text);
}
