/** What the cross checks share: reading a tree that may hold anything, and collecting what is wrong. */
import type { ErrorCode } from '../runtime/errors.ts';
import { type Problem, type ProblemDetails, problemAt } from './problems.ts';
import { nearest } from './suggest.ts';
import type { Path, Tree, TreeNode } from './tree.ts';

/** Names of model manifests, each with the classes that it knows (none: not checked). */
export type KnownModels = ReadonlyMap<string, readonly string[]>;

/** Entries of a map node; nothing for any other kind. */
export function entries(node: TreeNode | undefined): [string, TreeNode][] {
  return node && !Array.isArray(node.value) ? [...node.children] : [];
}

/** Entries of a list node; nothing for any other kind. */
export function items(node: TreeNode | undefined): TreeNode[] {
  return node && Array.isArray(node.value) ? [...node.children.values()] : [];
}

export function asText(node: TreeNode | undefined): string | undefined {
  return typeof node?.value === 'string' ? node.value : undefined;
}

export function asNumber(node: TreeNode | undefined): number | undefined {
  return typeof node?.value === 'number' && Number.isFinite(node.value) ? node.value : undefined;
}

export class Report {
  readonly tree: Tree;
  readonly problems: Problem[] = [];

  constructor(tree: Tree) {
    this.tree = tree;
  }

  add(path: Path, code: ErrorCode, message: string, details: ProblemDetails = {}): void {
    this.problems.push(problemAt(this.tree, path, code, message, details));
  }

  /** Says that `path` names something that does not exist, and what exists. */
  unknown(path: Path, what: string, name: string, known: readonly string[], atKey = false): void {
    const suggestion = nearest(name, known);
    const listed = known.slice(0, 12).join(', ') + (known.length > 12 ? ', …' : '');
    const mend =
      suggestion !== undefined
        ? undefined
        : known.length > 0
          ? `Define it, or use one of: ${listed}.`
          : `Define it; there is no ${what.replace(/^an? /, '')} yet.`;
    this.add(path, 'CONFIG_UNKNOWN_REFERENCE', `names ${what} that does not exist: ${name}`, {
      suggestion,
      mend,
      atKey,
    });
  }

  /** `key` must differ between the entries of the list at `path`, and from those in `seen`, by line. */
  unique(path: Path, key: string, seen = new Map<string, number>()): void {
    for (const [index, item] of items(this.tree.get(path)).entries()) {
      const node = item.children.get(key);
      const value = asText(node);
      if (value === undefined) continue;
      const first = seen.get(value);
      if (first === undefined) seen.set(value, node?.at.line ?? 0);
      else this.add([...path, index, key], 'CONFIG_DUPLICATE_KEY', `is the same as on line ${first}: ${value}`);
    }
  }
}
