/** Texts of messages as people write them: mustache without partials, and only names that there are. */
import mustache from 'mustache';

/** What a template may name. `incident.*` is the record of `incidents.v1`. */
export const TEMPLATE_NAMES = [
  ...['text', 'key', 'type', 'link', 'lasts', 'reminder'],
  ...[
    'id',
    'revision',
    'transition',
    'state',
    'site',
    'camera',
    'rule',
    'type',
    'severity',
    'zone',
    'line',
    'direction',
  ].map((name) => `incident.${name}`),
  ...['openedAt', 'updatedAt', 'closedAt', 'closeReason', 'unobservedReason', 'peopleMax'].map(
    (name) => `incident.${name}`,
  ),
];

/** @returns what is wrong with a template, undefined where nothing is. */
export function templateFault(template: string): string | undefined {
  try {
    return faultIn(mustache.parse(template));
  } catch {
    return 'is not a template: a {{name}} or {{#section}} is not closed';
  }
}

/** Placeholders filled in; nothing is escaped, as it is text and no page. */
export function fillTemplate(template: string, view: Readonly<Record<string, unknown>>): string {
  return mustache.render(template, view, {}, { escape: String });
}

type Token = ReturnType<typeof mustache.parse>[number];

function faultIn(tokens: readonly Token[]): string | undefined {
  for (const [kind, name, , , inner] of tokens) {
    if (kind === 'text' || kind === '!') continue;
    if (kind === '>' || kind === '=') return 'may hold names and sections only';
    if (!TEMPLATE_NAMES.includes(name))
      return `names what messages do not have: ${name}; there are ${TEMPLATE_NAMES.join(', ')}`;
    const fault = Array.isArray(inner) ? faultIn(inner) : undefined;
    if (fault !== undefined) return fault;
  }
  return undefined;
}
