import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { Strategy } from 'passport-custom';
import type { Principal } from '#libs/kernel';
import { Authentication } from '../authentication.js';
import type { CredentialFacts } from '../credential.js';

/** Passport's door to signed tokens. Says what Authentication says. */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy, 'jwt') {
  constructor(private readonly authentication: Authentication) {
    super();
  }
  validate(request: CredentialFacts): Principal | Promise<Principal> {
    return this.authentication.authenticateBy('jwt', request);
  }
}

/** Passport's door to an OAuth2 server's opaque tokens. Says what Authentication says. */
@Injectable()
export class OAuth2Strategy extends PassportStrategy(Strategy, 'oauth2') {
  constructor(private readonly authentication: Authentication) {
    super();
  }
  validate(request: CredentialFacts): Principal | Promise<Principal> {
    return this.authentication.authenticateBy('oauth2', request);
  }
}

/** Passport's door to the headers of an authenticating proxy. Says what Authentication says. */
@Injectable()
export class ProxyHeadersStrategy extends PassportStrategy(Strategy, 'proxy-headers') {
  constructor(private readonly authentication: Authentication) {
    super();
  }
  validate(request: CredentialFacts): Principal | Promise<Principal> {
    return this.authentication.authenticateBy('proxy-headers', request);
  }
}

/** Passport's door to the operator's own function. Says what Authentication says. */
@Injectable()
export class CustomAuthStrategy extends PassportStrategy(Strategy, 'custom-auth') {
  constructor(private readonly authentication: Authentication) {
    super();
  }
  validate(request: CredentialFacts): Principal | Promise<Principal> {
    return this.authentication.authenticateBy('custom-auth', request);
  }
}

/** Passport's door to people who have signed in with a browser or the command line. Says what Authentication says. */
@Injectable()
export class SessionStrategy extends PassportStrategy(Strategy, 'session') {
  constructor(private readonly authentication: Authentication) {
    super();
  }
  validate(request: CredentialFacts): Principal | Promise<Principal> {
    return this.authentication.authenticateBy('session', request);
  }
}
