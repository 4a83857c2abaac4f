/** Every kind of channel. Loaded when it is wanted: the clients of SMTP and MQTT are large. */
import type { ChannelConfig, ChannelOf, ChannelType } from '../../../config/site_alerts.ts';
import { asError, BanksmanError } from '../../../runtime/errors.ts';
import { failed } from './bounded.ts';
import type { Adapter } from './types.ts';

const MAKE: { [T in ChannelType]: (config: ChannelOf<T>) => Promise<Adapter> } = {
  webhook: async (config) => (await import('./webhook.ts')).webhookAdapter(config),
  email: async (config) => (await import('./email.ts')).emailAdapter(config),
  slack: async (config) => (await import('./slack.ts')).slackAdapter(config),
  teams: async (config) => (await import('./teams.ts')).teamsAdapter(config),
  telegram: async (config) => (await import('./telegram.ts')).telegramAdapter(config),
  ntfy: async (config) => (await import('./ntfy.ts')).ntfyAdapter(config),
  mqtt: async (config) => (await import('./mqtt.ts')).mqttAdapter(config),
  alertmanager: async (config) => (await import('./alertmanager.ts')).alertmanagerAdapter(config),
  grafana: async (config) => (await import('./grafana.ts')).grafanaAdapter(config),
};

export const CHANNEL_TYPES = Object.keys(MAKE) as readonly ChannelType[];

/** Never rejects when it delivers: what cannot be read is a failure like others, and mended without a restart. */
export async function makeAdapter(config: ChannelConfig): Promise<Adapter> {
  const adapter = await make(config);
  return {
    async deliver(sending, attempt) {
      try {
        return await adapter.deliver(sending, attempt);
      } catch (thrown) {
        const error = asError(thrown);
        if (error instanceof BanksmanError) {
          // The error names the reference, not the value.
          return failed(error.code === 'CONFIG_SECRET_MISSING' ? 'secret' : 'configuration', error.message);
        }
        return failed('internal', `${error.name} in banksman`);
      }
    },
  };
}

function make<T extends ChannelType>(config: ChannelOf<T>): Promise<Adapter> {
  return MAKE[config.type as T](config);
}
