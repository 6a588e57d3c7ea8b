import { Injectable } from '@nestjs/common';
import { OwnOrigin } from '#libs/auth';
import { GatewayError } from '#libs/kernel';
import type { Request } from 'express';

/** The address under which this product is registered at identity providers. */
@Injectable()
export class RegisteredAddress {
  constructor(private readonly origin: OwnOrigin) {}

  /** No slash at its end. Throws 500 where only the request's `Host` says it: codes and answers would go wherever its sender likes. */
  of(request: Request): string {
    const base = this.origin.vouchedBaseUrlOf(request);
    if (base !== undefined) return base;
    throw new GatewayError(
      'internal.unexpected',
      'PROXY_BASE_URL is not set. People sign in under an address that the operator names.',
      { type: 'auth_error', param: 'PROXY_BASE_URL' },
    );
  }
}
