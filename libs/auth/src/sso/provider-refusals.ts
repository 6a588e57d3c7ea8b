import {
  AuthorizationResponseError,
  ClientError,
  ResponseBodyError,
  WWWAuthenticateChallengeError,
} from 'openid-client';
import { GatewayError } from '#libs/kernel';
import { providerUnavailable } from '../jwt/identity-provider.js';

/** Failures that say nothing about the person in front of the browser. */
const OUTAGES: ReadonlySet<string> = new Set([
  'OAUTH_TIMEOUT',
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_RESPONSE_IS_NOT_JSON',
]);

/** What went wrong at the provider, as a refusal of ours: an outage is 503, everything else 401. Its own words are for the log. */
export function refusalFrom(thrown: unknown, issuer: string): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  if (thrown instanceof ResponseBodyError && thrown.status < 500)
    return refused('the identity provider does not accept this sign-in', 'token_exchange', thrown);
  if (thrown instanceof AuthorizationResponseError)
    return refused(`OAuth error: ${printable(thrown.error)}`, 'oauth', thrown);
  if (thrown instanceof WWWAuthenticateChallengeError)
    return refused('the identity provider tells nothing about this account', 'userinfo', thrown);
  if (thrown instanceof ClientError && !OUTAGES.has(thrown.code ?? ''))
    return refused('what the identity provider answered is not valid', 'id_token', thrown);
  return providerUnavailable(issuer, 'it does not answer as it should', thrown);
}

/** An OAuth error code as it may be shown: whoever made the link chose it. */
export function printable(code: string): string {
  return /^[a-z_]{1,60}$/.test(code) ? code : 'unknown';
}

function refused(why: string, param: string, cause: unknown): GatewayError {
  return new GatewayError('auth.token_invalid', `Authentication Error, ${why}.`, { param, cause });
}
