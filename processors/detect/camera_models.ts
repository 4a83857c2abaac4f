import type { ModelManifest } from '../../models/manifest.ts';
import type { ModelRegistry } from '../../models/registry.ts';
import type { Bus, Message, Table } from '../../runtime/bus/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { asError, BanksmanError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { parseMessage } from '../../runtime/messages/schemas.ts';
import type { DetectorPool } from './pool.ts';
import type { ModelFile } from './protocol.ts';

const RETRY_MS = 10_000;

/** Which model each camera is looked at with, by `cameras.v1`; brings new ones into the pool while it runs. */
export class CameraModels {
  readonly #registry: ModelRegistry;
  readonly #default: string;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #table: Table;
  /** By key `site/camera`. */
  readonly #byCamera = new Map<string, string>();
  /** Models that could not be used, and when to try them again (monotonic). */
  readonly #retryAt = new Map<string, number>();

  constructor(deps: { bus: Bus; log: Logger; clock: Clock }, registry: ModelRegistry, defaultModel: string) {
    this.#registry = registry;
    this.#default = defaultModel;
    this.#log = deps.log;
    this.#clock = deps.clock;
    this.#table = deps.bus.table('cameras.v1');
  }

  /**
   * Reads the table.
   * @returns the models in use, the default one where there is no camera yet
   * @throws BanksmanError MODEL_UNKNOWN naming the camera
   */
  async start(): Promise<ModelFile[]> {
    await this.#table.start();
    for (const [, message] of this.#table.entries()) this.#read(message);
    const used = new Set(this.#byCamera.values());
    if (used.size === 0) used.add(this.#default);
    return [...used].map((id) => this.#file(id));
  }

  /** Follows the table: a camera's new model is loaded before its next frame, or its frames are shed. */
  follow(pool: DetectorPool): void {
    this.#table.onChange((message) => {
      this.#read(message);
      const id = this.#byCamera.get(message.key);
      if (id !== undefined) void this.load(pool, id);
    });
  }

  /** Never throws; a model that cannot be used is said, and tried again after a while. */
  async load(pool: DetectorPool, id: string): Promise<void> {
    if (pool.has(id) || this.#clock.monotonic() < (this.#retryAt.get(id) ?? 0)) return;
    this.#retryAt.set(id, this.#clock.monotonic() + RETRY_MS);
    try {
      await pool.add(this.#file(id));
      this.#log.info({ model: id }, 'model loaded');
    } catch (error) {
      const code = error instanceof BanksmanError ? error.code : undefined;
      this.#log.error({ code, model: id }, `a model cannot be used: ${asError(error).message}`);
    }
  }

  /** @param key `site/camera` */
  modelOf(key: string): string {
    return this.#byCamera.get(key) ?? this.#default;
  }

  manifest(id: string): ModelManifest | undefined {
    return this.#registry.manifests.find((manifest) => manifest.id === id);
  }

  stop(): Promise<void> {
    return this.#table.stop();
  }

  #read(message: Message): void {
    if (message.value === null) {
      this.#byCamera.delete(message.key);
      return;
    }
    try {
      this.#byCamera.set(message.key, parseMessage('cameras.v1', message).model);
    } catch (error) {
      this.#log.error({ key: message.key }, `a camera's record is not valid: ${asError(error).message}`);
    }
  }

  #file(id: string): ModelFile {
    const manifest = this.#registry.get(id);
    return { manifest, path: this.#registry.weightsPath(manifest) };
  }
}
