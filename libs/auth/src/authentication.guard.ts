import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { AuthGuard, type IAuthGuard } from '@nestjs/passport';
import { GatewayError } from '#libs/kernel';
import { Anonymous } from './anonymous.js';
import { Authentication } from './authentication.js';
import type { CredentialFacts } from './credential.js';
import { refusal } from './refusal.js';
import { PublicRoutes } from './ports.js';

/**
 * Puts the caller on `request.user`, or refuses. Exactly one Passport strategy is asked, chosen by the credential's shape;
 * a strategy that lets the request pass without a caller is a refusal, and an outage stays an outage.
 */
@Injectable()
export class AuthenticationGuard implements CanActivate {
  readonly #guards = new Map<string, IAuthGuard>();

  constructor(
    private readonly authentication: Authentication,
    private readonly publicRoutes: PublicRoutes,
    private readonly anonymous: Anonymous,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<CredentialFacts & { user?: unknown }>();
    // Whatever stands there was put by nobody we trust.
    request.user = undefined;
    if (this.publicRoutes.isPublic(context)) return true;
    if (this.publicRoutes.isOpened(context) && this.authentication.isSilent(request)) {
      request.user = this.anonymous.principal;
      return true;
    }
    try {
      await this.guardOf(this.authentication.methodNameOf(request)).canActivate(context);
    } catch (thrown) {
      if (thrown instanceof GatewayError) throw thrown;
      throw isSilence(thrown) ? refused() : thrown;
    }
    if (request.user === undefined || request.user === null || request.user === false) throw refused();
    // What somebody may see is not for whoever asks next at a cache on the way; a handler may say otherwise.
    context
      .switchToHttp()
      .getResponse<{ setHeader(name: string, value: string): void }>()
      .setHeader('cache-control', 'no-store');
    return true;
  }

  /** Passport's guard of one strategy; made once. */
  protected guardOf(name: string): IAuthGuard {
    let guard = this.#guards.get(name);
    if (guard === undefined) {
      guard = new (AuthGuard(name))();
      this.#guards.set(name, guard);
    }
    return guard;
  }
}

/** What Passport's guard throws when a strategy found nobody; anything else is a failure of ours. */
function isSilence(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    'getStatus' in thrown &&
    typeof thrown.getStatus === 'function' &&
    thrown.getStatus() === 401
  );
}

function refused(): GatewayError {
  return refusal('auth.credential_unknown', 'The credential was not accepted.', 'key');
}
