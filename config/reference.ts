/** `reference.md` from the JSON Schema: every option with its kind, default, bounds and restart. */
import { z } from 'zod';
import { markdownTable } from './markdown.ts';

/** What of JSON Schema our own schema uses. Unknown keywords pass through. */
const node: z.ZodType<SchemaNode> = z.lazy(() =>
  z.looseObject({
    type: z.union([z.string(), z.array(z.string())]).optional(),
    description: z.string().optional(),
    default: z.unknown().optional(),
    const: z.unknown().optional(),
    enum: z.array(z.unknown()).optional(),
    properties: z.record(z.string(), node).optional(),
    required: z.array(z.string()).optional(),
    additionalProperties: z.union([z.boolean(), node]).optional(),
    items: z.union([node, z.array(node)]).optional(),
    anyOf: z.array(node).optional(),
    oneOf: z.array(node).optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    'x-restart': z.array(z.string()).optional(),
  }),
);

export interface SchemaNode {
  type?: string | string[] | undefined;
  description?: string | undefined;
  default?: unknown;
  const?: unknown;
  enum?: unknown[] | undefined;
  properties?: Record<string, SchemaNode> | undefined;
  required?: string[] | undefined;
  additionalProperties?: boolean | SchemaNode | undefined;
  items?: SchemaNode | SchemaNode[] | undefined;
  anyOf?: SchemaNode[] | undefined;
  oneOf?: SchemaNode[] | undefined;
  minimum?: number | undefined;
  maximum?: number | undefined;
  'x-restart'?: string[] | undefined;
}

const INTRODUCTION = `# The site file

Generated from \`config/schema.ts\` by \`node config/generate.ts\`; do not edit. One YAML file describes
a site; \`banksman check -c FILE\` says everything that is wrong with one, with line and column. Start
from [examples/quickstart.yaml](examples/quickstart.yaml); [examples/full.yaml](examples/full.yaml) shows
most of what follows. Editors that read the first line of the examples complete and check as you type.

- Sizes: \`50GB\` (powers of ten), \`128MiB\` (powers of two). Keys end in their unit: \`_s\`, \`_fps\`, \`_px\`, \`_days\`.
- Coordinates: 0-1 in the picture of \`url\`, x right, y down.
- Secrets: \`\${NAME}\` reads the environment variable NAME, or the file that NAME_FILE names, at the moment of
  connecting. A secret itself in the file or a URL is refused.
- Paths are relative to the site file; \`~/\` is your home.
- Edits hold while banksman runs. _Restarts_ says what starts anew for it: \`camera\` the connection of that
  camera, a role by itself, \`up\` only after you start \`banksman up\` again.
`;

export function renderReference(schema: unknown): string {
  const root = node.parse(schema);
  const sections: string[] = [INTRODUCTION];
  const simple = flatten('', root).filter(({ key }) => root.properties?.[key] && !isSection(root.properties[key]));
  sections.push(table('Top level', undefined, simple));
  for (const [name, child] of Object.entries(root.properties ?? {})) {
    if (isSection(child)) sections.push(...section(name, child));
  }
  return `${sections.join('\n').trimEnd()}\n`;
}

function isSection(child: SchemaNode): boolean {
  const items = entryOf(child);
  return child.properties !== undefined || items !== undefined;
}

/** What a map of names or a list of maps holds. */
function entryOf(child: SchemaNode): SchemaNode | undefined {
  const held = typeof child.additionalProperties === 'object' ? child.additionalProperties : child.items;
  return held && !Array.isArray(held) && (held.properties ?? held.oneOf) ? held : undefined;
}

function section(name: string, child: SchemaNode): string[] {
  const entry = entryOf(child);
  const text = child.description;
  if (!entry) {
    const lists = Object.entries(child.properties ?? {}).flatMap(([key, list]) => {
      const of = entryOf(list);
      return of?.oneOf ? kinds(`${name}.${key}[]`, of.oneOf, list['x-restart'] ?? child['x-restart']) : [];
    });
    return [table(`\`${name}\``, text, flatten('', child, child['x-restart'])), ...lists];
  }
  const suffix = child.items === undefined ? '.NAME' : '[]';
  if (entry.oneOf) return kinds(`${name}${suffix}`, entry.oneOf);
  return [table(`\`${name}${suffix}\``, text, flatten('', entry))];
}

/** What can be of several types: one table each. */
function kinds(name: string, entries: readonly SchemaNode[], above?: string[]): string[] {
  return entries.map((kind) => {
    const type = String(kind.properties?.['type']?.const);
    const options = flatten('', kind, above).filter(({ key }) => key !== 'type');
    return table(`\`${name}\`, \`type: ${type}\``, kind.description, options);
  });
}

/** Nested maps as dotted keys; lists of maps as `key[]`, maps of names as `key.NAME`. */
function flatten(prefix: string, child: SchemaNode, above?: string[], within?: string): Option[] {
  return Object.entries(child.properties ?? {}).flatMap(([name, option]): Option[] => {
    const key = prefix + name;
    const restarts = option['x-restart'] ?? above ?? [];
    const needed = child.required?.includes(name) ?? false;
    // What a map must have that may itself be left out is required only with that map.
    if (option.properties) return flatten(`${key}.`, option, restarts, needed ? within : key);
    const required = needed ? (within === undefined ? '**required**' : `**with \`${within}\`**`) : undefined;
    const own = { key, option, restarts, required };
    const entry = entryOf(option);
    if (!entry) return [own];
    const inside = option.items === undefined ? `${key}.NAME.` : `${key}[].`;
    // Kinds have tables of their own.
    return entry.oneOf ? [own] : [own, ...flatten(inside, entry, restarts)];
  });
}

interface Option {
  key: string;
  option: SchemaNode;
  /** In words; undefined: it may be left out. */
  required: string | undefined;
  restarts: string[];
}

function table(title: string, text: string | undefined, options: Option[]): string {
  const rows = options.map(({ key, option, required, restarts }) => {
    const standard = required ?? (option.default === undefined ? '' : code(option.default));
    return [`\`${key}\``, kindOf(option), standard, restarts.join(', '), option.description ?? ''];
  });
  return [
    `## ${title}\n`,
    ...(text === undefined ? [] : [`${text}\n`]),
    `${markdownTable(['key', 'kind', 'default', 'restarts', 'what'], rows)}\n`,
  ].join('\n');
}

const code = (value: unknown): string => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;

function kindOf(option: SchemaNode): string {
  if (option.const !== undefined) return code(option.const);
  if (option.enum) return option.enum.map(code).join(', ');
  if (option.anyOf) return option.anyOf.map(kindOf).join(' or ');
  if (Array.isArray(option.type)) return option.type.map((type) => (type === 'string' ? 'text' : type)).join(' or ');
  switch (option.type) {
    case 'integer':
      return `whole number${bounds(option)}`;
    case 'number':
      return `number${bounds(option)}`;
    case 'boolean':
      return '`true`, `false`';
    case 'string':
      return 'text';
    case 'array': {
      if (Array.isArray(option.items)) return `[${option.items.map(shortKind).join(', ')}]`;
      return `list of ${option.items ? kindOf(option.items) : 'values'}`;
    }
    case 'object':
      return typeof option.additionalProperties === 'object' && !entryOf(option)
        ? `map of names to ${kindOf(option.additionalProperties)}`
        : 'map';
    default:
      return option.type ?? '';
  }
}

const shortKind = (option: SchemaNode): string => (option.type === 'number' ? 'number' : kindOf(option));

function bounds({ minimum, maximum }: SchemaNode): string {
  const whole = maximum !== undefined && Math.abs(maximum) >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (minimum !== undefined && whole !== undefined) return ` ${minimum} to ${whole}`;
  return minimum === undefined ? '' : ` from ${minimum}`;
}
