import { expect, test } from 'vitest';
import type { Incident } from '../../runtime/messages/types.ts';
import { annotationOf } from './annotation.ts';
import type { RecordDetection } from './record.ts';

const AT = '2026-01-01T00:00:00.000Z';
const PEAK = [0.4, 0.4, 0.5, 0.6] as const;

const INCIDENT: Incident = {
  id: '0123456789abcdef0123456789abcdef',
  revision: 1,
  transition: 'opened',
  state: 'open',
  site: 'yard',
  camera: 'crane',
  rule: 'below',
  type: 'zone_entry',
  severity: 'high',
  zone: null,
  line: null,
  direction: null,
  openedAt: AT,
  updatedAt: AT,
  closedAt: null,
  closeReason: null,
  unobservedReason: null,
  peopleMax: 1,
  tracks: [{ id: 'a', class: 'person', score: 0.7, firstSeen: AT, lastSeen: AT }],
  peak: { captureTime: AT, box: [...PEAK], frame: null },
  model: null,
  configHash: 'c0ffee',
  muted: false,
  acknowledged: null,
  rejected: null,
  evidence: [],
};

function detection(over: Partial<RecordDetection>): RecordDetection {
  return {
    track: 'x',
    class: 'person',
    score: 0.7,
    box: [0.1, 0.1, 0.2, 0.3],
    tentative: false,
    subject: false,
    ...over,
  };
}

test('draws the subject by name, others of its class quietly, and nothing of classes it is not about', () => {
  const { boxes } = annotationOf(INCIDENT, AT, undefined, [
    detection({ track: 'a', box: [...PEAK], subject: true }),
    detection({ track: 'b' }),
    detection({ track: 'c', tentative: true }),
    detection({ track: 'd', class: 'kite', score: 0.9, box: [0, 0, 1, 1] }),
  ]);
  expect(boxes).toEqual([
    { box: [...PEAK], label: 'person 0.70', role: 'subject' },
    { box: [0.1, 0.1, 0.2, 0.3], label: null, role: 'other' },
  ]);
});

test('without detections the box of the peak stands alone', () => {
  expect(annotationOf(INCIDENT, AT, undefined, null).boxes).toEqual([
    { box: [...PEAK], label: 'person 0.70', role: 'subject' },
  ]);
});
