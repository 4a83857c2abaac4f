import type { AlertsConfig } from '../../config/site_alerts.ts';
import type { Clock } from '../../runtime/clock.ts';
import { asError, BanksmanError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { Trouble } from '../trouble.ts';
import { secretUrl } from './channels/texts.ts';
import { post } from './post.ts';

export interface HeartbeatOptions {
  config: NonNullable<AlertsConfig['heartbeat']>;
  clock: Clock;
  metrics: Metrics;
  log: Logger;
  version: string;
  /** Throws where messages cannot be kept now: then nothing is said, and the silence is the alarm. */
  check: () => void;
}

const LONGEST_MS = 30_000;

/** Tells somebody elsewhere that alerts can be taken and kept: a dead-man's switch. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #trouble: Trouble;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#trouble = new Trouble(options.log, 'the heartbeat');
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { clock, config, metrics } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const result = await this.#beat();
      if (!signal.aborted) metrics.inc('alerts_heartbeats_total', { result });
      await clock.sleep(config.every_s * 1000, signal);
    }
  }

  async #beat(): Promise<'sent' | 'failed' | 'withheld'> {
    const { config, clock, version, check } = this.#options;
    const timeoutMs = Math.min(LONGEST_MS, config.every_s * 1000);
    try {
      check();
    } catch (error) {
      this.#trouble.begin(codeOf(error), { err: asError(error) });
      return 'withheld';
    }
    try {
      const url = 'text' in config.url ? config.url.text : await secretUrl(config.url);
      const headers = { 'User-Agent': `banksman/${version}` };
      const { signal } = this.#stopping;
      const outcome = await post({ url, method: config.method, headers, body: '', timeoutMs, clock, signal });
      if (outcome.kind === 'delivered') this.#trouble.end();
      else if (outcome.kind !== 'abandoned') this.#trouble.begin('ALERT_FAILED', { reason: outcome.detail });
      return outcome.kind === 'delivered' ? 'sent' : 'failed';
    } catch (error) {
      this.#trouble.begin(codeOf(error), { err: asError(error) });
      return 'failed';
    }
  }
}

function codeOf(error: unknown): string {
  return error instanceof BanksmanError ? error.code : 'INTERNAL';
}
