import { type RtspServer, startRtspServer } from '../rtsp/server.ts';
import { CAMERAS } from '../site.ts';
import type { World } from '../world/types.ts';
import type { ClipConditions } from './conditions.ts';
import { ENCODERS, type EncoderName } from './encoders.ts';
import { worldOf } from './frames.ts';
import type { Clip, ClipSpec } from './types.ts';

export interface SiteClipOptions {
  scenario: string;
  seed: number;
  /** Ids; default all of the site. */
  cameras?: readonly string[];
  /** Of scenarios that can be as long as wanted, seconds. */
  durationS?: number;
  conditions?: ClipConditions;
  /** Burnt-in clock. Default true. */
  clock?: boolean;
  strip?: boolean;
  frozen?: readonly [number, number] | null;
  /** Of all cameras. Default: each has its own. */
  encoder?: EncoderName;
}

/** What the cameras of the site see of a scenario. @throws Error for an unknown scenario. */
export function siteClips(options: SiteClipOptions): { specs: ClipSpec[]; world: World } {
  const {
    scenario,
    seed,
    cameras,
    durationS,
    conditions = {},
    clock = true,
    strip = false,
    frozen = null,
    encoder,
  } = options;
  const world = worldOf(scenario, seed, durationS);
  const specs = CAMERAS.filter(({ id }) => cameras === undefined || cameras.includes(id)).map((camera) => ({
    scenario,
    seed,
    camera: encoder ? { ...camera, rate: { ...ENCODERS[encoder], kbps: camera.rate.kbps } } : camera,
    frames: Math.round(world.durationS * camera.fps),
    conditions,
    clock,
    strip,
    frozen,
  }));
  return { specs, world };
}

/** Serves each clip at `/<camera>`, all of one site time. @throws BanksmanError PORT_TAKEN, SIMULATOR_FAILED. */
export function serveClips(clips: readonly Clip[], port = 0): Promise<RtspServer> {
  return startRtspServer({
    port,
    streams: clips.map(({ spec, units }) => ({
      path: `/${spec.camera.id}`,
      source: { kind: 'clip', units, label: spec.scenario },
    })),
  });
}
