/**
 * The text that holds accounts: YAML, an account a line, hashes only.
 *
 *     ada: { role: operator, hash: "sha256:…", created: 2026-11-21 }
 */
import { type Document, isMap, parseDocument } from 'yaml';
import { NAME_PATTERN, NAME_RULE } from '../../../config/scalars.ts';
import { parseTree, type TreeNode } from '../../../config/tree.ts';
import { BanksmanError } from '../../../runtime/errors.ts';
import { isRole, ROLES, type Role } from './roles.ts';

export interface Account {
  name: string;
  role: Role;
  /** SHA-256 of the token. */
  digest: Buffer;
  /** Day, ISO 8601; null where the file does not say. */
  created: string | null;
}

const MAX_ACCOUNTS = 1_000;
const MAX_LETTERS = 1_000_000;
const KEYS = ['role', 'hash', 'created'];
const HASH = /^sha256:([0-9a-f]{64})$/i;
const HEADER = ` Accounts of the console, written by \`banksman tokens\`. Holds hashes: a token is shown once, when it is made.`;

/**
 * @param where the file or variable, for messages.
 * @throws BanksmanError CONFIG_ACCOUNTS with line and column; never quotes what the text holds.
 */
export function parseAccounts(text: string, where: string): Account[] {
  if (text.length > MAX_LETTERS) throw wrong(where, undefined, `is larger than ${MAX_LETTERS} letters`);
  const { tree, problems } = parseTree(text);
  const [problem] = problems;
  if (problem) throw wrong(`${where}:${problem.line}:${problem.column}`, undefined, problem.message, problem.mend);
  if (tree.root.value === null) return [];
  if (typeof tree.root.value !== 'object' || Array.isArray(tree.root.value)) {
    throw wrong(where, tree.root, 'is not a map of accounts');
  }
  const accounts = [...tree.root.children].map(([name, node]) => parseAccount(name, node, where));
  if (accounts.length > MAX_ACCOUNTS) throw wrong(where, undefined, `holds more than ${MAX_ACCOUNTS} accounts`);
  const seen = new Map<string, string>();
  for (const { name, digest } of accounts) {
    const other = seen.get(digest.toString('hex'));
    if (other !== undefined) {
      const mend = `Remove one and make it a token of its own: banksman tokens add ${name} --role …`;
      throw wrong(where, tree.get([name]), `${name} has the same token as ${other}`, mend);
    }
    seen.set(digest.toString('hex'), name);
  }
  return accounts;
}

function parseAccount(name: string, node: TreeNode, where: string): Account {
  if (!NAME_PATTERN.test(name)) throw wrong(where, node, `the name of an account ${NAME_RULE}`, 'Rename it.');
  if (typeof node.value !== 'object' || node.value === null || Array.isArray(node.value)) {
    throw wrong(where, node, `${name} is not an account`);
  }
  for (const [key, child] of node.children) {
    if (!KEYS.includes(key))
      throw wrong(where, child, `${name} has a key that accounts do not have`, `Keys are ${KEYS.join(', ')}.`);
  }
  const role = node.children.get('role')?.value;
  if (!isRole(role)) {
    throw wrong(
      where,
      node.children.get('role') ?? node,
      `the role of ${name} is none`,
      `Roles are ${ROLES.join(', ')}.`,
    );
  }
  const hash = HASH.exec(String(node.children.get('hash')?.value ?? ''))?.[1];
  if (hash === undefined) {
    throw wrong(
      where,
      node.children.get('hash') ?? node,
      `the hash of ${name} is not sha256: and 64 hexadecimal digits`,
      `Make a new one: banksman tokens remove ${name}, then banksman tokens add ${name} --role ${role}. A token itself never stands here.`,
    );
  }
  const created = node.children.get('created')?.value;
  return { name, role, digest: Buffer.from(hash, 'hex'), created: created === undefined ? null : String(created) };
}

function wrong(where: string, node: TreeNode | undefined, message: string, mend?: string): BanksmanError {
  const place = node ? `${where}:${node.keyAt.line}:${node.keyAt.column}` : where;
  return new BanksmanError('CONFIG_ACCOUNTS', { where: place, message, ...(mend === undefined ? {} : { mend }) });
}

/** The text with one account more; what else stands in it stays, comments too. */
export function withAccount(text: string, { name, role, digest, created }: Account): string {
  const document: Document = parseDocument(text);
  if (!isMap(document.contents)) {
    document.commentBefore ??= HEADER;
    document.contents = document.createNode({});
  }
  // What is left of a map whose last account was removed is `{}`.
  if (document.contents.items.length === 0) document.contents.flow = false;
  const entry = document.createNode({
    role,
    hash: `sha256:${digest.toString('hex')}`,
    ...(created ? { created } : {}),
  });
  entry.flow = true;
  document.set(name, entry);
  return document.toString({ lineWidth: 0 });
}

export function withoutAccount(text: string, name: string): string {
  const document = parseDocument(text);
  document.delete(name);
  return document.toString({ lineWidth: 0 });
}
