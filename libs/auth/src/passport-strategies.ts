import { Injectable, type Type } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { Strategy } from 'passport-custom';
import type { Principal } from '#libs/kernel';
import { Authentication } from './authentication.js';
import type { CredentialFacts } from './credential.js';

/** Each way in has a door in Passport, by the name of its `CredentialMethod`, and each says what Authentication says. */
const METHODS = ['master-key', 'virtual-key', 'jwt', 'oauth2', 'proxy-headers', 'custom-auth', 'session'];

export const PASSPORT_STRATEGIES: readonly Type[] = METHODS.map(strategyOf);

function strategyOf(method: string): Type {
  @Injectable()
  class CredentialStrategy extends PassportStrategy(Strategy, method) {
    constructor(private readonly authentication: Authentication) {
      super();
    }
    validate(request: CredentialFacts): Principal | Promise<Principal> {
      return this.authentication.authenticateBy(method, request);
    }
  }
  return CredentialStrategy;
}
