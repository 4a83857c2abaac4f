import { toTimestamp } from '../../../runtime/time.ts';
import { clearOfLine, crossing, groundPoint } from '../geometry.ts';
import { close, open } from '../incident.ts';
import type { Crossing, LineMemory } from '../state.ts';
import { matching, type Rule, type RuleInput } from './rule.ts';

/** Crossings remembered; ids do not come back after that many others. */
const MAX_CROSSED = 500;

/**
 * A track that cuts the line between two samples, both clear of it: a point in time, so opened and
 * closed at once, and one a track and direction: who comes in and goes out again is told of twice, who wavers over the
 * line is not told of for ever. A tentative track's crossing waits until it is confirmed.
 */
export const lineCrossing: Rule<LineMemory> = (_state, memory, input) => {
  const { record, line, step } = input;
  if (step.kind !== 'looked' || line === null) return;
  const listed = new Set([...record.tracks, ...record.coasting].map(({ id }) => id));
  memory.anchors = memory.anchors.filter(({ id }) => listed.has(id));
  memory.pending = memory.pending.filter(({ id }) => listed.has(id));
  for (const track of matching(input)) {
    if (track.coasting) continue;
    const point = groundPoint(track.box);
    if (clearOfLine(line, point)) {
      const anchor = memory.anchors.find(({ id }) => id === track.id);
      if (!anchor) memory.anchors.push({ id: track.id, point, firstAt: step.to });
      else {
        const direction = crossing(line, anchor.point, point);
        anchor.point = point;
        if (direction !== null && counts(input, memory, track.id, direction)) {
          memory.crossed.push(keyOf(track.id, direction));
          memory.pending.push({
            id: track.id,
            class: track.class,
            score: track.score,
            at: step.to,
            firstAt: anchor.firstAt,
            direction,
            box: track.box,
            frame: record.frame,
            model: record.model,
          });
        }
      }
    }
    if (track.tentative) continue;
    for (const crossed of memory.pending.filter(({ id }) => id === track.id)) report(input, crossed);
    memory.pending = memory.pending.filter(({ id }) => id !== track.id);
  }
  if (memory.crossed.length > MAX_CROSSED) memory.crossed.splice(0, memory.crossed.length - MAX_CROSSED);
};

function counts({ rule, active }: RuleInput, memory: LineMemory, id: string, direction: 'in' | 'out'): boolean {
  if (!active || memory.crossed.includes(keyOf(id, direction))) return false;
  return rule.direction === 'both' || rule.direction === direction;
}

function keyOf(id: string, direction: 'in' | 'out'): string {
  return `${direction} ${id}`;
}

function report({ rule, camera, emit }: RuleInput, crossed: Crossing): void {
  const opened = open(
    {
      site: camera.site,
      camera: camera.camera,
      rule,
      at: crossed.at,
      distinct: crossed.id,
      direction: crossed.direction,
      peopleMax: 1,
      tracks: [
        {
          id: crossed.id,
          class: crossed.class,
          score: crossed.score,
          firstSeen: toTimestamp(crossed.firstAt),
          lastSeen: toTimestamp(crossed.at),
        },
      ],
      peak: { captureTime: toTimestamp(crossed.at), box: crossed.box, frame: crossed.frame },
      model: crossed.model,
    },
    emit,
  );
  close(opened, 'crossed', crossed.at, emit);
}
