import { isHttpUrl, urlHoldsSecret } from '../config/urls.ts';
import { MediaServer } from '../ingest/media/server.ts';
import { BanksmanError } from '../runtime/errors.ts';
import { ownBind } from './own_bind.ts';
import type { RoleContext } from './role.ts';

/** Agents of a fleet may share a site file: what is each one's own comes from its environment. */
const BIND = 'BANKSMAN_MEDIA_BIND';
const ADVERTISE = 'BANKSMAN_MEDIA_ADVERTISE';

/** @throws BanksmanError USAGE for an address in the environment that is none. */
export function ownMedia({
  active,
  clock,
  metrics,
  log,
}: Pick<RoleContext, 'active' | 'clock' | 'metrics' | 'log'>): MediaServer {
  const { media, fleet } = active.config;
  const { [ADVERTISE]: advertise = media.advertise } = process.env;
  const bind = ownBind(BIND) ?? media.bind;
  if (advertise !== null && (urlHoldsSecret(advertise) || !isHttpUrl(advertise))) {
    const mend = 'Write it as http://10.0.0.5:9465, without a login: everybody may read it.';
    throw new BanksmanError('USAGE', { where: ADVERTISE, message: 'this is not an http:// or https:// address', mend });
  }
  return new MediaServer({ bind, advertise, fleetToken: fleet.token, clock, metrics, log });
}
