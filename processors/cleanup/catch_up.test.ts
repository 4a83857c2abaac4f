import { expect, test } from 'vitest';
import type { Delivery } from '../../runtime/bus/types.ts';
import { CatchUp } from './catch_up.ts';
import type { Entry } from './merge.ts';
import { found, observed } from './scenes.ts';

const source = { topic: 't', partition: 0, offset: '0' };
const OLD = { runId: '20261121T200000000Z-aa' };
const NEW = { runId: '20261121T210000000Z-bb' };
const frame = (seq: number, changes = {}): Entry => ({ type: 'detections', record: found(seq, [], changes), source });
const quiet = (seq: number, changes = {}): Entry => ({ type: 'observation', record: observed(seq, changes), source });

const offsets = { detections: 0, observations: 0 };

/** Entries in the order of their topics, the observations read first. */
function held(entries: (Entry | null)[], last: Record<string, number>): CatchUp {
  const catchUp = new CatchUp(new Map(Object.entries(last)), 5000);
  Object.assign(offsets, { detections: 0, observations: 0 });
  const byTopic = (type: string) => entries.filter((entry) => (entry?.type ?? 'observation') === type);
  for (const entry of [...byTopic('observation'), ...byTopic('detections')]) {
    const topic = entry?.type === 'detections' ? 'detections.v1' : 'observations.v1';
    const offset = topic === 'detections.v1' ? offsets.detections++ : offsets.observations++;
    catchUp.hold(delivery(topic, offset), entry);
  }
  return catchUp;
}

function delivery(topic: string, offset: number): Delivery {
  const message = { topic, partition: 0, offset, timestamp: 0, key: '', headers: {}, value: null };
  return { ...message, ack: () => undefined };
}

const names = (catchUp: CatchUp) =>
  [...catchUp.drain()].map(({ entry: { type, record } }) => {
    const run = record.runId === OLD.runId ? '' : "'";
    return `${type === 'detections' ? `f${record.seq}` : `q${record.afterSeq}`}${run} ${record.camera}`;
  });

test('what was there of an older run comes before the newer one, on whichever topic it lies', () => {
  const entries = [quiet(0), frame(0), frame(1), quiet(-1, NEW), frame(0, NEW), quiet(0, NEW)];
  const catchUp = held(entries, { 'detections.v1': 2, 'observations.v1': 2 });
  expect(catchUp.isOver).toBe(true);
  expect(names(catchUp)).toEqual(['q0 gate', 'f0 gate', 'f1 gate', "q-1' gate", "q0' gate", "f0' gate"]);
  expect(names(catchUp)).toEqual([]);
});

test('within a topic nothing is overtaken, be it ever so late', () => {
  const entries = [quiet(0, NEW), quiet(0, OLD), frame(0, { epoch: 2, ...OLD }), frame(1, { epoch: 1, ...NEW })];
  expect(names(held(entries, {}))).toEqual(["q0' gate", 'q0 gate', 'f0 gate', "f1' gate"]);
});

test('each camera has an order of its own', () => {
  const entries = [quiet(0, NEW), frame(0, { ...OLD, camera: 'dock' }), frame(0, OLD)];
  expect(names(held(entries, {}))).toEqual(['f0 gate', "q0' gate", 'f0 dock']);
});

test('is over when both topics are read as far as they were, also where the last does not parse', () => {
  expect(held([quiet(0), frame(0)], { 'detections.v1': 1, 'observations.v1': 0 }).isOver).toBe(false);
  expect(held([quiet(0), null], { 'observations.v1': 1 }).isOver).toBe(true);
});

test('holds less than the bus has in flight', () => {
  const entries = Array.from({ length: 999 }, (_, seq) => frame(seq));
  expect(held(entries, { 'detections.v1': 5000 }).isOver).toBe(true);
});
