/**
 * Writes everything that follows from the tables in code: `node config/generate.ts`.
 * A test fails when one of them is stale.
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ERRORS } from '../runtime/errors.ts';
import { METRICS } from '../runtime/metrics.ts';
import { markdownTable } from './markdown.ts';
import { renderReference } from './reference.ts';
import { siteSchema } from './schema.ts';

/** Draft 7 of what people write, because that is what editors understand best. */
export function siteJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(siteSchema, {
    io: 'input',
    target: 'draft-7',
    override: ({ jsonSchema }) => {
      const flagged: Record<string, unknown> = jsonSchema;
      if (flagged['restart'] === undefined) return;
      flagged['x-restart'] = flagged['restart'];
      delete flagged['restart'];
    },
  });
  return { title: 'banksman site file', ...schema };
}

export function renderErrors(): string {
  const rows = Object.entries(ERRORS).map(([code, { message, mend, retryable }]) => [
    `\`${code}\``,
    message,
    mend,
    retryable ? 'yes' : 'no',
  ]);
  return `# Errors

Generated from \`runtime/errors.ts\` by \`node config/generate.ts\`; do not edit. Codes are stable.
_Retried_: banksman tries again by itself.

${markdownTable(['code', 'what happened', 'how to mend it', 'retried'], rows)}
`;
}

export function renderMetrics(): string {
  const rows = Object.entries(METRICS).map(([name, { kind, labels, help }]) => [
    `\`banksman_${name}\``,
    kind,
    labels.map((label) => `\`${label}\``).join(', '),
    help,
  ]);
  return `# Metrics

Generated from \`runtime/metrics.ts\` by \`node config/generate.ts\`; do not edit.

${markdownTable(['metric', 'kind', 'labels', 'what'], rows)}
`;
}

/** Path (relative to the root of the repository) and content of every generated file. */
export function generatedFiles(): Map<string, string> {
  const schema = siteJsonSchema();
  return new Map([
    ['config/schema.json', `${JSON.stringify(schema, null, 2)}\n`],
    ['config/reference.md', renderReference(schema)],
    ['runtime/errors.md', renderErrors()],
    ['runtime/metrics.md', renderMetrics()],
  ]);
}

if (import.meta.main) {
  for (const [path, content] of generatedFiles()) {
    await writeFile(fileURLToPath(new URL(`../${path}`, import.meta.url)), content);
  }
}
