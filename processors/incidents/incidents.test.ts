import { afterEach, describe, expect, it, vi } from 'vitest';
import { encodeJson } from '../../runtime/messages/codec.ts';
import { type MetricName, type Metrics, noMetrics } from '../../runtime/metrics.ts';
import {
  all,
  CRASH_EXPECTED,
  closeAll,
  consumed,
  distinct,
  expectWholeWhenKilledAt,
  KEY,
  killedAt,
  processorOn,
  publish,
  site,
  WAIT,
} from './crash.ts';
import { cameraRecord, cameraRules, play, ruleRecord, summary, timeline } from './timeline.ts';

afterEach(closeAll);

describe('IncidentsProcessor', () => {
  it('publishes what the rules decide, and what was watched', async () => {
    const { bus, producer } = await site({});
    const processor = processorOn(bus);
    await processor.start();
    const records = timeline('L0*3 L1*6 L2*6 L0*9 B3');
    await publish(producer, records);
    await consumed(bus);
    await processor.stop();
    expect(await all(bus, 'incidents.v1')).toEqual(play(records, cameraRules({})));
    const coverage = await all(bus, 'coverage.v1');
    expect(coverage.filter(({ watched }) => watched).at(-1)?.to).toBe(records.at(-2)?.to);
    expect(coverage.at(-1)).toMatchObject({ watched: false, reason: 'blind:RTSP_STALLED', to: records.at(-1)?.to });
  });

  it('counts and measures', async () => {
    const { bus, producer } = await site({});
    const counted: string[] = [];
    const note = (metric: MetricName, value: number, labels = {}) => {
      counted.push(`${metric} ${Object.values(labels).join()}`.trim());
      if (metric === 'incidents_open') counted.push(`open ${value}`);
      if (metric === 'incidents_total') counted.push(`opened +${value}`);
    };
    const metrics: Metrics = {
      inc: (metric, labels, by = 1) => note(metric, by, labels),
      set: (metric, value, labels) => note(metric, value, labels),
      observe: (metric, value, labels) => note(metric, value, labels),
      remove: () => undefined,
    };
    const processor = processorOn(bus, { metrics });
    await processor.start();
    const records = timeline('epoch L1*4');
    await publish(producer, [...records, ...records.slice(0, 1), ...timeline('L1')]);
    await consumed(bus);
    await processor.stop();
    // Known from the camera's first record on, at 0.
    expect(counted.filter((line) => line.startsWith('opened'))).toEqual(['opened +0', 'opened +1']);
    expect(counted.filter((line) => line === 'incidents_total gate,on-road,road,high')).toHaveLength(2);
    expect(counted).toContain('incident_opened_timestamp_seconds gate,on-road,road,high');
    expect(counted.filter((line) => line === 'capture_to_incident_seconds')).toHaveLength(1);
    expect(counted.filter((line) => line === 'stage_seconds incidents')).toHaveLength(4);
    expect(counted).toContain('open 1');
    expect(counted).toContain('records_stale_total replayed');
    expect(counted).toContain('records_stale_total epoch');
  });

  it('counts near misses, from 0 on, each once', async () => {
    const { bus, producer } = await site({}, { rule: 'line', type: 'line_crossing', zone: null, line: 'entrance' });
    const counted: string[] = [];
    const metrics: Metrics = {
      ...noMetrics,
      inc: (metric, labels = {}, by = 1) => {
        if (metric === 'near_misses_total') counted.push(`${Object.values(labels).join()} +${by}`);
      },
    };
    const records = timeline('L0 Q4 L0 L1 L0 Q4 L0 L1 L0');
    for (const part of [records.slice(0, 4), records.slice(4, 8), records.slice(4)]) {
      const processor = processorOn(bus, { metrics });
      await processor.start();
      await publish(producer, part);
      await consumed(bus);
      await processor.stop();
    }
    const place = 'gate,on-road,road,high';
    expect(counted).toEqual([`${place} +0`, `${place} +0`, `${place} +1`, `${place} +0`]);
  });

  it('sets aside what does not parse, and goes on', async () => {
    const { bus, producer } = await site({});
    const processor = processorOn(bus);
    await processor.start();
    await producer.send('tracks.v1', { key: KEY, value: Buffer.from('{"site":') });
    await publish(producer, timeline('L1*4'));
    await consumed(bus);
    await processor.stop();
    expect(summary(await all(bus, 'incidents.v1'))).toBe('opened@0.8');
    expect((await all(bus, 'dead-letters.v1')).map(({ reason }) => reason)).toEqual(['MESSAGE_INVALID']);
  });

  it('carries an open incident over a restart', async () => {
    const { bus, producer } = await site({});
    const records = timeline('L1*6 run L2*6 L0*9');
    for (const part of [records.slice(0, 5), records.slice(5, 9), records.slice(9)]) {
      const processor = processorOn(bus);
      await processor.start();
      await publish(producer, part);
      await consumed(bus);
      await processor.stop();
    }
    expect(await all(bus, 'incidents.v1')).toEqual(play(records, cameraRules({})));
  });

  it('closes without a further record when the rule is removed', async () => {
    const { bus, producer } = await site({}, { rule: 'other' });
    const processor = processorOn(bus);
    await processor.start();
    await publish(producer, timeline('L1*4'));
    await consumed(bus);
    await producer.send('rules.v1', { key: 'yard/other', value: null });
    await vi.waitFor(async () => {
      const closed = (await all(bus, 'incidents.v1')).filter(({ state }) => state === 'closed');
      expect(closed).toMatchObject([{ rule: 'other', closeReason: 'rule_removed', revision: 2 }]);
    }, WAIT);
    await processor.stop();
  });

  it('closes when the camera is removed while it is not running, and forgets the camera', async () => {
    const { bus, producer } = await site({});
    const first = processorOn(bus);
    await first.start();
    await publish(producer, timeline('L1*4'));
    await consumed(bus);
    await first.stop();
    await producer.send('cameras.v1', { key: KEY, value: null });
    const second = processorOn(bus);
    await second.start();
    await vi.waitFor(async () => {
      expect(summary(await all(bus, 'incidents.v1'))).toBe('opened@0.8 closed:rule_removed@0.8');
      const table = bus.table('processor-state.v1');
      await table.start();
      expect(table.size).toBe(0);
      await table.stop();
    }, WAIT);
    await second.stop();
  });

  it.each([
    ['camera', 'cameras.v1', KEY, encodeJson(cameraRecord())],
    ['rule', 'rules.v1', 'yard/on-road', encodeJson(ruleRecord())],
  ])('keeps what is open when it starts with the record of a %s that nobody can read', async (_, topic, key, value) => {
    const { bus, producer } = await site({});
    const records = timeline('L1*6 L2*6 L0*9');
    const first = processorOn(bus);
    await first.start();
    await publish(producer, records.slice(0, 6));
    await consumed(bus);
    await first.stop();
    await producer.send(topic, { key, value: Buffer.from('{"site":') });
    const second = processorOn(bus);
    await second.start();
    await second.stop();
    expect((await all(bus, 'incidents.v1')).filter(({ state }) => state !== 'open')).toEqual([]);
    await producer.send(topic, { key, value });
    const third = processorOn(bus);
    await third.start();
    await publish(producer, records.slice(6));
    await consumed(bus);
    await third.stop();
    expect(await all(bus, 'incidents.v1')).toEqual(play(records, cameraRules({})));
  });

  it('takes a rule that is added while it runs', async () => {
    const { bus, producer } = await site();
    const processor = processorOn(bus);
    await processor.start();
    const records = timeline('L1*4 L1*8');
    await publish(producer, records.slice(0, 4));
    await consumed(bus);
    expect(await all(bus, 'incidents.v1')).toEqual([]);
    await producer.send('rules.v1', { key: 'yard/on-road', value: encodeJson(ruleRecord()) });
    // The table follows by itself: look on until it has.
    const more = timeline('L1*200').slice(12);
    for (let at = 0; at < more.length && (await all(bus, 'incidents.v1')).length === 0; at += 4) {
      await publish(producer, more.slice(at, at + 4));
      await consumed(bus);
    }
    expect((await all(bus, 'incidents.v1')).map(({ transition }) => transition)).toContain('opened');
    await processor.stop();
  });
});

describe('a crash', () => {
  // Every step: incidents.long.test.ts.
  it('at any point gives every transition, each with one content', async () => {
    expect(summary(CRASH_EXPECTED.slice(0, 4))).toBe('opened@10.4 closed:crossed@10.4 opened@11 updated@12');
    let step = 0;
    while (await expectWholeWhenKilledAt(step)) step += 7;
    expect(step).toBeGreaterThan(2 * CRASH_EXPECTED.length);
  }, 120_000);

  it('never gives a revision a second meaning, though the rules change before it is back', async () => {
    for (const step of [3, 7, 11, 15, 19, 23, 27, 31, 35, 39, 43, 47]) {
      const { bus } = await killedAt(step, (producer) =>
        producer.send('rules.v1', { key: 'yard/on-road', value: null }),
      );
      const published = distinct(await all(bus, 'incidents.v1'));
      for (const [id, revisions] of Map.groupBy(published, (incident) => incident.id)) {
        const numbers = revisions.map(({ revision }) => revision).sort((a, b) => a - b);
        expect(numbers, `${id} killed at step ${step}`).toEqual(numbers.map((_, index) => index + 1));
        expect(revisions.filter(({ state }) => state === 'closed')).toHaveLength(1);
      }
    }
  }, 60_000);
});
