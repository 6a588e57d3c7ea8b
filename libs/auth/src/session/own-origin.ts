import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import type { CredentialFacts } from '../credential.js';
import { headersOf } from '../sent-headers.js';
import { TrustedPeers } from './trusted-peers.js';

/**
 * Under which address people see this product: `PROXY_BASE_URL`, else what the request says, where proxies count only when they
 * are trusted. A wrong answer would send people, codes or cookies to strangers.
 */
@Injectable()
export class OwnOrigin {
  readonly #trusted: TrustedPeers;
  readonly #base: string | undefined;
  readonly #rootPath: string;
  readonly #others: ReadonlySet<string>;

  constructor(config: Config) {
    const { baseUrl, controlPlaneUrl } = config.signIn.browser;
    this.#trusted = new TrustedPeers(config.network.trustedProxyRanges);
    this.#base = baseUrl === undefined ? undefined : new URL(baseUrl).origin;
    this.#rootPath = config.server.rootPath;
    const { corsOrigins, corsAllowCredentials } = config.server;
    this.#others = new Set([
      ...(corsAllowCredentials ? corsOrigins.filter((origin) => origin !== '*') : []),
      ...(controlPlaneUrl === undefined ? [] : [new URL(controlPlaneUrl).origin]),
    ]);
  }

  /** Whether the person's browser speaks TLS, to us or to a trusted proxy that says so. */
  isSecure(facts: CredentialFacts): boolean {
    if (facts.socket?.encrypted === true) return true;
    if (this.#base !== undefined) return this.#base.startsWith('https:');
    return this.#trusted.saidBy(facts, 'x-forwarded-proto') === 'https';
  }

  /** `https://gateway.example.com`, without a slash at its end. */
  of(facts: CredentialFacts): string {
    if (this.#base !== undefined) return this.#base;
    const host = this.#trusted.saidBy(facts, 'x-forwarded-host') ?? headersOf(facts, 'host')[0] ?? '';
    return `${this.isSecure(facts) ? 'https' : 'http'}://${host.toLowerCase()}`;
  }

  /** The same with `SERVER_ROOT_PATH`: redirects and registered addresses begin with it. No slash at its end. */
  baseUrlOf(facts: CredentialFacts): string {
    return this.of(facts) + this.#rootPath;
  }

  /**
   * `baseUrlOf`, where it is about to be told to an identity provider: undefined when nothing but the request's own `Host` says it, which
   * anybody can write, unless that names this machine.
   */
  vouchedBaseUrlOf(facts: CredentialFacts): string | undefined {
    const base = this.baseUrlOf(facts);
    const isVouched = this.#base !== undefined || this.#trusted.has(facts.socket?.remoteAddress);
    if (isVouched) return URL.canParse(base) ? base : undefined;
    return /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?(?:\/|$)/.test(base) ? base : undefined;
  }

  /**
   * Whether a page of ours, or of an origin the operator lets in with cookies, made the request. Undefined when the browser, or a
   * program that is none, says nothing about it.
   */
  isOurs(facts: CredentialFacts): boolean | undefined {
    const [site] = headersOf(facts, 'sec-fetch-site');
    // The browser's own word; pages cannot write this header, and no proxy has to pass the host on for it.
    if (site === 'same-origin' || site === 'none') return true;
    const origins = headersOf(facts, 'origin');
    if (origins.length > 1) return false;
    const [origin] = origins;
    if (origin !== undefined && this.#others.has(origin)) return true;
    if (site !== undefined) return false;
    return origin === undefined ? undefined : this.#isSame(origin, facts);
  }

  /** A proxy that ends TLS may not say so, and then our own scheme is one step behind the browser's. */
  #isSame(origin: string, facts: CredentialFacts): boolean {
    const own = this.of(facts);
    return origin === own || origin === own.replace(/^http:/, 'https:');
  }
}
