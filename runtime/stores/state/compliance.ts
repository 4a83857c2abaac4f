/** What every state store must do. Each kind runs it from its own test file. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Coverage, Feedback, Incident } from '../../messages/types.ts';
import { categoriesCompliance } from './compliance_categories.ts';
import {
  at,
  sampleCoverage,
  sampleEvidence,
  sampleFeedback,
  sampleIncident,
  sampleMute,
  sampleStatus,
} from './samples.ts';
import { isWatched, type StateChange, type StateReader, type StateStore } from './types.ts';

export interface StateUnderTest {
  store: StateStore;
  /** Another connection, as another process has it. */
  reader: StateReader;
  /** A second writer, where `several` may write. */
  other?: StateStore;
  cleanUp(): Promise<void>;
}

export function stateStoreCompliance(
  name: string,
  make: () => Promise<StateUnderTest>,
  writers: 'one' | 'several',
): void {
  describe(`state store: ${name}`, () => {
    let made: StateUnderTest;
    let store: StateStore;
    let reader: StateReader;
    const incident = (over: Partial<Incident> = {}): StateChange => ({
      kind: 'incident',
      incident: sampleIncident(over),
    });
    const coverage = (from: number, to: number, over: Partial<Coverage> = {}): StateChange => ({
      kind: 'coverage',
      coverage: sampleCoverage(from, to, over),
    });
    const feedback = (over: Partial<Feedback> = {}): StateChange => ({
      kind: 'feedback',
      feedback: sampleFeedback(over),
    });

    beforeEach(async () => {
      made = await make();
      store = made.store;
      reader = made.reader;
    });
    afterEach(() => made.cleanUp());
    categoriesCompliance(() => made);

    it('knows nothing at first, and says so without failing', async () => {
      expect(await reader.cameras('yard')).toEqual([]);
      expect(await reader.camera('yard', 'gate')).toBeUndefined();
      expect(await reader.picture('yard', 'gate')).toBeUndefined();
      expect(await reader.incident('none')).toBeUndefined();
      expect(await reader.incidents({})).toEqual({ incidents: [], cursor: null });
      expect((await reader.counts({})).total).toBe(0);
      expect((await reader.categories({})).camera).toEqual({ values: [], more: 0 });
      expect(await reader.mutes()).toEqual([]);
      expect(await reader.held()).toEqual(new Set());
      expect(await reader.coverage('yard', 'gate', at(0), at(1))).toEqual([
        sampleCoverage(0, 1, { watched: false, reason: 'no_record' }),
      ]);
    });

    it('keeps status, newest coverage and picture of each camera of the site', async () => {
      await store.apply([
        { kind: 'status', status: sampleStatus({ camera: 'yard-2' }) },
        { kind: 'status', status: sampleStatus() },
        { kind: 'status', status: sampleStatus({ site: 'other' }) },
        coverage(0, 1),
        { kind: 'picture', site: 'yard', camera: 'gate', captureTime: at(1), jpeg: Buffer.from('one') },
        { kind: 'picture', site: 'yard', camera: 'gate', captureTime: at(2), jpeg: Buffer.from('second') },
      ]);
      const cameras = await reader.cameras('yard');
      expect(cameras.map((camera) => camera.camera)).toEqual(['gate', 'yard-2']);
      expect(cameras[0]).toMatchObject({
        status: sampleStatus(),
        watchedTo: at(1),
        picture: { captureTime: at(2), bytes: 6 },
      });
      expect(cameras[1]).toMatchObject({ coverage: null, watchedTo: null, picture: null });
      expect(await reader.picture('yard', 'gate')).toEqual({ captureTime: at(2), jpeg: Buffer.from('second') });

      await store.apply([coverage(1, 4, { watched: false, reason: 'blind: RTSP_STALLED' })]);
      const gate = await reader.camera('yard', 'gate');
      expect(gate?.coverage).toMatchObject({ watched: false, to: at(4) });
      expect(gate?.watchedTo).toBe(at(1));
      expect(isWatched({ watchedTo: at(1) }, Date.parse(at(2.9)), 2)).toBe(true);
      expect(isWatched({ watchedTo: at(1) }, Date.parse(at(3)), 2)).toBe(false);
      expect(isWatched({ watchedTo: at(1) }, Date.parse(at(-3600)), 2), 'a clock set back').toBe(false);
      expect(isWatched({ watchedTo: null }, 0, 2)).toBe(false);

      await store.apply([{ kind: 'camera_removed', site: 'yard', camera: 'gate' }]);
      expect(await reader.camera('yard', 'gate')).toBeUndefined();
      expect(await reader.picture('yard', 'gate')).toBeUndefined();
      expect((await reader.coverage('yard', 'gate', at(0), at(1)))[0]?.watched).toBe(true);
    });

    it('refuses a status of an owner from before', async () => {
      await store.apply([{ kind: 'status', status: sampleStatus({ epoch: 7, state: 'idle' }) }]);
      const result = await store.apply([{ kind: 'status', status: sampleStatus({ epoch: 6, state: 'blind' }) }]);
      expect(result).toEqual({ applied: 0, stale: 1, behind: false });
      expect((await reader.camera('yard', 'gate'))?.status?.state).toBe('idle');
    });

    it('keeps the highest revision of an incident, whatever order and however often they come', async () => {
      const closed = { state: 'closed', transition: 'closed', closedAt: at(9), closeReason: 'left' } as const;
      await store.apply([incident({ revision: 3, ...closed }), incident({ revision: 2 })]);
      const result = await store.apply([incident({ revision: 3 }), incident({ revision: 1 })]);
      expect(result).toEqual({ applied: 0, stale: 2, behind: false });
      expect(await reader.incident('incident-1')).toEqual({
        ...sampleIncident({ revision: 3, ...closed }),
        labels: [],
        held: false,
      });
    });

    it('lists newest first, filtered, page by page, and counts', async () => {
      const changes = Array.from({ length: 25 }, (_, n) =>
        incident({
          id: `i-${String(n).padStart(2, '0')}`,
          openedAt: at(Math.floor(n / 2)),
          camera: n % 5 === 0 ? 'dock' : 'gate',
          rule: n % 2 === 0 ? 'even' : 'odd',
          severity: n % 3 === 0 ? 'low' : 'critical',
          state: n < 20 ? 'closed' : 'open',
        }),
      );
      await store.apply(changes);
      const ids: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await reader.incidents({ limit: 7, ...(cursor === undefined ? {} : { cursor }) });
        ids.push(...page.incidents.map((found) => found.id));
        cursor = page.cursor ?? undefined;
        // What opens meanwhile does not shift the pages after.
        if (ids.length === 7) await store.apply([incident({ id: 'newer', openedAt: at(100) })]);
      } while (cursor !== undefined);
      expect(ids).toEqual(Array.from({ length: 25 }, (_, n) => `i-${String(24 - n).padStart(2, '0')}`));

      const count = async (query: Parameters<StateReader['incidents']>[0]): Promise<number> =>
        (await reader.incidents({ limit: 500, to: at(50), ...query })).incidents.length;
      expect(await count({ camera: 'dock' })).toBe(5);
      expect(await count({ rule: 'odd' })).toBe(12);
      expect(await count({ severity: ['low'] })).toBe(9);
      expect(await count({ severity: ['low', 'critical'] })).toBe(25);
      expect(await count({ severity: [] })).toBe(0);
      expect(await count({ state: ['open', 'unobserved'] })).toBe(5);
      expect(await count({ from: at(1), to: at(3) })).toBe(4);
      expect(await count({ site: 'other' })).toBe(0);
      expect(await reader.counts({ to: at(50) })).toEqual({
        total: 25,
        byState: { open: 5, unobserved: 0, closed: 20 },
        bySeverity: { low: 9, medium: 0, high: 0, critical: 16 },
      });
      await expect(reader.incidents({ cursor: 'nonsense' })).rejects.toMatchObject({ code: 'USAGE' });
    });

    it('puts evidence to its incident, also when it comes first, once, the newest revision', async () => {
      const record = sampleEvidence({ kind: 'record', key: 'r.json', bytes: 5 });
      await store.apply([
        { kind: 'evidence', evidence: record },
        { kind: 'evidence', evidence: sampleEvidence({ revision: 4, bytes: 44 }) },
      ]);
      await store.apply([incident({ revision: 5 })]);
      const result = await store.apply([{ kind: 'evidence', evidence: sampleEvidence({ revision: 3, bytes: 33 }) }]);
      expect(result.stale).toBe(1);
      await store.apply([{ kind: 'evidence', evidence: record }]);
      expect((await reader.incident('incident-1'))?.evidence).toEqual([
        { kind: 'snapshot', key: sampleEvidence().key, sha256: 'b'.repeat(64), bytes: 44 },
        { kind: 'record', key: 'r.json', sha256: 'b'.repeat(64), bytes: 5 },
      ]);
    });

    it('forgets evidence that is announced as gone, and takes it again when it comes back', async () => {
      const record = sampleEvidence({ kind: 'record', key: 'r.json' });
      await store.apply([incident(), { kind: 'evidence', evidence: record }]);
      const gone = (revision: number) => ({ ...record, revision, bytes: 0, sha256: '', complete: false });
      await store.apply([{ kind: 'evidence', evidence: gone(0) }]);
      expect((await reader.incident('incident-1'))?.evidence).toHaveLength(1);
      await store.apply([{ kind: 'evidence', evidence: gone(1) }]);
      expect((await reader.incident('incident-1'))?.evidence).toEqual([]);
      await store.apply([{ kind: 'evidence', evidence: { ...record, revision: 2 } }]);
      expect((await reader.incident('incident-1'))?.evidence).toHaveLength(1);
    });

    it('applies what people judged, also before the incident, and a later revision does not undo it', async () => {
      await store.apply([
        feedback({ at: at(60), by: 'ada' }),
        incident(),
        feedback({ action: 'reject', by: 'ben', note: 'a bag', at: at(70) }),
        feedback({ at: at(50), by: 'early' }),
        incident({ revision: 2 }),
      ]);
      expect(await reader.incident('incident-1')).toMatchObject({
        revision: 2,
        acknowledged: { by: 'ada', note: null, at: at(60) },
        rejected: { by: 'ben', note: 'a bag', at: at(70) },
      });
    });

    it('labels, holds and releases', async () => {
      await store.apply([
        incident(),
        feedback({ action: 'label', note: 'forklift', at: at(1) }),
        feedback({ action: 'label', note: 'hold', at: at(2) }),
      ]);
      expect(await reader.incident('incident-1')).toMatchObject({ labels: ['forklift', 'hold'], held: true });
      expect(await reader.held()).toEqual(new Set(['incident-1']));
      await store.apply([
        feedback({ action: 'label', note: 'unhold', at: at(4) }),
        feedback({ action: 'label', note: 'hold', at: at(3) }),
      ]);
      expect(await reader.incident('incident-1')).toMatchObject({ labels: ['forklift'], held: false });
      expect(await reader.held()).toEqual(new Set());
    });

    it('marks what opens under a mute of its camera, zone or rule, in whatever order they are read', async () => {
      const mute = (over: Parameters<typeof sampleMute>[0]): StateChange =>
        feedback({ action: 'mute', incident: null, mute: sampleMute(over) });
      await store.apply([
        incident({ id: 'before', openedAt: at(-1) }),
        incident({ id: 'under', openedAt: at(10) }),
        mute({ id: 'm-gate' }),
        incident({ id: 'under-too', openedAt: at(20) }),
        incident({ id: 'other-camera', camera: 'dock', openedAt: at(20) }),
        incident({ id: 'after', openedAt: at(3600) }),
        mute({ id: 'm-rule', camera: 'dock', rule: 'other-rule' }),
        mute({ id: 'm-zone', camera: null, zone: 'lawn' }),
        incident({ id: 'on-lawn', camera: 'dock', zone: 'lawn', openedAt: at(20) }),
      ]);
      const muted = (await reader.incidents({})).incidents.filter((found) => found.muted).map((found) => found.id);
      expect(muted.sort()).toEqual(['on-lawn', 'under', 'under-too']);
      expect((await reader.mutes(at(5))).map((found) => found.id).sort()).toEqual(['m-gate', 'm-rule', 'm-zone']);
      expect(await reader.mutes(at(3600))).toEqual([]);

      const unmute = feedback({ action: 'unmute', incident: null, mute: sampleMute({ id: 'm-gate' }), at: at(15) });
      await store.apply([unmute, mute({ id: 'm-gate' })]);
      expect((await reader.incident('under'))?.muted).toBe(true);
      expect((await reader.incident('under-too'))?.muted).toBe(false);
      expect((await reader.mutes(at(16))).map((found) => found.id).sort()).toEqual(['m-rule', 'm-zone']);
      expect((await reader.mutes()).find((found) => found.id === 'm-gate')?.until).toBe(at(15));
    });

    it('merges coverage that adjoins, names gaps, and a replay changes nothing', async () => {
      const blind = { watched: false, reason: 'blind: RTSP_STALLED' };
      const changes = [coverage(0, 10), coverage(10, 20), coverage(20, 25, blind), coverage(30, 40), coverage(40, 41)];
      await store.apply(changes);
      const expected = [
        sampleCoverage(-5, 0, { watched: false, reason: 'no_record' }),
        sampleCoverage(0, 20),
        sampleCoverage(20, 25, blind),
        sampleCoverage(25, 30, { watched: false, reason: 'no_record' }),
        sampleCoverage(30, 41),
        sampleCoverage(41, 50, { watched: false, reason: 'no_record' }),
      ];
      expect(await reader.coverage('yard', 'gate', at(-5), at(50))).toEqual(expected);
      await store.apply(changes);
      expect(await reader.coverage('yard', 'gate', at(-5), at(50))).toEqual(expected);
      expect(await reader.coverage('yard', 'gate', at(12), at(22))).toEqual([
        sampleCoverage(12, 20),
        sampleCoverage(20, 22, blind),
      ]);
      // A clock set back tells of the same hours again: the first word holds, gaps are filled.
      await store.apply([coverage(15, 28)]);
      expect(await reader.coverage('yard', 'gate', at(12), at(31))).toEqual([
        sampleCoverage(12, 20),
        sampleCoverage(20, 25, blind),
        sampleCoverage(25, 28),
        sampleCoverage(28, 30, { watched: false, reason: 'no_record' }),
        sampleCoverage(30, 31),
      ]);
      expect(await reader.coverage('yard', 'dock', at(0), at(0))).toEqual([]);
    });

    const ifSeveral = writers === 'several' ? it : () => undefined;
    ifSeveral('ends the same when two write the same at once, in different order', async () => {
      const { other } = made;
      if (!other) throw new Error('no second writer');
      const changes = Array.from({ length: 20 }, (_, n) => [
        incident({ id: `i-${n}`, openedAt: at(n) }),
        incident({ id: `i-${n}`, openedAt: at(n), revision: 2, state: 'closed', transition: 'closed' }),
        { kind: 'evidence' as const, evidence: sampleEvidence({ incident: `i-${n}`, revision: 1 + (n % 3) }) },
        coverage(n, n + 1),
      ]).flat();
      const results = await Promise.all([
        ...changes.map((change) => store.apply([change])),
        ...changes.toReversed().map((change) => other.apply([change])),
      ]);
      // Each transition took effect once, at whichever writer; the first revision not at all where the second was first.
      const news = results.reduce((sum, result) => sum + result.applied, 0);
      expect(news).toBeLessThan(2 * changes.length);
      expect(await reader.counts({})).toMatchObject({ total: 20, byState: { open: 0, closed: 20 } });
      const found = (await reader.incidents({ limit: 100 })).incidents;
      expect(found.map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, n) => `i-${19 - n}`));
      for (const one of found)
        expect(one).toMatchObject({ revision: 2, state: 'closed', evidence: [{ kind: 'snapshot' }] });
      expect((await reader.incidents({ state: ['open', 'unobserved'] })).incidents).toEqual([]);
      expect((await reader.categories({})).camera.values).toEqual([
        { value: 'gate', total: 20, byState: { open: 0, unobserved: 0, closed: 20 } },
      ]);
      expect(await reader.coverage('yard', 'gate', at(0), at(20))).toEqual([sampleCoverage(0, 20)]);
    });

    it('says that it is well', async () => {
      await store.apply([incident()]);
      await store.healing?.confirm();
      expect(await reader.health()).toEqual({ state: 'ok', reason: null, detail: null });
    });

    it('forgets what is old, but nothing that is open or held', async () => {
      await store.apply([
        incident({ id: 'old', state: 'closed' }),
        incident({ id: 'old-held', state: 'closed' }),
        incident({ id: 'old-open' }),
        incident({ id: 'new', state: 'closed', openedAt: at(100) }),
        feedback({ incident: 'old-held', action: 'label', note: 'hold', at: at(1) }),
        feedback({ incident: 'old' }),
        { kind: 'evidence', evidence: sampleEvidence({ incident: 'old' }) },
        { kind: 'evidence', evidence: sampleEvidence({ incident: 'old-held' }) },
        coverage(0, 10),
        coverage(20, 110),
        feedback({ action: 'mute', incident: null, mute: sampleMute({ until: at(50) }) }),
      ]);
      expect(await store.retain({ before: at(90) })).toBe(1);
      const left = (await reader.incidents({})).incidents;
      expect(left.map((found) => found.id)).toEqual(['new', 'old-open', 'old-held']);
      expect(left[2]?.evidence).toHaveLength(1);
      expect(await reader.mutes()).toEqual([]);
      expect((await reader.coverage('yard', 'gate', at(0), at(30))).map((piece) => piece.reason)).toEqual([
        'no_record',
        null,
      ]);
      await store.apply([incident({ id: 'old', state: 'closed' })]);
      expect(await reader.incident('old')).toMatchObject({ evidence: [], acknowledged: null });
    });
  });
}
