import { listedBind } from '../config/formats.ts';
import { isHttpUrl, urlHoldsSecret } from '../config/urls.ts';
import { MediaServer } from '../ingest/media/server.ts';
import { BanksmanError } from '../runtime/errors.ts';
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
  const { [BIND]: givenBind, [ADVERTISE]: advertise = media.advertise } = process.env;
  const bind = givenBind === undefined ? media.bind : listedBind(givenBind);
  if (!bind) {
    const mend = 'Write it as 127.0.0.1:9465; port 0 is any that is free.';
    throw new BanksmanError('USAGE', { where: BIND, message: 'this is not HOST:PORT', mend });
  }
  if (advertise !== null && (urlHoldsSecret(advertise) || !isHttpUrl(advertise))) {
    const mend = 'Write it as http://10.0.0.5:9465, without a login: everybody may read it.';
    throw new BanksmanError('USAGE', { where: ADVERTISE, message: 'this is not an http:// or https:// address', mend });
  }
  return new MediaServer({ bind, advertise, fleetToken: fleet.token, clock, metrics, log });
}
