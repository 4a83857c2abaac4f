/** The part of the suite that is about categories of incidents. */
import { expect, it } from 'vitest';
import type { Feedback, Incident } from '../../messages/types.ts';
import { CATEGORY_KINDS, type CategoryFilter, type CategoryKind } from './categories.ts';
import type { StateUnderTest } from './compliance.ts';
import { at, sampleEvidence, sampleFeedback, sampleIncident } from './samples.ts';
import type { StateChange } from './types.ts';

/** @param made the store of the test that runs. */
export function categoriesCompliance(made: () => StateUnderTest): void {
  const incident = (over: Partial<Incident> = {}): StateChange => ({
    kind: 'incident',
    incident: sampleIncident(over),
  });
  const feedback = (over: Partial<Feedback> = {}): StateChange => ({
    kind: 'feedback',
    feedback: sampleFeedback(over),
  });
  /** `value: total` of a kind, the most frequent first. */
  const counted = async (kind: CategoryKind, filter: CategoryFilter = {}): Promise<string[]> =>
    (await made().reader.categories(filter))[kind].values.map(({ value, total }) => `${value}: ${total}`);

  it('says in which categories incidents fall, each under the filters of the others', async () => {
    await made().store.apply([
      incident({ id: 'a' }),
      incident({ id: 'b', zone: null, type: 'line_crossing', rule: 'line', state: 'closed', severity: 'low' }),
      incident({ id: 'c', camera: 'dock "2"', zone: 'ramp', state: 'unobserved' }),
      incident({ id: 'd', camera: 'dock "2"', zone: 'ramp', state: 'closed' }),
      incident({ id: 'e', site: 'other', camera: 'elsewhere' }),
    ]);
    const site = 'yard';
    expect((await made().reader.categories({ site })).camera).toEqual({
      values: [
        { value: 'dock "2"', total: 2, byState: { open: 0, unobserved: 1, closed: 1 } },
        { value: 'gate', total: 2, byState: { open: 1, unobserved: 0, closed: 1 } },
      ],
      more: 0,
    });
    expect(await counted('zone', { site })).toEqual(['ramp: 2', 'road: 1']);
    expect(await counted('type', { site })).toEqual(['zone_entry: 3', 'line_crossing: 1']);
    expect(await counted('severity', { site })).toEqual(['high: 3', 'low: 1']);
    expect(await counted('rule', { site, camera: 'gate' })).toEqual(['line: 1', 'person-on-road: 1']);
    expect(await counted('camera', { site, camera: 'gate' })).toEqual(['dock "2": 2', 'gate: 2']);
    expect(await counted('camera', { site, camera: 'gate', rule: 'line' })).toEqual(['gate: 1']);
    expect(await counted('camera', { site, state: ['open', 'unobserved'] })).toEqual(['dock "2": 1', 'gate: 1']);
    expect(await counted('rule', { site, severity: ['low'] })).toEqual(['line: 1']);
    expect(await counted('camera', { site: 'other' })).toEqual(['elsewhere: 1']);
  });

  it('counts an incident once in its category, whatever comes twice, late or not at all', async () => {
    const changes = [
      feedback({ action: 'label', note: 'forklift', at: at(1) }),
      incident(),
      incident({ revision: 2, severity: 'critical' }),
      incident({ revision: 3, severity: 'critical', state: 'closed' }),
      feedback({ action: 'label', note: 'hold', at: at(2) }),
      feedback({ at: at(3) }),
      { kind: 'evidence' as const, evidence: sampleEvidence() },
    ];
    for (const round of [changes, changes, changes.toReversed()]) await made().store.apply(round);
    for (const one of changes) await made().store.apply([one]);
    const { camera, severity, label } = await made().reader.categories({});
    const closed = { total: 1, byState: { open: 0, unobserved: 0, closed: 1 } };
    expect(camera.values).toEqual([{ value: 'gate', ...closed }]);
    expect(severity.values).toEqual([{ value: 'critical', ...closed }]);
    expect(label.values).toEqual([
      { value: 'forklift', ...closed },
      { value: 'hold', ...closed },
    ]);
    await made().store.apply([feedback({ action: 'label', note: 'unhold', at: at(4) })]);
    await made().store.apply([
      incident({ revision: 4, state: 'open' }),
      feedback({ incident: 'never came', at: at(1) }),
    ]);
    expect((await made().reader.categories({})).label.values).toEqual([
      { value: 'forklift', total: 1, byState: { open: 1, unobserved: 0, closed: 0 } },
    ]);
  });

  it('forgets categories with the last incident that falls in them', async () => {
    await made().store.apply([
      incident({ id: 'old', camera: 'dock', state: 'closed' }),
      feedback({ incident: 'old', action: 'label', note: 'forklift', at: at(1) }),
      incident({ id: 'held', state: 'closed' }),
      feedback({ incident: 'held', action: 'label', note: 'hold', at: at(1) }),
      incident({ id: 'new', rule: 'other', state: 'closed', openedAt: at(100) }),
      // Label and judgement of one that never comes.
      feedback({ incident: 'never came', action: 'label', note: 'lost', at: at(1) }),
    ]);
    expect(await made().store.retain({ before: at(90) })).toBe(1);
    expect(await counted('camera')).toEqual(['gate: 2']);
    expect(await counted('label')).toEqual(['hold: 1']);
    await made().store.apply([feedback({ incident: 'held', action: 'label', note: 'unhold', at: at(2) })]);
    expect(await made().store.retain({ before: at(200) })).toBe(2);
    const left = await made().reader.categories({});
    for (const kind of CATEGORY_KINDS) expect(left[kind], kind).toEqual({ values: [], more: 0 });
    await made().store.apply([incident({ id: 'old', camera: 'dock', state: 'closed' })]);
    expect(await counted('camera')).toEqual(['dock: 1']);
    expect(await counted('label')).toEqual([]);
  });
}
