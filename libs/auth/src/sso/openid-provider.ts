import { decodeJwt } from 'jose';
import * as client from 'openid-client';
import type { SsoProvider, SsoSettings } from '#libs/config';
import { type Clock, GatewayError } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import type { Claims } from '../jwt/claims.js';
import { providerUnavailable } from '../jwt/identity-provider.js';
import type { ExternalIdentity, ExternalTeam } from './external-identity.js';
import { identityOfClaims } from './identity-of-claims.js';
import { groupsFromGraph } from './microsoft-graph.js';
import { issuerOf } from './provider-issuer.js';
import { refusalFrom } from './provider-refusals.js';
import type { FlowSecrets } from './sign-in-flows.js';

/** Discovery documents change when a provider moves; keys are looked after by the library. */
const DISCOVERY_MS = 3_600_000;
const TIMEOUT_S = 10;
/** Between two attempts at a provider that does not answer, whatever the number of people at the door. */
const PAUSE_MS = 1_000;

/**
 * The OpenID provider people sign in at: authorization code with PKCE, state and nonce, always, and an id token whose signature,
 * issuer, audience, time and nonce are right.
 */
export class OpenIdProvider {
  #known: { readonly asked: Promise<client.Configuration>; readonly atMs: number } | undefined;

  constructor(
    private readonly provider: SsoProvider,
    private readonly settings: SsoSettings,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  get name(): SsoProvider['name'] {
    return this.provider.name;
  }

  /** Reads the discovery document when it is not known. Throws 500 for settings that are missing, 503 when the provider does not answer. */
  async prepare(): Promise<void> {
    await this.#configuration();
  }

  /** Where the browser goes. Throws as `prepare` does. */
  async authorizationUrl(redirectUri: string, { state, nonce, verifier }: FlowSecrets): Promise<URL> {
    const configuration = await this.#configuration();
    return client.buildAuthorizationUrl(configuration, {
      redirect_uri: redirectUri,
      scope: this.provider.scope,
      response_type: 'code',
      state,
      nonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
  }

  /** Who came back. `callback` is the redirect URI with the query it was called with. Throws 401 for whatever is not right, 503 for an outage. */
  async identityFrom(callback: URL, { state, nonce, verifier }: FlowSecrets): Promise<ExternalIdentity> {
    const configuration = await this.#configuration();
    try {
      const tokens = await client.authorizationCodeGrant(configuration, callback, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      });
      const idClaims = tokens.claims();
      if (idClaims === undefined) throw new Error('the id token has no claims');
      const info = await this.#userInfo(configuration, tokens.access_token, idClaims.sub);
      const graphTeams = await this.#graphTeams(tokens.access_token);
      return identityOfClaims(
        {
          issuer: idClaims.iss,
          subject: idClaims.sub,
          claims: { ...idClaims, ...withoutNulls(info) },
          accessClaims: readableClaims(tokens.access_token),
          graphTeams,
        },
        this.provider,
        this.settings,
      );
    } catch (thrown) {
      throw refusalFrom(thrown, configuration.serverMetadata().issuer);
    }
  }

  /** Graph's user is no OpenID UserInfo: it has no subject, and what connects it to the id token is the access token alone. */
  async #userInfo(
    configuration: client.Configuration,
    accessToken: string,
    subject: string,
  ): Promise<Claims> {
    const { userInfoEndpoint, graph } = this.provider;
    if (graph && userInfoEndpoint !== undefined) {
      const response = await client.fetchProtectedResource(
        configuration,
        accessToken,
        new URL(userInfoEndpoint),
        'GET',
      );
      if (!response.ok) throw new Error(`the user endpoint answers ${response.status}`);
      return (await response.json()) as Claims;
    }
    if (configuration.serverMetadata().userinfo_endpoint === undefined) return {};
    return client.fetchUserInfo(configuration, accessToken, subject);
  }

  /** Groups that cannot be learnt keep nobody out, and change no membership; `ui_access_mode` then finds the group missing. */
  async #graphTeams(accessToken: string): Promise<readonly ExternalTeam[] | 'unknown' | undefined> {
    const { graph } = this.provider;
    if (!graph) return undefined;
    try {
      return await groupsFromGraph(graph, accessToken);
    } catch (error) {
      this.logger.warn({ error }, 'Microsoft Graph tells no groups; this sign-in goes on without them.');
      return 'unknown';
    }
  }

  #configuration(): Promise<client.Configuration> {
    const [missing] = this.provider.missing;
    if (missing !== undefined)
      throw new GatewayError('internal.unexpected', `${missing} is not set. Nobody can sign in without it.`, {
        type: 'auth_error',
        param: missing,
      });
    const nowMs = this.clock.monotonicMs();
    if (this.#known && nowMs - this.#known.atMs < DISCOVERY_MS) return this.#known.asked;
    const asked = this.#discover();
    const known = { asked, atMs: nowMs };
    this.#known = known;
    // A failure is told to those who wait, and asked again by whoever comes a moment later.
    asked.catch(() => {
      if (this.#known === known) this.#known = { asked, atMs: nowMs - DISCOVERY_MS + PAUSE_MS };
    });
    return asked;
  }

  async #discover(): Promise<client.Configuration> {
    const { clientId, clientSecret, secretIn, authorizationEndpoint, tokenEndpoint, userInfoEndpoint } =
      this.provider;
    const issuer = await issuerOf(this.provider);
    const secret = clientSecret?.reveal();
    const authentication =
      secret === undefined
        ? client.None()
        : secretIn === 'form'
          ? client.ClientSecretPost(secret)
          : client.ClientSecretBasic(secret);
    const isLocal = issuer.protocol === 'http:';
    const options = {
      timeout: TIMEOUT_S,
      // `http:` gets here for addresses of this machine only; the configuration refuses others.
      execute: isLocal ? [client.allowInsecureRequests] : [],
      [client.customFetch]: this.#fetch,
    };
    let found: client.Configuration;
    try {
      found = await client.discovery(issuer, clientId, undefined, client.None(), options);
    } catch (thrown) {
      throw providerUnavailable(issuer.href, 'its discovery document cannot be read', thrown);
    }
    const { supportsPKCE: _, ...metadata } = found.serverMetadata();
    const server = {
      ...metadata,
      ...(authorizationEndpoint === undefined ? {} : { authorization_endpoint: authorizationEndpoint }),
      ...(tokenEndpoint === undefined ? {} : { token_endpoint: tokenEndpoint }),
      ...(userInfoEndpoint === undefined ? {} : { userinfo_endpoint: userInfoEndpoint }),
    };
    const configuration = new client.Configuration(server, clientId, undefined, authentication);
    configuration.timeout = TIMEOUT_S;
    configuration[client.customFetch] = this.#fetch;
    if (isLocal) client.allowInsecureRequests(configuration);
    // The library trusts the token endpoint's connection; a signature is better than a connection.
    client.enableNonRepudiationChecks(configuration);
    return configuration;
  }

  readonly #fetch: client.CustomFetch = (url, { headers, ...options }) => {
    const own = Object.entries(this.provider.headers).map(([name, value]) => [name, value.reveal()]);
    return fetch(url, {
      ...(options as RequestInit),
      headers: { ...headers, ...(Object.fromEntries(own) as Record<string, string>) },
    });
  };
}

/** The access token as the provider handed it over, on its own connection; it is for others, so a text that is no JWT says nothing. */
function readableClaims(accessToken: string): Claims {
  try {
    return decodeJwt(accessToken);
  } catch {
    return {};
  }
}

function withoutNulls(claims: Claims): Claims {
  return Object.fromEntries(
    Object.entries(claims).filter(([, value]) => value !== null && value !== undefined),
  );
}
