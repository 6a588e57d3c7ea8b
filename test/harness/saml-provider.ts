import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inflateRawSync } from 'node:zlib';
import samlp from 'samlp';
import { makeCertificate, type TestCertificate } from './certificates.js';

/** What an answer says; what a test leaves out is as the request wants it. */
export interface SamlAnswerFacts {
  readonly requestId?: string | undefined;
  readonly recipient: string;
  readonly audience: string;
  readonly email?: string | null;
  readonly nameId?: string;
  readonly nameIdFormat?: string;
  readonly attributes?: Readonly<Record<string, string | readonly string[]>>;
  readonly issuer?: string;
  readonly lifetimeInSeconds?: number;
  readonly signatureAlgorithm?: 'rsa-sha1' | 'rsa-sha256';
  readonly signResponse?: boolean;
  readonly signAssertion?: boolean;
  /** Signs with a key that the metadata does not name. */
  readonly stranger?: boolean;
}

/** A SAML 2.0 identity provider over real HTTP (`samlp`): metadata, and a sign-in page that posts its answer back. Everybody is `account`. */
export class SamlProvider {
  readonly #server: Server;
  #port = 0;
  readonly #own: TestCertificate = makeCertificate('idp.test', 'rsa');
  readonly #strange: TestCertificate = makeCertificate('idp.test', 'rsa');
  account: Pick<SamlAnswerFacts, 'email' | 'nameId' | 'attributes'> = { email: 'ann@my-co.test' };

  private constructor() {
    this.#server = createServer((request, response) => {
      const url = new URL(request.url ?? '/', this.url);
      if (url.pathname === '/metadata') {
        response.writeHead(200, { 'content-type': 'application/samlmetadata+xml' }).end(this.metadata());
        return;
      }
      void this.#signIn(url).then(
        (page) => response.writeHead(200, { 'content-type': 'text/html' }).end(page),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
  }

  static async start(): Promise<SamlProvider> {
    const provider = new SamlProvider();
    await new Promise<void>((resolve) => provider.#server.listen(0, '127.0.0.1', resolve));
    provider.#port = (provider.#server.address() as AddressInfo).port;
    return provider;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.closeAllConnections();
      this.#server.close(() => resolve());
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get entityId(): string {
    return `${this.url}/metadata`;
  }

  metadata(): string {
    const certificate = this.#own.cert.replace(/-----[^-]+-----|\s/g, '');
    return `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="${this.entityId}">
<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>${certificate}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="${this.url}/sign-in"/></IDPSSODescriptor></EntityDescriptor>`;
  }

  /** A response, as XML. */
  answer(facts: SamlAnswerFacts): Promise<string> {
    const { cert, key } = facts.stranger ? this.#strange : this.#own;
    const email = facts.email === undefined ? 'ann@my-co.test' : facts.email;
    const claims = { ...(email === null ? {} : { email }), ...facts.attributes };
    const nameIdentifier = facts.nameId ?? 'ann';
    const options = {
      issuer: facts.issuer ?? this.entityId,
      cert,
      key,
      audience: facts.audience,
      recipient: facts.recipient,
      destination: facts.recipient,
      inResponseTo: facts.requestId,
      lifetimeInSeconds: facts.lifetimeInSeconds ?? 300,
      signatureAlgorithm: facts.signatureAlgorithm ?? 'rsa-sha256',
      digestAlgorithm: facts.signatureAlgorithm === 'rsa-sha1' ? 'sha1' : 'sha256',
      signResponse: facts.signResponse ?? false,
      signAssertion: facts.signAssertion ?? true,
      profileMapper: () => ({
        getClaims: () => claims,
        getNameIdentifier: () => ({ nameIdentifier, nameIdentifierFormat: facts.nameIdFormat }),
      }),
      getPostURL: () => undefined,
    };
    return new Promise((resolve, reject) => {
      samlp.getSamlResponse(options as never, {}, (error: unknown, xml: string) =>
        error ? reject(error instanceof Error ? error : new Error(String(error))) : resolve(xml),
      );
    });
  }

  /** What a browser is sent away with, as this provider reads it. */
  static requestIn(location: string): { id: string; callback: string; issuer: string; relayState: string } {
    const query = new URL(location).searchParams;
    const xml = inflateRawSync(Buffer.from(query.get('SAMLRequest') ?? '', 'base64')).toString('utf8');
    const attribute = (name: string): string => new RegExp(` ${name}="([^"]*)"`).exec(xml)?.[1] ?? '';
    return {
      id: attribute('ID'),
      callback: attribute('AssertionConsumerServiceURL'),
      issuer: /<saml:Issuer[^>]*>([^<]*)</.exec(xml)?.[1] ?? '',
      relayState: query.get('RelayState') ?? '',
    };
  }

  async #signIn(url: URL): Promise<string> {
    const { id, callback, issuer, relayState } = SamlProvider.requestIn(url.href);
    const xml = await this.answer({ ...this.account, requestId: id, recipient: callback, audience: issuer });
    const response = Buffer.from(xml).toString('base64');
    return `<form method="post" action="${callback}"><input type="hidden" name="SAMLResponse" value="${response}"><input type="hidden" name="RelayState" value="${relayState}"></form>`;
  }
}
