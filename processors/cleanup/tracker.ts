import type { Box, Detection, Point, Track } from '../../runtime/messages/types.ts';
import { associate } from './association.ts';
import { between, boxAt, kindOf, measure } from './boxes.ts';
import { type Axis, correctAxis, holdAxis, type Motion, predictAxis, startAxis } from './motion.ts';

/** A detection that passed the filters. `high`: it may start a track; else it only keeps one alive. */
export interface Candidate extends Detection {
  high: boolean;
}

/** One track, as plain JSON. Positions in picture heights: x runs from 0 to the picture's aspect. */
export interface TrackState {
  id: string;
  class: string;
  /** Sum of scores by class: the class of a track is what it looked like most. */
  votes: Record<string, number>;
  score: number;
  /** Its last detection, normalized; and where it was then by all that is known, which is what is published. */
  detected: Box;
  box: Box;
  x: Axis;
  /** Of the ground point: bottom of the box. */
  y: Axis;
  /** Filtered size, picture heights, and the variance of its logarithm. */
  width: number;
  height: number;
  sizeVariance: number;
  /** Where it began, and how far it was from there at most, in box heights: who has moved has arrived. */
  origin: Point;
  roamed: number;
  /** Capture time up to which `x` and `y` are predicted, and of the last detection, epoch ms. */
  time: number;
  seen: number;
  /** Seconds of looked time since the first sample, and since the last detection. */
  age: number;
  unseen: number;
  /** Samples on which it was looked for since its last detection. */
  missed: number;
  hits: number;
  /** Sum of scores since it is tentative. */
  evidence: number;
  tentative: boolean;
}

export interface TrackerState {
  tracks: TrackState[];
  /** Capture time of the last looked sample, epoch ms. */
  lookedAt: number | null;
}

export interface TrackerOptions {
  /** Speed by kind in box heights a second (standard deviation along x); `*` for the others. */
  speeds: Readonly<Record<string, number>>;
  /** Speed along y over that along x: cameras look down at a slant, so the ground is foreshortened. */
  foreshortening: number;
  /** Seconds. */
  memory: number;
  /** Share of the filtered box in what is published, the rest is the detection's own. */
  filtered: number;
  /** Standard deviation of a measured ground point, in box heights, and of the logarithm of a measured size. */
  positionNoise: number;
  sizeNoise: number;
  /** By how much the logarithm of a size wanders in a second, standard deviation. */
  sizeChange: number;
  /** Degrees of freedom of the Student distribution of errors: few, because half-hidden people jump. */
  tails: number;
  /** What it costs to go by the head where the feet do not fit. */
  headPenalty: number;
  /** What an IoU of 1 with the predicted box is worth. */
  overlapWeight: number;
  /** Association costs (negative log-likelihood) at which a new object is as likely. */
  limit: number;
  /**
   * Where several tracks may be one detection: by how much rather one that was found on the sample before,
   * and one that has been known for a second.
   */
  foundBonus: number;
  knownBonus: number;
  /** IoU with the predicted box that a low detection must reach. */
  lowIou: number;
  /** Sum of scores, detections, and seconds since the first that confirm a track. */
  confirmEvidence: number;
  confirmHits: number;
  confirmAge: number;
  /** Score that confirms a track at once, unless nobody looked for a while before. */
  confirmSure: number;
  /** Looked seconds without a detection after which a track ends; tentative ones, too. */
  keep: number;
  keepTentative: number;
  /** Seconds without a look that count as looked at most: what happened in a wider gap nobody saw. */
  maxStep: number;
  /** Seconds without a look after which places say nothing any more, and tracks end. */
  maxGap: number;
  /** Most tracks kept: those unseen longest go first. */
  maxTracks: number;
}

export const TRACKER_DEFAULTS: TrackerOptions = Object.freeze({
  speeds: Object.freeze({ person: 0.5, vehicle: 3, bicycle: 1.5, motorcycle: 3, '*': 1.5 }),
  foreshortening: 0.4,
  memory: 3.5,
  filtered: 0.5,
  positionNoise: 0.065,
  sizeNoise: 0.15,
  sizeChange: 0.15,
  tails: 4,
  headPenalty: 0.1,
  overlapWeight: 0.8,
  limit: 0.2,
  foundBonus: 1,
  knownBonus: 1,
  lowIou: 0.5,
  confirmEvidence: 1,
  confirmHits: 2,
  confirmAge: 0.15,
  confirmSure: 0.6,
  keep: 2.4,
  keepTentative: 0.2,
  maxStep: 1,
  maxGap: 10,
  maxTracks: 200,
});

export interface Sample {
  /** Capture time, epoch ms. */
  time: number;
  /** Width over height of the picture. */
  aspect: number;
  candidates: readonly Candidate[];
  /** Id for a track that begins with this candidate: the same under replay. */
  idOf: (candidate: number) => string;
}

export function startTracker(): TrackerState {
  return { tracks: [], lookedAt: null };
}

/**
 * Takes one looked sample. Pure: the same state and sample give the same result.
 * @returns the state after it, and every live track; those found on this sample carry the detection's
 *   score and its box, filtered; the others are `coasting` with those of their last one.
 */
export function trackSample(
  state: TrackerState,
  sample: Sample,
  options: TrackerOptions = TRACKER_DEFAULTS,
): { state: TrackerState; tracks: Track[] } {
  const step = state.lookedAt === null ? Number.POSITIVE_INFINITY : Math.max(0, (sample.time - state.lookedAt) / 1000);
  const looked = Math.min(step, options.maxStep);
  const tracks = state.tracks
    .filter((track) => sample.time - track.time <= options.maxGap * 1000)
    .map((track) => predict(track, sample.time, looked, options));
  const found = associate(tracks, sample, options);

  const next: TrackState[] = [];
  tracks.forEach((track, index) => {
    const candidate = sample.candidates[found[index] ?? -1];
    if (candidate) next.push(correct(track, candidate, sample, options));
    else if (!over(track, options)) next.push(track);
  });
  const taken = new Set(found);
  sample.candidates.forEach((candidate, index) => {
    if (candidate.high && !taken.has(index)) next.push(begin(candidate, sample.idOf(index), step, sample, options));
  });
  next.sort((a, b) => a.unseen - b.unseen);
  next.length = Math.min(next.length, options.maxTracks);
  return { state: { tracks: next, lookedAt: sample.time }, tracks: next.map(publish) };
}

/** Nothing moved up to `time` (epoch ms): tracks stay where they are, and their looked time stands still. */
export function holdTracks(state: TrackerState, time: number): TrackerState {
  return {
    tracks: state.tracks.map((track) => ({
      ...track,
      x: holdAxis(track.x),
      y: holdAxis(track.y),
      time: Math.max(track.time, time),
    })),
    lookedAt: state.lookedAt === null ? null : Math.max(state.lookedAt, time),
  };
}

/** The live tracks when nobody looked at a frame: all coasting. */
export function coastingTracks(state: TrackerState): Track[] {
  return state.tracks.map((track) => ({ ...publish(track), coasting: true }));
}

function publish(track: TrackState): Track {
  const { id, score, box, age, tentative, missed } = track;
  return { id, class: track.class, score, box, age: Math.round(age * 1000) / 1000, tentative, coasting: missed > 0 };
}

function over({ tentative, unseen, missed }: TrackState, options: TrackerOptions): boolean {
  // One miss never ends a track, however slow the camera.
  return missed > 1 && unseen > (tentative ? options.keepTentative : options.keep);
}

function motionOf(track: { class: string; height: number }, options: TrackerOptions): { x: Motion; y: Motion } {
  const speed = (options.speeds[kindOf(track.class)] ?? options.speeds['*'] ?? 1) * track.height;
  const { memory, foreshortening } = options;
  return { x: { speed, memory }, y: { speed: speed * foreshortening, memory } };
}

function predict(track: TrackState, time: number, looked: number, options: TrackerOptions): TrackState {
  const seconds = (time - track.time) / 1000;
  const motion = motionOf(track, options);
  return {
    ...track,
    x: predictAxis(track.x, seconds, motion.x),
    y: predictAxis(track.y, seconds, motion.y),
    sizeVariance: track.sizeVariance + Math.max(0, seconds) * options.sizeChange ** 2,
    time: Math.max(time, track.time),
    age: track.age + looked,
    unseen: track.unseen + looked,
    missed: track.missed + 1,
  };
}

function correct(track: TrackState, candidate: Candidate, sample: Sample, options: TrackerOptions): TrackState {
  const { x, y, width, height } = measure(candidate.box, sample.aspect);
  const noise = options.positionNoise * track.height;
  const sizeGain = track.sizeVariance / (track.sizeVariance + options.sizeNoise ** 2);
  const votes = { ...track.votes, [candidate.class]: (track.votes[candidate.class] ?? 0) + candidate.score };
  const hits = track.hits + 1;
  const evidence = track.evidence + candidate.score;
  const filtered = {
    x: correctAxis(track.x, x, noise),
    y: correctAxis(track.y, y, noise),
    width: track.width * (width / track.width) ** sizeGain,
    height: track.height * (height / track.height) ** sizeGain,
  };
  return {
    ...track,
    class: Object.entries(votes).reduce((a, b) => (b[1] > a[1] ? b : a))[0],
    votes,
    score: candidate.score,
    detected: candidate.box,
    box: between(candidate.box, boxAt(filtered, sample.aspect), options.filtered),
    ...filtered,
    sizeVariance: (1 - sizeGain) * track.sizeVariance,
    roamed: Math.max(
      track.roamed,
      Math.hypot(x - track.origin[0], y - track.origin[1]) / Math.max(height, track.height),
    ),
    seen: sample.time,
    unseen: 0,
    missed: 0,
    hits,
    evidence,
    tentative:
      track.tentative &&
      (hits < options.confirmHits || evidence < options.confirmEvidence || track.age < options.confirmAge),
  };
}

function begin(candidate: Candidate, id: string, gap: number, sample: Sample, options: TrackerOptions): TrackState {
  const { x, y, width, height } = measure(candidate.box, sample.aspect);
  const motion = motionOf({ class: candidate.class, height }, options);
  const noise = options.positionNoise * height;
  return {
    id,
    class: candidate.class,
    votes: { [candidate.class]: candidate.score },
    score: candidate.score,
    detected: candidate.box,
    box: candidate.box,
    x: startAxis(x, noise, motion.x),
    y: startAxis(y, noise, motion.y),
    width,
    height,
    sizeVariance: options.sizeNoise ** 2,
    origin: [x, y],
    roamed: 0,
    time: sample.time,
    seen: sample.time,
    age: 0,
    unseen: 0,
    missed: 0,
    hits: 1,
    evidence: candidate.score,
    tentative: gap > options.maxStep || candidate.score < options.confirmSure,
  };
}
