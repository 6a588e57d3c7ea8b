import { Injectable } from '@nestjs/common';
import { OwnOrigin, type SamlPlaces, type SignInPlace } from '#libs/auth';
import { GatewayError } from '#libs/kernel';
import { Network } from '#libs/rbac';
import type { Request, Response } from 'express';
import { LRUCache } from 'lru-cache';

/** An office behind one address signs in within this; each start is a row that waits for its browser. */
const MOST_A_MINUTE = 60;
const MINUTE_MS = 60_000;
const MOST_ADDRESSES = 10_000;

/** Where a sign-in with SAML happens: our own addresses, and the browser's. */
@Injectable()
export class SamlPlacesOf {
  readonly #starts = new LRUCache<string, { count: number }>({ max: MOST_ADDRESSES, ttl: MINUTE_MS });

  constructor(
    private readonly origin: OwnOrigin,
    private readonly network: Network,
  ) {}

  of(request: Request): SamlPlaces {
    const base = `${this.origin.baseUrlOf(request)}/sso/saml`;
    return { callbackUrl: `${base}/callback`, metadataUrl: `${base}/metadata` };
  }

  browserOf(request: Request, response: Response): SignInPlace {
    const forwarded = request.headers['x-forwarded-for'];
    const text = Array.isArray(forwarded) ? forwarded.join(',') : forwarded;
    const requestId = response.getHeader('x-litellm-call-id');
    return {
      ip: this.network.clientAddress(request.socket.remoteAddress, text) ?? null,
      requestId: typeof requestId === 'string' ? requestId : null,
    };
  }

  /** Bounds what strangers can make this process write. Throws 429 for one sign-in too many from one address, in one minute. */
  take(request: Request, response: Response): void {
    const address = this.browserOf(request, response).ip ?? 'unknown';
    const known = this.#starts.get(address);
    if (known === undefined) {
      this.#starts.set(address, { count: 1 });
      return;
    }
    known.count += 1;
    if (known.count <= MOST_A_MINUTE) return;
    const seconds = Math.ceil(this.#starts.getRemainingTTL(address) / 1_000);
    throw new GatewayError(
      'ratelimit.exceeded',
      'Too many sign-ins were begun from your network. Wait a minute.',
      { headers: { 'retry-after': String(seconds) } },
    );
  }
}
