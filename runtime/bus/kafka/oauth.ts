import { asError, BanksmanError } from '../../errors.ts';
import type { SecretRef } from '../../messages/types.ts';
import { resolveSecret } from '../../secrets.ts';

export interface OAuthSettings {
  readonly token_url: string;
  readonly client_id: string;
  readonly client_secret: SecretRef;
  readonly scope: string | null;
}

const TIMEOUT_MS = 10_000;
/** Renewed when this share of its life is over. */
const RENEW_AT = 0.8;
/** Where a server does not say how long a token lives. */
const LIFE_S = 300;

/** A token by the client credentials grant (RFC 6749, section 4.4), kept while it lives. */
export class OAuthToken {
  readonly #settings: OAuthSettings;
  #token: { readonly text: string; readonly renewAt: number } | undefined;

  constructor(settings: OAuthSettings) {
    this.#settings = settings;
  }

  /** @throws BanksmanError BUS_UNAUTHORIZED when the server gives none; no secret is in it. */
  async get(): Promise<string> {
    if (this.#token && performance.now() < this.#token.renewAt) return this.#token.text;
    const { token_url, client_id, client_secret, scope } = this.#settings;
    const secret = await resolveSecret(client_secret);
    const body = new URLSearchParams({ grant_type: 'client_credentials', ...(scope !== null && { scope }) });
    const basic = Buffer.from(`${encodeURIComponent(client_id)}:${encodeURIComponent(secret)}`).toString('base64');
    const refused = (why: string): BanksmanError =>
      new BanksmanError('BUS_UNAUTHORIZED', { where: token_url, message: `no token: ${why}` });
    let response: Response;
    try {
      response = await fetch(token_url, {
        method: 'POST',
        headers: { authorization: `Basic ${basic}` },
        body,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (error) {
      throw refused(asError(error).message);
    }
    if (!response.ok) throw refused(`it answers ${response.status}`);
    const answer = (await response.json().catch(() => ({}))) as { access_token?: unknown; expires_in?: unknown };
    if (typeof answer.access_token !== 'string') throw refused('its answer holds none');
    const life = typeof answer.expires_in === 'number' ? answer.expires_in : LIFE_S;
    this.#token = { text: answer.access_token, renewAt: performance.now() + life * 1000 * RENEW_AT };
    return answer.access_token;
  }
}
