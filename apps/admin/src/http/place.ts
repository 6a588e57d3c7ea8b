import type { SignInPlace } from '#libs/auth';
import type { Network } from '#libs/rbac';
import type { Request, Response } from 'express';

/** From where a request came, and by which name its log line, the audit trail and the client know it. */
export function placeOf(network: Network, request: Request, response: Response): SignInPlace {
  const requestId = response.getHeader('x-litellm-call-id');
  return {
    ip: network.addressOf(request) ?? null,
    requestId: typeof requestId === 'string' ? requestId : null,
  };
}
