import { randomUUID } from 'node:crypto';
import { connect } from 'mqtt';
import type { ChannelOf } from '../../../config/site_alerts.ts';
import { resolveSecret } from '../../../runtime/secrets.ts';
import type { Outcome } from '../post.ts';
import { authority, bounded, codeOf, failed, isTls } from './bounded.ts';
import type { Adapter } from './types.ts';
import { payload } from './webhook.ts';

/** One topic, QoS 1: delivered when the broker has acknowledged it. */
export function mqttAdapter(config: ChannelOf<'mqtt'>): Adapter {
  return {
    async deliver(sending, attempt) {
      const ca = await authority(config.ca_file);
      const username = config.username && (await resolveSecret(config.username));
      const password = config.password && (await resolveSecret(config.password));
      const { link, pictureLink } = sending;
      const links = { ...(link === null ? {} : { link }), ...(pictureLink === null ? {} : { picture: pictureLink }) };
      const value = JSON.stringify({ ...JSON.parse(payload(sending)), ...links });
      const begin = () => {
        const client = connect(config.url, {
          clientId: `banksman-${randomUUID().slice(0, 8)}`,
          ...(username === null ? {} : { username }),
          ...(password === null ? {} : { password }),
          ...ca,
          clean: true,
          reconnectPeriod: 0,
          // Longer than the attempt, which says itself when it is over.
          connectTimeout: attempt.timeoutMs + 1_000,
        });
        let acknowledged = false;
        const done = new Promise<void>((resolve, reject) => {
          client.on('error', reject);
          client.once('close', () => reject(new Error('closed')));
          client.once('connect', () => {
            client.publish(config.topic, value, { qos: 1 }, (error) => {
              if (error) return reject(error);
              acknowledged = true;
              resolve();
            });
          });
        });
        return { done: done.then((): Outcome => ({ kind: 'delivered' })), end: () => void client.end(!acknowledged) };
      };
      return bounded(attempt, begin, toOutcome);
    },
  };
}

/** Codes of a refused CONNECT (MQTT 3.1.1, 3.2.2.3) that are about who asks. */
const UNAUTHORIZED = new Set([2, 4, 5]);

function toOutcome(error: Error): Outcome {
  const code: unknown = Reflect.get(error, 'code');
  if (typeof code === 'number' && UNAUTHORIZED.has(code)) return failed('login', 'the broker refused the login');
  if (typeof code === 'number') return failed('unreachable', `the broker refused, code ${code}`);
  const said = codeOf(error);
  return isTls(said) ? failed('tls', `its certificate: ${said}`) : failed('unreachable', said);
}
