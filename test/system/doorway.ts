import type { BusAddress } from '../../runtime/bus/open.ts';
import type { Evidence, Incident } from '../../runtime/messages/types.ts';
import { type RtspServer, startRtspServer } from '../../simulator/rtsp/server.ts';
import { VISITOR } from '../data.ts';
import { until } from '../wait.ts';
import { type SiteObject, Up } from './up.ts';
import { BusWatch, metricSum } from './watch_bus.ts';

export interface DoorwayOptions {
  /** Of the site file, beside the camera and its rule. */
  site?: SiteObject;
  env?: Record<string, string>;
  /** What else must be there before it starts. */
  prepare?: (dir: string, site: SiteObject) => Promise<void>;
  /** Default: the bus that `up` hosts. */
  bus?: BusAddress;
  /** How long somebody must be there. Default 1. */
  holdS?: number;
  /** For each step of a visit. */
  limitMs?: number;
}

/** One camera, `gate`, under everything that `up` runs: somebody comes and goes when told to, and any visit is an incident. */
export class Doorway implements AsyncDisposable {
  readonly camera: RtspServer;
  readonly up: Up;
  readonly watch: BusWatch;
  /** Every revision so far, growing. */
  readonly incidents: Incident[];
  /** Every record so far, growing. */
  readonly evidence: Evidence[];
  readonly #limitMs: number | undefined;
  readonly #parts: AsyncDisposableStack;

  private constructor(camera: RtspServer, up: Up, watch: BusWatch, parts: AsyncDisposableStack, limitMs?: number) {
    this.camera = camera;
    this.up = up;
    this.watch = watch;
    this.incidents = watch.follow('incidents.v1');
    this.evidence = watch.follow('evidence.v1');
    this.#parts = parts;
    this.#limitMs = limitMs;
  }

  /** Nobody is there yet. @returns when the camera is watched. */
  static async start(options: DoorwayOptions = {}): Promise<Doorway> {
    const { site: more, env, prepare, bus, holdS = 1, limitMs } = options;
    await using parts = new AsyncDisposableStack();
    const camera = await startRtspServer({
      streams: [
        {
          path: '/gate',
          source: {
            kind: 'file',
            scenes: VISITOR,
            scene: 'empty',
            encode: { width: 640, height: 360, fps: 10, keyInt: 10, bitrateKbps: 1000 },
          },
        },
      ],
    });
    parts.defer(() => camera.stop());
    const site: SiteObject = {
      detect: { workers: 1 },
      cameras: { gate: { url: camera.url('/gate'), sampling: { active_fps: 5, width_px: 640 } } },
      rules: [{ id: 'anybody', type: 'zone_entry', classes: ['person'], hold_s: holdS, cool_down_s: 0 }],
      ...more,
    };
    const up = parts.use(await Up.start(site, env, (dir) => prepare?.(dir, site) ?? Promise.resolve()));
    const watch = await BusWatch.connect(up, bus);
    parts.defer(() => watch.close());
    const isWatched = async () => metricSum(await up.metrics(), 'camera_watched', { camera: 'gate' }) === 1;
    await until('the camera to be watched', isWatched, limitMs);
    return new Doorway(camera, up, watch, parts.move(), limitMs);
  }

  /** Somebody comes and goes. @param meanwhile between the two, with the incident open. @returns the incident, closed. */
  async visit(meanwhile: (id: string) => Promise<void> = async () => undefined): Promise<Incident> {
    const { camera, incidents } = this;
    const known = new Set(incidents.map(({ id }) => id));
    await camera.scene('/gate', 'person');
    const { id } = await until('an incident', () => incidents.find((one) => !known.has(one.id)), this.#limitMs);
    await meanwhile(id);
    await camera.scene('/gate', 'empty');
    return until(
      'it to be closed',
      () => incidents.find((one) => one.id === id && one.state === 'closed'),
      this.#limitMs,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}
