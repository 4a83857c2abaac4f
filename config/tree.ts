/**
 * YAML into plain values that remember where they stood. Our own walk over the document rather than
 * the library's conversion: aliases stay bounded, cycles and keys that are no text are refused, and
 * each mistake has its place.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Node as YamlNode } from 'yaml';
import { ERRORS, type ErrorCode } from '../runtime/errors.ts';
import type { Problem } from './problems.ts';
import { syntaxProblem } from './syntax.ts';

export type Path = readonly (string | number)[];

export interface Place {
  line: number;
  column: number;
}

export interface TreeNode {
  readonly value: unknown;
  /** Where the value begins. */
  readonly at: Place;
  /** Where its key begins; of list entries and the root, the value. */
  readonly keyAt: Place;
  readonly children: ReadonlyMap<string, TreeNode>;
}

const MAX_DEPTH = 40;
/** Values after aliases are followed; a site of 2,000 cameras has about 200,000. */
const MAX_NODES = 500_000;

export class Tree {
  readonly root: TreeNode;

  constructor(root: TreeNode) {
    this.root = root;
  }

  get(path: Path): TreeNode | undefined {
    const { node, exact } = this.nearest(path);
    return exact ? node : undefined;
  }

  /** The deepest node on the way to `path`. */
  nearest(path: Path): { node: TreeNode; exact: boolean } {
    let node = this.root;
    for (const part of path) {
      const child = node.children.get(String(part));
      if (!child) return { node, exact: false };
      node = child;
    }
    return { node, exact: true };
  }
}

export interface Parsed {
  /** What could be read, even where some could not. */
  tree: Tree;
  problems: Problem[];
  /** Whether what follows a mistake may have been read wrongly. */
  broken: boolean;
}

/** Never throws, whatever the text. */
export function parseTree(source: string): Parsed {
  const text = source.startsWith('\uFEFF') ? source.slice(1) : source;
  const lines = new LineCounter();
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems: Problem[] = [];
  const start = { line: 1, column: 1 };
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
      schema: 'core',
      resolveKnownTags: false,
      // At `silent` the library does not tell of a second document.
      logLevel: 'error',
    });
    for (const error of [...document.errors, ...document.warnings]) {
      problems.push(syntaxProblem(error.code, place(error.pos[0]), text));
    }
    const walk = new Walk(place, problems);
    const root = walk.node(document.contents, start, start, [], 0);
    return { tree: new Tree(root), problems, broken: document.errors.length > 0 };
  } catch (error) {
    // The library recurses: nesting beyond the stack ends here.
    if (!(error instanceof RangeError)) throw error;
    problems.push(syntaxProblem('TOO_DEEP', start, text));
    return { tree: new Tree({ value: null, at: start, keyAt: start, children: new Map() }), problems, broken: true };
  }
}

const NONE: ReadonlyMap<string, TreeNode> = new Map();

class Walk {
  readonly #place: (offset: number) => Place;
  readonly #problems: Problem[];
  readonly #anchors = new Map<string, YamlNode>();
  readonly #open = new Set<YamlNode>();
  #left = MAX_NODES;

  constructor(place: (offset: number) => Place, problems: Problem[]) {
    this.#place = place;
    this.#problems = problems;
  }

  node(node: unknown, keyAt: Place | null, fallback: Place, path: Path, depth: number): TreeNode {
    const range = (node as YamlNode | null)?.range;
    const at = range ? this.#place(range[0]) : fallback;
    const leaf = (value: unknown): TreeNode => ({ value, at, keyAt: keyAt ?? at, children: NONE });
    if (--this.#left <= 0) {
      if (this.#left === 0) this.#refuse('CONFIG_SYNTAX', at, path, 'holds too many values', 'Use fewer aliases.');
      return leaf(null);
    }
    if (depth > MAX_DEPTH) {
      this.#refuse('CONFIG_SYNTAX', at, path, 'is nested too deeply', 'Indent less; no option lies this deep.');
      return leaf(null);
    }
    if (isAlias(node)) return this.#alias(node.source, at, keyAt, path, depth);
    if (isScalar(node)) {
      if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
      return leaf(node.value);
    }
    if (!isMap(node) && !isSeq(node)) return leaf(null);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (this.#open.has(node)) {
      this.#refuse('CONFIG_SYNTAX', at, path, 'contains itself through an alias', 'Write the value out.');
      return leaf(null);
    }
    this.#open.add(node);
    const made = isMap(node)
      ? this.#map(node.items, at, keyAt, path, depth)
      : this.#list(node.items, at, keyAt, path, depth);
    this.#open.delete(node);
    return made;
  }

  #alias(anchor: string, at: Place, keyAt: Place | null, path: Path, depth: number): TreeNode {
    const target = this.#anchors.get(anchor);
    if (!target) {
      this.#refuse(
        'CONFIG_SYNTAX',
        at,
        path,
        'is an alias (*) to nothing',
        'Put text that begins with * in quotes: "*".',
      );
      return { value: null, at, keyAt: keyAt ?? at, children: NONE };
    }
    if (this.#open.has(target)) {
      this.#refuse('CONFIG_SYNTAX', at, path, 'contains itself through an alias', 'Write the value out.');
      return { value: null, at, keyAt: keyAt ?? at, children: NONE };
    }
    return this.node(target, keyAt, at, path, depth + 1);
  }

  #list(items: readonly unknown[], at: Place, keyAt: Place | null, path: Path, depth: number): TreeNode {
    const children = new Map<string, TreeNode>();
    items.forEach((item, index) => {
      children.set(String(index), this.node(item, null, at, [...path, index], depth + 1));
    });
    return { value: [...children.values()].map((child) => child.value), at, keyAt: keyAt ?? at, children };
  }

  #map(
    items: readonly { key: unknown; value: unknown }[],
    at: Place,
    keyAt: Place | null,
    path: Path,
    depth: number,
  ): TreeNode {
    const children = new Map<string, TreeNode>();
    const merged: TreeNode[] = [];
    for (const { key, value } of items) {
      const scalar = isScalar(key) ? key : undefined;
      const range = (key as YamlNode | null)?.range;
      const where = range ? this.#place(range[0]) : at;
      const name = scalar === undefined || scalar.value === null ? undefined : String(scalar.value);
      if (name === undefined || name === '__proto__') {
        this.#refuse(
          'CONFIG_SYNTAX',
          where,
          path,
          'has a key that is no name',
          'Keys are plain names, followed by a colon.',
        );
        continue;
      }
      const isMerge = name === '<<' && scalar?.type === 'PLAIN';
      const child = this.node(value, where, where, [...path, name], depth + 1);
      if (isMerge) {
        // YAML merge keys: what the map itself says wins, then the earlier of a list.
        merged.push(...(Array.isArray(child.value) ? child.children.values() : [child]));
        continue;
      }
      const first = children.get(name);
      if (first) {
        const message = `stands here a second time; the first is on line ${first.keyAt.line}`;
        this.#refuse('CONFIG_DUPLICATE_KEY', where, [...path, name], message, ERRORS.CONFIG_DUPLICATE_KEY.mend);
      } else children.set(name, child);
    }
    for (const source of merged) {
      for (const [name, child] of source.children) if (!children.has(name)) children.set(name, child);
    }
    const value: Record<string, unknown> = {};
    for (const [name, child] of children) value[name] = child.value;
    return { value, at, keyAt: keyAt ?? at, children };
  }

  #refuse(code: ErrorCode, { line, column }: Place, path: Path, what: string, mend: string): void {
    const text = path
      .map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`))
      .join('');
    const message = text === '' ? `the file ${what}` : `\`${text}\` ${what}`;
    this.#problems.push({ code, path: text, line, column, message, mend });
  }
}
