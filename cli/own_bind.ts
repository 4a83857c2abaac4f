import { type Bind, listedBind } from '../config/formats.ts';
import { BanksmanError } from '../runtime/errors.ts';

/**
 * The address that a role has from its environment, because it shares a site file with others; undefined where it has none.
 * @throws BanksmanError USAGE for what is no address.
 */
export function ownBind(variable: string): Bind | undefined {
  const given = process.env[variable];
  if (given === undefined) return undefined;
  const bind = listedBind(given);
  if (bind) return bind;
  const mend = 'Write it as 127.0.0.1:9465; port 0 is any that is free.';
  throw new BanksmanError('USAGE', { where: variable, message: 'this is not HOST:PORT', mend });
}
