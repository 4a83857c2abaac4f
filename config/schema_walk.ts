/** Looks into the schema itself: which keys a place may have, and what an edit there restarts. */
import { z } from 'zod';
import type { Restart } from './scalars.ts';
import type { Path } from './tree.ts';

type Schema = z.core.$ZodType;

/** Strips optional, default, and what a value becomes after it was read. */
function bare(schema: Schema): Schema {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
  ) {
    return bare(schema.unwrap());
  }
  return schema instanceof z.ZodPipe ? bare(schema.in) : schema;
}

/** One step down. `value` is what the file has at `schema`: it decides between kinds of rules, and of channels. */
function step(schema: Schema, part: string | number, value: unknown): Schema | undefined {
  const at = chosen(bare(schema), value);
  if (at instanceof z.ZodObject) return at.shape[String(part)];
  if (at instanceof z.ZodRecord) return at.valueType;
  if (at instanceof z.ZodArray) return at.element;
  return undefined;
}

function chosen(schema: Schema, value: unknown): Schema {
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return schema;
  const type: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'type') : undefined;
  return schema.options.find((option) => kindOf(option) === type) ?? schema;
}

function kindOf(option: Schema): unknown {
  const type: unknown = option instanceof z.ZodObject ? option.shape['type'] : undefined;
  return type instanceof z.ZodLiteral ? type.value : undefined;
}

/** The schemas passed on the way to `path`, root first; ends early where the schema does. */
function way(root: Schema, path: Path, value: unknown): Schema[] {
  const passed = [root];
  let here: unknown = value;
  for (const part of path) {
    const last = passed.at(-1);
    const next = last && step(last, part, here);
    if (!next) break;
    passed.push(next);
    here = typeof here === 'object' && here !== null ? Reflect.get(here, String(part)) : undefined;
  }
  return passed;
}

/** Keys that the map at `path` may have; empty where names are free. */
export function keysAt(root: Schema, path: Path, value: unknown): string[] {
  const passed = way(root, path, value);
  const last = passed.length === path.length + 1 ? passed.at(-1) : undefined;
  if (!last) return [];
  const at = bare(last);
  const schema = valueAt(path, value);
  const found = chosen(at, schema);
  return found instanceof z.ZodObject ? Object.keys(found.shape) : [];
}

function valueAt(path: Path, value: unknown): unknown {
  let here = value;
  for (const part of path)
    here = typeof here === 'object' && here !== null ? Reflect.get(here, String(part)) : undefined;
  return here;
}

/** Where else the key lives: one level down (`sampling.active_fps`), or in another kind of rule or channel. */
export function homeOf(root: Schema, path: Path, value: unknown, key: string): { under?: string; kinds?: string[] } {
  const passed = way(root, path, value);
  const last = passed.length === path.length + 1 ? passed.at(-1) : undefined;
  if (!last) return {};
  const at = bare(last);
  if (at instanceof z.ZodDiscriminatedUnion) {
    const kinds = at.options
      .filter((option) => option instanceof z.ZodObject && Object.hasOwn(option.shape, key))
      .map((option) => String(kindOf(option)));
    return kinds.length > 0 ? { kinds } : {};
  }
  if (!(at instanceof z.ZodObject)) return {};
  for (const [name, child] of Object.entries(at.shape)) {
    const inner = bare(child as Schema);
    if (inner instanceof z.ZodObject && Object.hasOwn(inner.shape, key)) return { under: `${name}.${key}` };
  }
  return {};
}

/** What an edit of the option at `path` restarts: the nearest flag on the way up; none: it holds at once. */
export function restartsAt(root: Schema, path: Path, value: unknown): Restart[] {
  for (const schema of way(root, path, value).reverse()) {
    const flagged = flagOf(schema);
    if (flagged) return flagged;
  }
  return [];
}

function flagOf(schema: Schema): Restart[] | undefined {
  const own = z.globalRegistry.get(schema)?.['restart'] as Restart[] | undefined;
  if (own) return own;
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
  ) {
    return flagOf(schema.unwrap());
  }
  return undefined;
}
