import { describe, expect, it } from 'vitest';
import type { Coordinates, Incident } from '../../runtime/messages/types.ts';
import { at, sampleIncident } from '../../runtime/stores/state/samples.ts';
import { configKey, evidenceKey } from './keys.ts';
import { type EvidenceRecord, encodeRecord, mergeRecords, nextRecord, type RecordMissing } from './record.ts';
import { mergeEvidence, rankOf } from './spooling.ts';

const frame = (offset: number): Coordinates => ({ topic: 'frames.v1', partition: 0, offset: String(offset) });

interface Step {
  revision: number;
  /** Of the peak's frame; absent: the picture before stays. */
  picture?: number;
  missing?: RecordMissing[];
  rule?: string | null;
  storedAt?: number;
}

const incidentAt = (revision: number): Incident =>
  sampleIncident({ revision, updatedAt: at(revision), state: revision > 3 ? 'closed' : 'open' });

function recordOf(...steps: Step[]): EvidenceRecord {
  let record: EvidenceRecord | undefined;
  for (const { revision, picture, missing = [], rule = 'configs/rule.json', storedAt = revision } of steps) {
    const incident = incidentAt(revision);
    const common = { revision, codec: 'jpeg' as const, width: 1, height: 1, from: at(0), to: at(0), bytes: 1 };
    const pictures = picture !== undefined && {
      files: (['snapshot', 'annotated'] as const).map((kind) => ({
        kind,
        key: evidenceKey(incident, kind),
        sha256: `${kind} ${picture}`,
        frame: frame(picture),
        ...common,
      })),
      picture: {
        frame: frame(picture),
        captureTime: at(0),
        captureTimeEstimated: false,
        receiveTime: null,
        detections: null,
      },
    };
    record = nextRecord(record, {
      incident,
      storedAt: at(storedAt),
      version: '1',
      config: { rule, camera: null },
      missing,
      ...(pictures ? { pictures } : {}),
    });
  }
  if (!record) throw new Error('no steps');
  return record;
}

const gone = (kind: 'snapshot' | 'annotated', revision: number, offset: number): RecordMissing => ({
  kind,
  reason: 'EVIDENCE_FRAME_GONE',
  revision,
  frame: frame(offset),
  hash: null,
});

describe('two records of one incident', () => {
  it('become the one that a single writer would have written, whoever is first', () => {
    const whole = recordOf({ revision: 1, picture: 10 }, { revision: 2, picture: 20 }, { revision: 4 });
    const first = recordOf({ revision: 1, picture: 10 }, { revision: 2, picture: 20 });
    const second = recordOf({ revision: 4 });
    expect(mergeRecords(first, second)).toEqual(whole);
    expect(mergeRecords(second, first)).toEqual(whole);
  });

  it('have each transition once, the one that was stored first', () => {
    const both = mergeRecords(
      recordOf({ revision: 1, storedAt: 50 }, { revision: 2, storedAt: 51 }),
      recordOf({ revision: 1 }, { revision: 2, storedAt: 60 }, { revision: 3 }),
    );
    expect(both.transitions.map(({ revision, storedAt }) => [revision, storedAt])).toEqual([
      [1, at(1)],
      [2, at(51)],
      [3, at(3)],
    ]);
  });

  it('take the newer pictures as a whole, of equally new ones their own', () => {
    const [older, newer] = [recordOf({ revision: 1, picture: 10 }), recordOf({ revision: 3, picture: 30 })];
    for (const both of [mergeRecords(older, newer), mergeRecords(newer, older)]) {
      expect(both.files.map(({ sha256 }) => sha256)).toEqual(['snapshot 30', 'annotated 30']);
      expect(both.incident.evidence.map(({ sha256 }) => sha256)).toEqual(['snapshot 30', 'annotated 30']);
      expect(both.picture?.frame).toEqual(frame(30));
    }
    const own = mergeRecords(recordOf({ revision: 1, picture: 11 }), older);
    expect(own.files[0]?.sha256).toBe('snapshot 11');
  });

  it('lack only what both lack', () => {
    const config: RecordMissing = { kind: 'config', reason: 'config_gone', revision: 2, frame: null, hash: 'rule' };
    const had = recordOf({ revision: 1, picture: 10, rule: configKey('rule') });
    const hadNot = recordOf({
      revision: 2,
      rule: null,
      missing: [gone('snapshot', 2, 10), gone('annotated', 2, 20), config],
    });
    expect(mergeRecords(hadNot, had).missing).toEqual([gone('annotated', 2, 20)]);
    expect(mergeRecords(hadNot, had).config.rule).toBe(configKey('rule'));
  });

  it('stay as they are when they are merged again', () => {
    const pairs: [EvidenceRecord, EvidenceRecord][] = [
      [recordOf({ revision: 1, picture: 10 }), recordOf({ revision: 2, picture: 20 })],
      [recordOf({ revision: 4, picture: 40, missing: [gone('snapshot', 4, 9)] }), recordOf({ revision: 2 })],
    ];
    for (const [mine, theirs] of pairs) {
      const key = evidenceKey(mine.incident, 'record');
      const once = mergeEvidence(key, encodeRecord(mine), encodeRecord(theirs));
      if (!once) throw new Error('not merged');
      expect(mergeEvidence(key, encodeRecord(mine), once)?.toString()).toBe(once.toString());
    }
  });
});

it('configurations go first and records last, and only records are merged', () => {
  const incident = incidentAt(1);
  const [config, snapshot, record] = [
    configKey('a'),
    evidenceKey(incident, 'snapshot'),
    evidenceKey(incident, 'record'),
  ];
  expect([config, snapshot, record].map(rankOf)).toEqual([0, 1, 2]);
  // A site may be called so.
  expect(rankOf(evidenceKey({ ...incident, site: 'configs' }, 'record'))).toBe(2);
  expect(mergeEvidence(config, Buffer.from('a'), Buffer.from('b'))).toBeNull();
  const mine = encodeRecord(recordOf({ revision: 1 }));
  expect(mergeEvidence(record, mine, Buffer.from('not a record'))).toEqual(mine);
});
