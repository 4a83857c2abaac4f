import { toTimestamp } from '../../../runtime/time.ts';
import { close, open } from '../incident.ts';
import type { HealthMemory } from '../state.ts';
import { ms, type Rule, type RuleInput } from './rule.ts';

/** The last frame goes with the incident while the bus surely still has it. */
const FRAME_MS = 4 * 60_000;

/**
 * The camera has given nothing for `min_duration_s`: no stream, undecodable, or no record at all.
 * Closes when it has given pictures again for `hold_s`. Detectors without time are not its fault.
 */
export const cameraOffline: Rule<HealthMemory> = (state, memory, input) => {
  const { rule, step, active, emit } = input;
  if (step.evidence) {
    const connected = memory.backObs !== null && step.gapMs <= ms(rule.detect_within_s);
    state.obs += (connected ? step.gapMs : 0) + step.lengthMs;
    if (!connected) memory.backObs = state.obs - step.lengthMs;
  } else if (step.unlookedMs > ms(rule.detect_within_s)) {
    memory.backObs = null;
  }
  if (!state.open) {
    if (active && step.offlineMs > 0 && step.offlineMs >= ms(rule.min_duration_s)) state.open = begin(input);
    return;
  }
  if (!active) close(state.open, 'schedule_end', step.to, emit);
  else if (memory.backObs !== null && state.obs - memory.backObs >= ms(rule.hold_s)) {
    close(state.open, 'left', step.to, emit);
  } else return;
  state.open = null;
};

function begin({ rule, step, camera, emit }: RuleInput): ReturnType<typeof open> {
  const last = camera.lastFrame;
  const recent = last !== null && Math.abs(step.to - last.captureTime) <= FRAME_MS ? last : null;
  return open(
    {
      site: camera.site,
      camera: camera.camera,
      rule,
      at: step.to,
      peopleMax: 0,
      tracks: [],
      peak: { captureTime: toTimestamp(recent?.captureTime ?? step.to), box: null, frame: recent?.frame ?? null },
      model: null,
    },
    emit,
  );
}
