/** Everything that is stored of one incident, and whether its evidence is what was stored. */
import { BanksmanError } from '../runtime/errors.ts';
import type { EvidenceKind } from '../runtime/messages/types.ts';
import type { ObjectReader } from '../runtime/stores/objects/types.ts';
import { sha256Hex } from '../runtime/stores/sha256.ts';
import type { StateReader, StoredIncident } from '../runtime/stores/state/types.ts';
import { type EvidenceRecord, parseRecord } from '../sinks/evidence/record.ts';
import { type KeptIncident, type StorageTerms, storageOfFiles } from './cost.ts';
import { incidentsOf } from './figures.ts';

/** `matches`: the file is the one whose checksum was stored. */
export type Verdict = 'matches' | 'differs' | 'gone' | 'not checked';

export interface CheckedFile {
  kind: EvidenceKind;
  key: string;
  sha256: string;
  bytes: number;
  verdict: Verdict;
}

export interface IncidentFile {
  incident: StoredIncident;
  /** Undefined where none is stored, or what is stored is none. */
  record: EvidenceRecord | undefined;
  files: CheckedFile[];
  /** What its files take and cost. */
  storage: StorageTerms & { kept: KeptIncident };
  /** The rule as it was configured then; undefined where that is not stored. */
  rule: Record<string, unknown> | undefined;
}

/** As much of an id as pictures show. */
const SHORTEST = 8;
/** Clips may be large: beyond this their checksum is shown and not tried. */
const MAX_CHECKED_BYTES = 64_000_000;

/** @param id whole, or its first letters. @throws BanksmanError USAGE */
export async function findIncident(state: StateReader, site: string, id: string): Promise<StoredIncident> {
  const exact = await state.incident(id);
  if (exact?.site === site) return exact;
  const found: StoredIncident[] = [];
  if (id.length >= SHORTEST) {
    for await (const incident of incidentsOf(state, site)) if (incident.id.startsWith(id)) found.push(incident);
  }
  const [only, ...others] = found;
  if (only && others.length === 0) return only;
  const { total } = await state.counts({ site });
  throw new BanksmanError('USAGE', {
    where: '--incident',
    message: only ? `${found.length} incidents of site ${site} begin with ${id}` : `site ${site} has no incident ${id}`,
    mend:
      total === 0
        ? 'No incident is stored; check -c, `site`, `data_dir` and `state` of the site file.'
        : `\`banksman incidents\` lists them; the first ${SHORTEST} letters of an id are enough.`,
  });
}

/** @throws what the evidence store throws when it is away. */
export async function readIncident(
  incident: StoredIncident,
  objects: ObjectReader,
  terms: StorageTerms,
): Promise<IncidentFile> {
  const key = incident.evidence.find(({ kind }) => kind === 'record')?.key;
  const record = key === undefined ? undefined : parseRecord(await objects.get(key));
  const files: CheckedFile[] = [];
  for (const { kind, key, sha256, bytes } of incident.evidence) {
    files.push({ kind, key, sha256, bytes, verdict: await check(objects, key, sha256, bytes) });
  }
  const storage = { ...terms, kept: storageOfFiles(incident.evidence, terms) };
  return { incident, record, files, storage, rule: await ruleOf(record, objects) };
}

async function check(objects: ObjectReader, key: string, sha256: string, bytes: number): Promise<Verdict> {
  if (bytes > MAX_CHECKED_BYTES) return 'not checked';
  const stored = await objects.get(key);
  if (!stored) return 'gone';
  return sha256Hex(stored) === sha256 ? 'matches' : 'differs';
}

async function ruleOf(
  record: EvidenceRecord | undefined,
  objects: ObjectReader,
): Promise<Record<string, unknown> | undefined> {
  if (!record?.config.rule) return undefined;
  const bytes = await objects.get(record.config.rule);
  try {
    return bytes && JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
