import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compileSite, publishSite } from '../config/compile.ts';
import { diffSites, type SiteDiff } from '../config/diff.ts';
import type { LoadedSite } from '../config/load.ts';
import type { KafkaSettings } from '../runtime/bus/kafka/settings.ts';
import { type DataDirLock, lockDataDir } from '../runtime/bus/local/lock.ts';
import { LocalBusServer } from '../runtime/bus/local/server.ts';
import { openBus } from '../runtime/bus/open.ts';
import type { Bus } from '../runtime/bus/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Slice } from '../runtime/exposition.ts';
import { AgentClocks } from '../runtime/fleet/clocks.ts';
import type { Logger } from '../runtime/log.ts';
import { reportProcess } from '../runtime/process_metrics.ts';
import { PrometheusMetrics } from '../runtime/prometheus.ts';
import { writeRefusedEdit } from '../runtime/refused_edit.ts';
import { MetricsServer } from './metrics_server.ts';
import { tellPrices } from './prices.ts';
import { type RoleCommand, RoleProcess } from './role_process.ts';
import { WatchedCameras } from './watched.ts';

/** Sinks first, ingest last: whoever receives is there before the first record. Stopped in reverse. */
export const ROLES = ['sink', 'process', 'console', 'ingest'] as const;
export type RoleName = (typeof ROLES)[number];

export interface SupervisorOptions {
  loaded: LoadedSite;
  version: string;
  /** How a role's process is started; the supervisor adds where the active configuration lies. */
  roleCommand: (role: RoleName) => { module: string; args: string[] };
  clock: Clock;
  log: Logger;
  onLine: (role: string, line: string) => void;
  onChange?: (role: string, up: boolean) => void;
  stopDeadlineMs?: number;
}

/** One machine: hosts the bus, publishes the configuration, runs the roles as child processes. */
export class Supervisor {
  readonly metrics = new PrometheusMetrics();
  readonly #options: SupervisorOptions;
  #loaded: LoadedSite;
  #lock: DataDirLock | undefined;
  #server: LocalBusServer | undefined;
  #bus: Bus | undefined;
  #watched: WatchedCameras | undefined;
  #clocks: AgentClocks | undefined;
  #metricsServer: MetricsServer | undefined;
  #stopReporting: (() => void) | undefined;
  readonly #roles = new Map<RoleName, RoleProcess>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#loaded = options.loaded;
  }

  get bus(): Bus {
    if (!this.#bus) throw new Error('not started');
    return this.#bus;
  }

  get loaded(): LoadedSite {
    return this.#loaded;
  }

  /** What listens where, for people. */
  addresses(): Record<string, string> {
    const all = Object.assign({}, ...[...this.#roles.values()].map((role) => role.addresses));
    return { ...all, ...(this.#metricsServer?.address ? { metrics: `${this.#metricsServer.address}/metrics` } : {}) };
  }

  pids(): Record<string, number | undefined> {
    return Object.fromEntries([...this.#roles.values()].map((role) => [role.role, role.pid]));
  }

  isWatched(camera: string): boolean {
    return this.#watched?.isWatched(camera) ?? false;
  }

  /**
   * @param signal ends starting early: what is up then is for `stop` to end.
   * @returns whether everything is up.
   * @throws BanksmanError DATA_DIR_LOCKED, DATA_DIR_UNUSABLE, PORT_TAKEN, or what a role failed with.
   *   Everything is stopped then.
   */
  async start(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#startGround();
      for (const role of ROLES) {
        if (signal.aborted) return false;
        await this.#startRole(role);
      }
      return true;
    } catch (error) {
      await this.stop();
      // Ctrl-C reaches the whole process group: a role that cannot answer it yet dies of it.
      if (signal.aborted) return false;
      throw error;
    }
  }

  async #startGround(): Promise<void> {
    const { clock, log, version } = this.#options;
    const { config } = this.#loaded;
    this.#lock = await lockDataDir(config.data_dir);
    this.#bus = config.bus.kafka ? await this.#joinFleet(config.bus.kafka) : await this.#hostBus();
    await this.#activate(this.#loaded);
    await writeRefusedEdit(config.data_dir, null);
    this.metrics.set('build_info', 1, { version, role: 'up' });
    this.metrics.set('config_last_reload_successful', 1);
    this.#stopReporting = reportProcess(this.metrics, 'up');

    this.#metricsServer = new MetricsServer({
      ...config.metrics,
      fleetToken: config.fleet.token,
      clock,
      collect: () => this.#collect(),
      ready: () => ROLES.every((role) => this.#roles.get(role)?.ready),
    });
    await this.#metricsServer.start();
    const deps = { bus: this.bus, site: config.site, clock, log };
    // Cameras of a fleet are on other machines as well.
    if (config.bus.kafka) this.#clocks = new AgentClocks(deps);
    await this.#clocks?.start();
    const clockOffsetMs = (camera: string): number => this.#clocks?.offsetMs(camera) ?? 0;
    this.#watched = new WatchedCameras({ ...deps, metrics: this.metrics, clockOffsetMs });
    await this.#watched.start();
  }

  async #hostBus(): Promise<Bus> {
    const { clock, log } = this.#options;
    const { data_dir, bus } = this.#loaded.config;
    this.#server = new LocalBusServer({
      dataDir: data_dir,
      frames: { maxBytes: bus.frames.max_bytes, maxAgeMs: bus.frames.max_age_s * 1000 },
      log,
      metrics: this.metrics,
      clock,
    });
    await this.#server.start();
    return this.#server.bus;
  }

  /** This machine's roles as a part of a fleet: the bus is a cluster's, which is waited for when it goes away. */
  #joinFleet(kafka: KafkaSettings): Promise<Bus> {
    const { log } = this.#options;
    return openBus({ type: 'kafka', kafka }, { clientId: 'banksman-up', log, onLost: () => undefined });
  }

  async #startRole(role: RoleName): Promise<void> {
    const { clock, log, onLine, onChange } = this.#options;
    const child = new RoleProcess({
      role,
      command: () => this.#command(role),
      clock,
      log,
      metrics: this.metrics,
      onLine,
      ...(onChange ? { onChange } : {}),
    });
    this.#roles.set(role, child);
    await child.start();
  }

  /**
   * Makes another configuration the active one: publishes what changed, restarts the roles whose own
   * sections changed, leaves the rest alone. @throws when a role does not come up with it; the
   * configuration before is then active again.
   */
  async apply(next: LoadedSite): Promise<SiteDiff> {
    const before = this.#loaded;
    const diff = diffSites(before.config, next.config);
    await this.#activate(next);
    try {
      for (const role of ROLES) if (diff.restarts.includes(role)) await this.#roles.get(role)?.restart();
    } catch (error) {
      await this.#activate(before);
      for (const role of ROLES) if (diff.restarts.includes(role)) await this.#roles.get(role)?.restart();
      throw error;
    }
    return diff;
  }

  /** Ingest first, then downstream in order, within one deadline. @returns whether all stopped by themselves. */
  async stop(): Promise<boolean> {
    const end = performance.now() + (this.#options.stopDeadlineMs ?? 10_000);
    let clean = true;
    for (const role of [...this.#roles.values()].reverse()) {
      clean = (await role.stop(Math.max(1_000, end - performance.now()))) && clean;
    }
    await this.#watched?.stop();
    await this.#clocks?.stop();
    await this.#metricsServer?.stop();
    this.#stopReporting?.();
    if (!this.#server) await this.#bus?.close().catch(() => undefined);
    await this.#server?.stop();
    await this.#lock?.release();
    return clean;
  }

  /** Ends everything at once, for a second Ctrl-C. What was committed stays. */
  kill(): void {
    for (const role of this.#roles.values()) role.kill();
  }

  async #activate(loaded: LoadedSite): Promise<void> {
    const dir = join(loaded.config.data_dir, 'run');
    await mkdir(dir, { recursive: true });
    const path = this.#activePath();
    await writeFile(`${path}.part`, JSON.stringify({ config: loaded.config, configHash: loaded.configHash }), {
      mode: 0o600,
    });
    await rename(`${path}.part`, path);
    await publishSite(this.bus, compileSite(loaded.config, loaded.configHash), { onlySite: true });
    this.metrics.remove('config_info', { hash: this.#loaded.configHash });
    this.metrics.set('config_info', 1, { hash: loaded.configHash });
    tellPrices(this.metrics, this.#loaded.config.prices, loaded.config.prices);
    this.#loaded = loaded;
  }

  #activePath(): string {
    return join(this.#options.loaded.config.data_dir, 'run', 'active.json');
  }

  #command(role: RoleName): RoleCommand {
    return { ...this.#options.roleCommand(role), env: { BANKSMAN_ACTIVE_CONFIG: this.#activePath() } };
  }

  async #collect(): Promise<Slice[][]> {
    const lag = await this.bus.lag();
    const byGroup = new Map<string, { group: string; topic: string; lag: number }>();
    for (const { group, topic, lag: records } of lag) {
      const sum = byGroup.get(`${group} ${topic}`) ?? { group, topic, lag: 0 };
      sum.lag += records;
      byGroup.set(`${group} ${topic}`, sum);
    }
    for (const { group, topic, lag: records } of byGroup.values()) {
      this.metrics.set('bus_lag_records', records, { group, topic });
    }
    const answers = await Promise.all([...this.#roles.values()].map((role) => role.metrics(2_000)));
    const own = await Array.fromAsync(this.metrics.slices());
    return [own, ...answers.filter((answer) => answer !== undefined)];
  }
}
