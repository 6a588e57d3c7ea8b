import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type CacheProvider, type Profile, SAML, ValidateInResponseTo } from '@node-saml/node-saml';
import { Config, type SamlSettings } from '#libs/config';
import { Clock, GatewayError } from '#libs/kernel';
import { Logger } from '#libs/telemetry';
import { refusal } from '../refusal.js';
import type { ExternalIdentity } from '../sso/external-identity.js';
import { SignInFlows } from '../sso/sign-in-flows.js';
import { identityOfAssertion } from './saml-identity.js';
import { fetchMetadata, readMetadata, type SamlProvider } from './saml-metadata.js';
import { assertPlainXml, assertStrongSignatures } from './saml-xml.js';

const CLOCK_SKEW_MS = 60_000;
/** Keys change; a provider that is away is believed for what it said last. */
const METADATA_TTL_MS = 3_600_000;
/** After it could not be read, the next one to sign in does not wait for it again. */
const METADATA_REST_MS = 10_000;
/** How long an answer nobody asked for is remembered, so that it comes in once. Longer than any is good for here. */
const SEEN_MS = 24 * 3_600_000;

/** Our own addresses, as the browser sees them. */
export interface SamlPlaces {
  readonly callbackUrl: string;
  readonly metadataUrl: string;
}

export interface SamlAnswer {
  readonly response: string;
  readonly relayState: string | undefined;
  readonly browserSecret: string | undefined;
}

export interface ProvenBySaml {
  readonly identity: ExternalIdentity;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Sign-in at a SAML 2.0 provider, from the redirect to who came back. Cookies, pages and sessions are others' business. */
@Injectable()
export class SamlSignIn {
  readonly #settings: SamlSettings | undefined;
  #known: { readonly provider: SamlProvider; readonly untilMs: number } | undefined;

  constructor(
    config: Config,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly flows: SignInFlows,
  ) {
    this.#settings = config.signIn.sso.saml;
  }

  get isConfigured(): boolean {
    return this.#settings !== undefined;
  }

  /** Where to send the browser, and the secret to send along in a cookie. `data` comes back with the person. Throws 404, 503. */
  async begin(
    places: SamlPlaces,
    data: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly location: string; readonly browserSecret: string }> {
    const saml = await this.#saml(places, undefined);
    const { browserSecret, state, nonce } = await this.flows.begin({ ...data, saml: places.callbackUrl });
    saml.options.generateUniqueId = () => requestIdOf(nonce);
    return { location: await saml.getAuthorizeUrlAsync(state, undefined, {}), browserSecret };
  }

  /**
   * Who came back. Throws 400 (`state`) for a browser that was not sent away from here, or comes a second time, and 401 for an answer
   * that is not signed, not for us, over, or another request's.
   */
  async complete(
    places: SamlPlaces,
    { response, relayState, browserSecret }: SamlAnswer,
  ): Promise<ProvenBySaml> {
    const settings = this.#configured();
    const flow =
      browserSecret === undefined || relayState === undefined
        ? undefined
        : await this.flows.take(browserSecret, relayState);
    const isAsked = flow !== undefined && flow.data['saml'] === places.callbackUrl;
    if (!isAsked && !settings.allowsUnsolicited) throw strangeAnswer();
    const xml = Buffer.from(response, 'base64').toString('utf8');
    assertPlainXml(xml);
    assertStrongSignatures(xml);
    const requestId = isAsked ? requestIdOf(flow.nonce) : undefined;
    const saml = await this.#saml(places, requestId);
    const profile = await this.#verified(saml, response);
    const { entityId } = await this.#provider();
    // The library asks for the issuer of logouts only.
    if (profile.issuer !== entityId)
      throw refusal('auth.token_invalid', 'the answer is of another identity provider.', 'saml');
    await this.#assertOnce(profile, places, requestId);
    return { identity: identityOfAssertion(profile, settings.attributes, entityId), data: flow?.data ?? {} };
  }

  /** What an identity provider has to know of us, as a document. */
  async metadata(places: SamlPlaces): Promise<string> {
    return (await this.#saml(places, undefined)).generateServiceProviderMetadata(null);
  }

  async #verified(saml: SAML, response: string): Promise<Profile> {
    try {
      const { profile, loggedOut } = await saml.validatePostResponseAsync({ SAMLResponse: response });
      if (profile !== null && !loggedOut) return profile;
    } catch (cause) {
      throw new GatewayError(
        'auth.token_invalid',
        'Authentication Error, the answer of the identity provider is not valid.',
        { param: 'saml', cause },
      );
    }
    throw refusal('auth.token_invalid', 'the identity provider did not sign you in.', 'saml');
  }

  /**
   * What only the signed assertion can say: that it was meant for this address, answers this request, and is used once. Its request
   * stands outside, too, where nothing is signed.
   */
  async #assertOnce(profile: Profile, places: SamlPlaces, requestId: string | undefined): Promise<void> {
    const { confirmations, id } = factsOf(profile);
    const isOurs = confirmations.some(
      ({ recipient, inResponseTo }) => recipient === places.callbackUrl && inResponseTo === requestId,
    );
    if (!isOurs)
      throw refusal(
        'auth.token_invalid',
        'the answer of the identity provider was meant for another sign-in.',
        'saml',
      );
    const isFirst = id !== undefined && (await this.flows.once(hash('sha256', `saml:${id}`), SEEN_MS));
    if (!isFirst)
      throw refusal('auth.token_invalid', 'the answer of the identity provider was used before.', 'saml');
  }

  async #saml(places: SamlPlaces, requestId: string | undefined): Promise<SAML> {
    const settings = this.#configured();
    const provider = await this.#provider();
    const entityId = settings.entityId ?? places.metadataUrl;
    return new SAML({
      idpCert: [...provider.certificates],
      idpIssuer: provider.entityId,
      entryPoint: provider.signInUrl,
      issuer: entityId,
      audience: entityId,
      callbackUrl: places.callbackUrl,
      identifierFormat: settings.nameIdFormat ?? null,
      wantAssertionsSigned: settings.wantsAssertionsSigned,
      wantAuthnResponseSigned: settings.wantsMessagesSigned,
      signatureAlgorithm: 'sha256',
      disableRequestedAuthnContext: true,
      acceptedClockSkewMs: CLOCK_SKEW_MS,
      validateInResponseTo:
        requestId === undefined ? ValidateInResponseTo.ifPresent : ValidateInResponseTo.always,
      cacheProvider: new OneRequest(requestId),
    });
  }

  async #provider(): Promise<SamlProvider> {
    const { metadata } = this.#configured();
    const nowMs = this.clock.nowMs();
    if (this.#known !== undefined && this.#known.untilMs > nowMs) return this.#known.provider;
    try {
      const provider = 'xml' in metadata ? readMetadata(metadata.xml) : await fetchMetadata(metadata.url);
      this.#known = { provider, untilMs: nowMs + METADATA_TTL_MS };
      return provider;
    } catch (thrown) {
      if (this.#known === undefined) throw thrown;
      this.logger.warn(
        { err: thrown },
        'The metadata of the SAML provider cannot be read; what it said last counts.',
      );
      this.#known = { ...this.#known, untilMs: nowMs + METADATA_REST_MS };
      return this.#known.provider;
    }
  }

  #configured(): SamlSettings {
    if (this.#settings) return this.#settings;
    const detail = 'SAML is not configured.';
    throw new GatewayError('request.not_found', detail, { detail });
  }
}

/** The one request that may be answered; the library asks it as it would ask a cache. */
class OneRequest implements CacheProvider {
  constructor(private readonly requestId: string | undefined) {}

  saveAsync = (): Promise<null> => Promise.resolve(null);
  removeAsync = (): Promise<null> => Promise.resolve(null);
  getAsync = (id: string): Promise<string | null> =>
    Promise.resolve(this.requestId !== undefined && id === this.requestId ? new Date().toISOString() : null);
}

/** A name in XML begins with no digit. */
function requestIdOf(nonce: string): string {
  return `_${nonce}`;
}

interface Attributes {
  readonly $?: Readonly<Record<string, string | undefined>>;
}

/** From the signed assertion, as the library parsed it. */
function factsOf(profile: Profile): {
  readonly id: string | undefined;
  readonly confirmations: readonly {
    readonly recipient: string | undefined;
    readonly inResponseTo: string | undefined;
  }[];
} {
  const { Assertion: assertion } = (profile.getAssertion?.() ?? {}) as {
    Assertion?: Attributes & {
      Subject?: readonly {
        SubjectConfirmation?: readonly { SubjectConfirmationData?: readonly Attributes[] }[];
      }[];
    };
  };
  const confirmations = (assertion?.Subject ?? [])
    .flatMap((subject) => subject.SubjectConfirmation ?? [])
    .flatMap((confirmation) => confirmation.SubjectConfirmationData ?? [])
    .map(({ $ }) => ({ recipient: $?.['Recipient'], inResponseTo: $?.['InResponseTo'] }));
  return { id: assertion?.$?.['ID'], confirmations };
}

/** One answer for every reason: which it was helps nobody but whoever tries. */
function strangeAnswer(): GatewayError {
  return new GatewayError(
    'request.invalid',
    'This sign-in was not begun in this browser, or it is over. Please sign in again.',
    { type: 'auth_error', param: 'state' },
  );
}
