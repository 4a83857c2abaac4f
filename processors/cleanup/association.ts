/** Which detection is which track. */
import type { Box } from '../../runtime/messages/types.ts';
import { assign } from './assignment.ts';
import { boxAt, iou, kindOf, measure } from './boxes.ts';
import type { Candidate, Sample, TrackerOptions, TrackState } from './tracker.ts';

/**
 * Candidate of each track, -1 for none. High detections first, over all tracks; then low ones, where they
 * lie on what is left (Zhang et al., "ByteTrack", 2022).
 */
export function associate(tracks: readonly TrackState[], sample: Sample, options: TrackerOptions): number[] {
  const { candidates, aspect } = sample;
  const boxes = tracks.map((track) => boxAt(track, aspect));
  const costs = tracks.map((track, row) =>
    candidates.map((candidate) =>
      candidate.high
        ? prefer(track, cost(track, boxes[row] ?? track.box, candidate, aspect, options), options)
        : Number.POSITIVE_INFINITY,
    ),
  );
  const found = assign(costs, options.limit);
  const rest = tracks.map((track, row) =>
    candidates.map((candidate) => {
      if (candidate.high || (found[row] ?? -1) >= 0 || track.tentative) return Number.POSITIVE_INFINITY;
      if (kindOf(candidate.class) !== kindOf(track.class)) return Number.POSITIVE_INFINITY;
      return 1 - iou(boxes[row] ?? track.box, candidate.box);
    }),
  );
  assign(rest, 1 - options.lowIou).forEach((column, row) => {
    if (column >= 0) found[row] = column;
  });
  return found;
}

/**
 * What likelihood allows, and more eagerly for a track that was just found and for one known for long: of two
 * tracks on one person the same one goes on, and a false box does not take over from a person.
 */
function prefer(track: TrackState, raw: number, options: TrackerOptions): number {
  if (raw >= options.limit) return Number.POSITIVE_INFINITY;
  return raw - (track.missed > 1 ? 0 : options.foundBonus) - options.knownBonus * Math.min(1, track.age);
}

/** Negative log-likelihood that this is where the track is now, positions in its own heights. */
function cost(
  track: TrackState,
  predicted: Box,
  candidate: Candidate,
  aspect: number,
  options: TrackerOptions,
): number {
  if (kindOf(candidate.class) !== kindOf(track.class)) return Number.POSITIVE_INFINITY;
  const { x, y, width, height } = measure(candidate.box, aspect);
  const scale = Math.sqrt(track.height * height);
  const noise = options.positionNoise * scale;
  const deviationX = Math.sqrt(track.x.pp + noise * noise);
  const deviationY = Math.sqrt(track.y.pp + noise * noise);
  const { tails, sizeNoise } = options;
  const foot = surprise((y - track.y.position) / deviationY, tails);
  // Whoever steps behind something loses his feet, not his head.
  const head = surprise((y - height - track.y.position + track.height) / deviationY, tails);
  return (
    surprise((x - track.x.position) / deviationX, tails) +
    Math.min(foot, head + options.headPenalty) +
    surprise(Math.log(height / track.height) / sizeNoise, tails) +
    surprise(Math.log(width / track.width) / (2 * sizeNoise), tails) +
    Math.log((deviationX / scale) * (deviationY / scale)) -
    options.overlapWeight * iou(predicted, candidate.box)
  );
}

/** −log of Student's density relative to its peak. */
function surprise(z: number, tails: number): number {
  return ((tails + 1) / 2) * Math.log1p((z * z) / tails);
}
