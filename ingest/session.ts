import type { Clock } from '../runtime/clock.ts';
import { BanksmanError, type ErrorCode } from '../runtime/errors.ts';
import type { CameraRecord, CameraState, FrameMeta, ObservationKind, Purpose } from '../runtime/messages/types.ts';
import { toTimestamp } from '../runtime/time.ts';
import { noTracer, type StageTrace, type Tracer } from '../runtime/tracing.ts';
import { CaptureClock } from './capture_time.ts';
import type { Counters } from './counters.ts';
import { PictureEncoder, type PictureFormat } from './encode.ts';
import { MotionGate } from './gate/gate.ts';
import { PictureHealth } from './gate/health.ts';
import { nextRunId } from './ipc.ts';
import type { UnitTime } from './media/feed.ts';
import { Observer, observationIntervalMs } from './observe.ts';
import type { FramePublisher } from './publish.ts';
import { findSps } from './rtsp/h264.ts';
import type { AccessUnit, AccessUnitSource, DecodedFrame, Decoder, RawPicture } from './rtsp/types.ts';
import { Sampler } from './sampler.ts';

/** Cells of the low-resolution luma: a person of 42 px in 960×540 is 2 × 7 of them. */
export const LUMA_WIDTH = 160;
export const LUMA_HEIGHT = 90;

/** A decoder that fell behind starts again at a key picture once it has come to within so many units. */
const CAUGHT_UP = 10;
const STALL_SHOWN_MS = 3_000;
const STALL_MIN_MS = 10_000;
const UNDECODABLE_MS = 3_000;
/** Pictures that cannot be decoded for so long: a new session may bring what was missed, as parameter sets. */
const UNDECODABLE_LIMIT_MS = 20_000;
/** Pictures that wait to be encoded: at 720p each is 1.4 MB. */
const MAX_ENCODING = 2;
/**
 * The wall clock went so far off the one that never steps: capture times would never fit those of other
 * machines and stages again, and all that reckons in them would wait for the past.
 */
const CLOCK_STEP_MS = 1_000;
/** Without a picture for so long, time is accounted for by the clock. */
const NO_PICTURE_MS = 1_500;

export interface SessionDeps {
  clock: Clock;
  source: AccessUnitSource;
  decoder: Decoder;
  publisher: FramePublisher;
  counters: Counters;
  /** Default: none. */
  tracer?: Tracer;
  /** Is shown every access unit. Default: nobody. */
  live?: { unit(unit: AccessUnit, time: UnitTime): void };
  /** The session is over; called once. */
  onEnd: (reason: ErrorCode, detail: string) => void;
  onState: () => void;
}

export interface SessionState {
  state: Extract<CameraState, 'connecting' | 'idle' | 'active' | 'blind' | 'starved' | 'stalled'>;
  reason: ErrorCode | null;
}

/** One RTSP session of one camera: units in, frames and observations out. Logic runs on capture time. */
export class CameraSession {
  readonly #deps: SessionDeps;
  readonly #gate: MotionGate;
  readonly #health = new PictureHealth();
  readonly #sampler: Sampler;
  readonly #observer: Observer;
  readonly #encoder: PictureEncoder;
  #camera: CameraRecord;
  readonly #epoch: number;
  #runId: string;
  #seq = -1;
  #captureClock: CaptureClock;
  /** Epoch minus monotonic at the start of the run: the wall clock is read once. */
  #wallOffsetMs: number;
  #state: SessionState = { state: 'connecting', reason: null };
  #attentionUntilMs = 0;
  #maxFps: number | null = null;
  #size: { width: number; height: number; profile: string | null } | null = null;
  #firstUnitAt = 0;
  #format: PictureFormat | null = null;
  #lastUnitAt: number;
  #longestGapMs = 0;
  #unitsSeen = 0;
  #lastPictureAt: number | null = null;
  #skipping = false;
  #distrustedAtMs = Number.NEGATIVE_INFINITY;
  #encoding: Promise<void> = Promise.resolve();
  #encodingCount = 0;
  #reconfigure: (() => void) | null = null;
  #over = false;

  constructor(camera: CameraRecord, epoch: number, lastRunId: string | null, deps: SessionDeps) {
    const { clock } = deps;
    this.#deps = deps;
    this.#camera = camera;
    this.#epoch = epoch;
    this.#wallOffsetMs = clock.now() - clock.monotonic();
    this.#runId = nextRunId(lastRunId, clock.now());
    this.#captureClock = new CaptureClock(this.#wallOffsetMs);
    this.#gate = new MotionGate(LUMA_WIDTH, LUMA_HEIGHT, camera.motion, camera.ignore_masks);
    this.#sampler = new Sampler(camera.sampling);
    this.#observer = new Observer(observationIntervalMs(camera.detect_within_s));
    this.#encoder = new PictureEncoder(encodeOptions(camera));
    this.#lastUnitAt = clock.monotonic();
  }

  get state(): SessionState {
    return this.#state;
  }

  get runId(): string {
    return this.#runId;
  }

  get size(): { width: number; height: number; profile: string | null } | null {
    return this.#size;
  }

  /** Back-pressure in force, null where the active rate is served. */
  get limitedFps(): number | null {
    return this.#maxFps !== null && this.#maxFps < this.#camera.sampling.active_fps ? this.#maxFps : null;
  }

  /** How far time is accounted for; null before the first unit. */
  get progress(): { runId: string; seq: number; toMs: number } | null {
    const { toMs } = this.#observer;
    return toMs === null ? null : { runId: this.#runId, seq: this.#seq, toMs };
  }

  start(): void {
    const { source, decoder } = this.#deps;
    decoder.start({
      onFrame: (frame) => this.#onFrame(frame),
      onFailure: () => this.#end('STREAM_UNDECODABLE', 'the decoder gave up on what the camera sends'),
    });
    source.start({
      onUnit: (unit) => this.#onUnit(unit),
      onEnd: (error) => this.#end(error.code, error.message),
    });
  }

  configure(camera: CameraRecord): void {
    this.#camera = camera;
    this.#gate.configure(camera.motion, camera.ignore_masks);
    this.#sampler.configure(camera.sampling);
    this.#observer.configure(observationIntervalMs(camera.detect_within_s));
    this.#reconfigure = () => this.#encoder.configure(encodeOptions(camera));
  }

  attend(keepUntilMs: number, maxFps: number | null): void {
    this.#attentionUntilMs = keepUntilMs;
    this.#maxFps = maxFps;
  }

  /** A picture came out with errors: none is believed until a key picture that arrives from now on. */
  distrust(): void {
    this.#deps.counters.add('decode_errors_total');
    this.#distrustedAtMs = this.#deps.clock.monotonic() + this.#wallOffsetMs;
  }

  /** Several times a second: what must be noticed although nothing arrives. */
  tick(): void {
    if (this.#over) return;
    const now = this.#deps.clock.monotonic();
    const steppedMs = this.#deps.clock.now() - now - this.#wallOffsetMs;
    if (Math.abs(steppedMs) > CLOCK_STEP_MS) {
      this.#end('CLOCK_STEPPED', `the clock of this machine was set by ${Math.round(steppedMs / 1000)} s`);
      return;
    }
    const silentMs = now - this.#lastUnitAt;
    if (silentMs > Math.max(STALL_MIN_MS, 3 * this.#longestGapMs)) {
      this.#end('RTSP_STALLED', `no picture for ${Math.round(silentMs / 1000)} s`);
      return;
    }
    if (silentMs > STALL_SHOWN_MS) this.#setState('stalled', 'RTSP_STALLED');
    const blankMs = now - (this.#lastPictureAt ?? this.#firstUnitAt);
    if (this.#unitsSeen === 0) return;
    if (silentMs <= STALL_SHOWN_MS && blankMs > UNDECODABLE_MS) {
      this.#setState('blind', 'STREAM_UNDECODABLE');
      if (blankMs > UNDECODABLE_LIMIT_MS) {
        this.#end('STREAM_UNDECODABLE', `no picture decoded for ${Math.round(blankMs / 1000)} s`);
        return;
      }
    }
    if (blankMs > NO_PICTURE_MS) {
      const reason = silentMs > NO_PICTURE_MS ? 'RTSP_STALLED' : 'STREAM_UNDECODABLE';
      this.#passed('blind', reason, now + this.#wallOffsetMs);
    }
  }

  /** Says what is left to say and leaves the session. */
  async stop(): Promise<void> {
    this.#over = true;
    this.#deps.source.stop();
    await this.#encoding;
    this.#deps.decoder.stop();
    this.#encoder.stop();
    await this.#deps.publisher.drained();
  }

  #end(reason: ErrorCode, detail: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#deps.onEnd(reason, detail);
  }

  #onUnit(unit: AccessUnit): void {
    if (this.#over) return;
    const { counters, decoder } = this.#deps;
    const { arrivalMs } = unit;
    if (this.#unitsSeen > 0) this.#longestGapMs = Math.max(this.#longestGapMs, arrivalMs - this.#lastUnitAt);
    else this.#firstUnitAt = arrivalMs;
    this.#lastUnitAt = arrivalMs;
    this.#unitsSeen += 1;
    counters.add('access_units_total');
    counters.add('access_unit_bytes_total', unit.data.length);
    if (unit.key) this.#learnSize(unit.data);

    const { timeMs, estimated, step } = this.#captureClock.at(unit.ptsMs, arrivalMs);
    if (step) this.#newRun();
    this.#deps.live?.unit(unit, { timeMs, estimated, runId: this.#runId });
    if (this.#observer.toMs === null) this.#passed('blind', 'STREAM_UNDECODABLE', timeMs);
    if (unit.damaged) {
      // Decoding goes on at the next key picture; what comes before would show what never was.
      counters.add('access_units_damaged_total');
      this.#passed('blind', 'STREAM_UNDECODABLE', timeMs);
      return;
    }

    if (this.#skipping && (!unit.key || decoder.waiting > CAUGHT_UP)) {
      counters.shed('decoder_behind');
      return;
    }
    const receiveMs = arrivalMs + this.#wallOffsetMs;
    this.#skipping = !decoder.push(unit, { timeMs, receiveMs, estimated, key: unit.key });
    if (this.#skipping) counters.shed('decoder_behind');
  }

  async #onFrame({ stamp, luma, corrupt, lost }: DecodedFrame): Promise<void> {
    if (this.#over) return;
    const { clock, counters } = this.#deps;
    counters.add('decoded_frames_total');
    if (lost > 0) counters.add('decode_errors_total', lost);
    if (corrupt) this.distrust();
    if (stamp.key && stamp.receiveMs > this.#distrustedAtMs) this.#distrustedAtMs = Number.NEGATIVE_INFINITY;
    if (corrupt || this.#distrustedAtMs > Number.NEGATIVE_INFINITY) {
      this.#passed('blind', 'STREAM_UNDECODABLE', stamp.timeMs);
      return;
    }
    const now = clock.monotonic();
    const sincePicture = this.#lastPictureAt === null ? 0 : now - this.#lastPictureAt;
    this.#lastPictureAt = now;

    const fault = this.#health.look(luma, stamp.timeMs);
    const look = this.#gate.look(luma, stamp.timeMs);
    if (look.open) counters.add('gate_open_seconds_total', Math.min(sincePicture, 1_000) / 1_000);
    if (fault !== null) {
      const reason = fault === 'black' ? 'STREAM_BLACK' : 'STREAM_FROZEN';
      this.#setState('blind', reason);
      this.#passed('blind', reason, stamp.timeMs);
      return;
    }
    const active = look.open || stamp.timeMs < this.#attentionUntilMs;
    this.#setState(active ? 'active' : 'idle', null);
    const purpose = this.#sampler.look({
      timeMs: stamp.timeMs,
      active,
      forced: look.changed || look.settled,
      maxFps: this.#maxFps,
    });
    if (purpose !== null && (await this.#sample(purpose))) return;
    if (!active) this.#passed('quiet', null, stamp.timeMs);
    // The gate is open and nobody may look. Between two pictures at the wanted rate nothing is amiss.
    else if (purpose !== null || this.limitedFps !== null) this.#passed('starved', 'limited', stamp.timeMs);
  }

  /** @returns false where the picture had to be shed before it got a number. */
  async #sample(purpose: Purpose): Promise<boolean> {
    const { publisher, counters, decoder, tracer = noTracer } = this.#deps;
    if (this.#encodingCount >= MAX_ENCODING || !publisher.hasRoom) {
      counters.shed(publisher.hasRoom ? 'encoder_busy' : 'bus_slow', purpose);
      return false;
    }
    const picture = await decoder.picture();
    if (!picture || this.#over) {
      counters.shed('encoder_failed', purpose);
      picture?.release();
      return false;
    }
    // Numbered now, so that an observation after this names it; what fails later is a gap, counted as shed.
    this.#seq += 1;
    const place = { seq: this.#seq, runId: this.#runId };
    const trace = tracer.begin();
    // The newest picture, which may be one further than the luma that asked for it.
    this.#observer.published(picture.stamp.timeMs);
    this.#encodingCount += 1;
    this.#encoding = this.#encoding
      .then(() => this.#encode(picture, purpose, place, trace))
      .catch(() => counters.shed('encoder_failed', purpose))
      .finally(() => {
        picture.release();
        this.#encodingCount -= 1;
      });
    return true;
  }

  async #encode(
    picture: RawPicture,
    purpose: Purpose,
    place: { seq: number; runId: string },
    trace: StageTrace | undefined,
  ): Promise<void> {
    this.#reconfigure?.();
    this.#reconfigure = null;
    const encoded = this.#format && (await this.#encoder.encode(picture.data, this.#format));
    if (!encoded)
      throw new BanksmanError('STREAM_UNDECODABLE', { message: 'a picture of another size than announced' });
    const { timeMs, receiveMs, estimated } = picture.stamp;
    const meta: FrameMeta = {
      site: this.#camera.site,
      camera: this.#camera.camera,
      epoch: this.#epoch,
      ...place,
      captureTime: toTimestamp(timeMs),
      receiveTime: toTimestamp(receiveMs),
      captureTimeEstimated: estimated,
      purpose,
      width: encoded.width,
      height: encoded.height,
      regions: encoded.regions,
      parts: encoded.jpegs.map((jpeg) => jpeg.length),
    };
    trace?.part('decode', receiveMs, trace.startMs);
    trace?.part('encode', trace.startMs);
    trace?.end('ingest', { 'banksman.purpose': purpose }, receiveMs);
    this.#deps.publisher.frame(meta, encoded.jpegs, trace);
  }

  #passed(kind: ObservationKind, reason: string | null, timeMs: number): void {
    const interval = this.#observer.passed(kind, reason, timeMs);
    if (!interval) return;
    this.#deps.publisher.observation({
      site: this.#camera.site,
      camera: this.#camera.camera,
      epoch: this.#epoch,
      runId: this.#runId,
      afterSeq: this.#seq,
      from: toTimestamp(interval.fromMs),
      to: toTimestamp(interval.toMs),
      kind,
      reason,
    });
  }

  #newRun(): void {
    const { clock } = this.#deps;
    this.#wallOffsetMs = clock.now() - clock.monotonic();
    this.#runId = nextRunId(this.#runId, clock.now());
    this.#seq = -1;
    this.#captureClock = new CaptureClock(this.#wallOffsetMs);
  }

  #learnSize(data: Buffer): void {
    const sps = findSps(data);
    if (!sps) return;
    const { width, height, profile, fullRange, matrix } = sps;
    if (this.#size?.width !== width || this.#size.height !== height) this.#size = { width, height, profile };
    this.#format = { width, height, colour: { fullRange, matrix } };
  }

  #setState(state: SessionState['state'], reason: ErrorCode | null): void {
    if (this.#state.state === state && this.#state.reason === reason) return;
    this.#state = { state, reason };
    this.#deps.onState();
  }
}

function encodeOptions(camera: CameraRecord) {
  return { widthPx: camera.sampling.width_px, regions: camera.regions, privacyMasks: camera.privacy_masks };
}
