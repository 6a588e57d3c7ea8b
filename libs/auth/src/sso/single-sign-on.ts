import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { Clock, GatewayError } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import type { ExternalIdentity } from './external-identity.js';
import { OpenIdProvider } from './openid-provider.js';
import { printable } from './provider-refusals.js';
import { SignInFlows } from './sign-in-flows.js';

/** What a browser brings back, and the cookie it was sent away with. */
export interface CameBack {
  /** The redirect URI as it was registered, without a query. */
  readonly redirectUri: string;
  readonly query: URLSearchParams;
  readonly browserSecret: string | undefined;
}

export interface ProvenAtProvider {
  readonly identity: ExternalIdentity;
  /** What the sign-in was begun with. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** Sign-in at an OpenID provider, from the redirect to who came back. Cookies, pages and sessions are others' business. */
@Injectable()
export class SingleSignOn {
  readonly #provider: OpenIdProvider | undefined;

  constructor(
    config: Config,
    clock: Clock,
    logger: Logger,
    private readonly flows: SignInFlows,
  ) {
    const { sso } = config.signIn;
    this.#provider = sso.provider && new OpenIdProvider(sso.provider, sso, clock, logger);
  }

  /** Undefined: no OpenID provider is configured. */
  get provider(): 'google' | 'microsoft' | 'generic' | undefined {
    return this.#provider?.name;
  }

  /** Where to send the browser, and the secret to send along in a cookie. `data` comes back with the person. */
  async begin(
    redirectUri: string,
    data: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly location: URL; readonly browserSecret: string }> {
    const provider = this.#configured();
    // A provider that does not answer leaves no flow behind, however often people try.
    await provider.prepare();
    const { browserSecret, ...secrets } = await this.flows.begin({ ...data, redirectUri });
    return { location: await provider.authorizationUrl(redirectUri, secrets), browserSecret };
  }

  /**
   * Who came back. Throws 400 (`state`) for a browser that was not sent away from here, comes a second time or too late, 401 for whatever
   * the provider says that is not right, 503 when it cannot be asked.
   */
  async complete({ redirectUri, query, browserSecret }: CameBack): Promise<ProvenAtProvider> {
    const provider = this.#configured();
    const [state, ...otherStates] = query.getAll('state');
    if (browserSecret === undefined || state === undefined || otherStates.length > 0) throw strangeState();
    const flow = await this.flows.take(browserSecret, state);
    if (flow === undefined || flow.data['redirectUri'] !== redirectUri) throw strangeState();
    const error = query.get('error');
    if (error !== null) {
      const detail = `OAuth error: ${printable(error)}`;
      throw new GatewayError('auth.token_invalid', detail, { param: 'oauth', detail });
    }
    const callback = new URL(redirectUri);
    callback.search = query.toString();
    return { identity: await provider.identityFrom(callback, flow), data: flow.data };
  }

  #configured(): OpenIdProvider {
    if (this.#provider) return this.#provider;
    throw new GatewayError('request.not_found', 'Single sign-on is not configured.', {
      detail: 'Single sign-on is not configured.',
    });
  }
}

/** One answer for every reason: which it was helps nobody but whoever tries. */
function strangeState(): GatewayError {
  return new GatewayError(
    'request.invalid',
    'This sign-in was not begun in this browser, or it is over. Please sign in again.',
    { type: 'auth_error', param: 'state' },
  );
}
