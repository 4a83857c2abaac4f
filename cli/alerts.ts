/** `banksman alerts …`: whether channels work, and what was given up once more. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ChannelConfig, webhookChannel } from '../config/site_alerts.ts';
import { systemClock } from '../runtime/clock.ts';
import { unknownName } from './names.ts';
import { loadOrThrow } from './role.ts';
import { VERSION } from './version.ts';

export interface AlertsOptions {
  config: string;
  /** Default: all. */
  channel?: string;
  json?: boolean;
}

async function channelsOf({ config: path, channel }: AlertsOptions) {
  const { config } = await loadOrThrow(path);
  const all: ChannelConfig[] = [...config.alerts.webhooks.map(webhookChannel), ...config.alerts.channels];
  if (channel === undefined) return { config, channels: all };
  const channels = all.filter(({ id }) => id === channel);
  const ids = all.map(({ id }) => id);
  if (channels.length === 0) throw unknownName('--channel', 'channel', channel, ids);
  return { config, channels };
}

/** By reason of an outcome. */
const MENDS: Readonly<Record<string, string>> = {
  unreachable: 'Nobody takes a connection there: check host, port and TLS, and that the server runs.',
  timeout: 'It does not answer: check the address, the firewall, and timeout_s.',
  secret: 'Set it where this command and the sink run, and try again.',
  configuration: 'Put that file where this command and the sink run, or mend its path in the site file.',
  tls: 'Name the authority that signed its certificate in ca_file, and the server as its certificate does; check tls and the port.',
  smtp_login: 'Check username and password; many providers want a password for apps here.',
  login: 'Check username and password, and that this account may publish to the topic.',
  smtp_5xx: 'The server does not want this: check from, to, and whether the account may send as from.',
  http_4xx: 'It does not want this: check address, token, topic or chat of the channel.',
  invalid: 'The address or the token of the channel cannot be sent: mend it in the site file or in the secret.',
  unreadable: 'Something else answers there: check the address, and that no login page or proxy is in front.',
};

export function mendOf(reason: string): string {
  return MENDS[reason] ?? 'See the log of the server; banksman tries such again for 24 hours.';
}

/** Sends a test over each channel from this process, with its environment. @returns 1 where one does not work. */
export async function test(options: AlertsOptions): Promise<number> {
  const { config, channels } = await channelsOf(options);
  const { tryOut } = await import('../sinks/alerts/try_out.ts');
  const { site, alerts, cameras } = config;
  const about = { site, camera: Object.keys(cameras)[0] ?? 'test', version: VERSION, consoleUrl: alerts.console_url };
  const results = await Promise.all(
    channels.map(async (channel) => {
      const outcome = await tryOut(channel, { ...about, clock: systemClock });
      const fault = outcome.kind === 'delivered' ? outcome.left : outcome;
      const detail = fault && 'detail' in fault ? fault.detail : null;
      const mend = fault && 'reason' in fault ? mendOf(fault.reason) : null;
      return { channel: channel.id, type: channel.type, ok: fault === undefined, detail, mend };
    }),
  );
  if (options.json) write(JSON.stringify(results));
  else if (results.length === 0) write('there is no channel: alerts.channels and alerts.webhooks are empty');
  else {
    for (const { channel, type, ok, detail, mend } of results)
      write(ok ? `ok      ${channel} (${type})` : `failed  ${channel} (${type}): ${detail}\n          ${mend}`);
  }
  return results.every(({ ok }) => ok) ? 0 : 1;
}

/** What was given up waits again, in the outbox of this machine; its sink takes it from there. @returns 0 */
export async function redeliver(options: AlertsOptions): Promise<number> {
  const { config, channels } = await channelsOf(options);
  const { OUTBOX_FILE } = await import('../sinks/alerts/outbox_schema.ts');
  const counts: { channel: string; messages: number }[] = [];
  // Without a file nothing was ever sent here, and none is made.
  if (existsSync(join(config.data_dir, OUTBOX_FILE))) {
    const { Outbox } = await import('../sinks/alerts/outbox.ts');
    const outbox = new Outbox(config.data_dir, { maxPending: Number.POSITIVE_INFINITY });
    try {
      for (const { id } of channels) {
        const messages = outbox.redeliver(id, systemClock.now());
        if (messages > 0) counts.push({ channel: id, messages });
      }
    } finally {
      outbox.close();
    }
  }
  if (options.json) write(JSON.stringify(counts));
  else if (counts.length === 0) write('nothing was given up');
  for (const { channel, messages } of options.json ? [] : counts)
    write(`${channel}: ${messages} ${messages === 1 ? 'message' : 'messages'} will be tried again within a minute`);
  return 0;
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}
