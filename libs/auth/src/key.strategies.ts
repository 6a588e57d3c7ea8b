import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { Strategy } from 'passport-custom';
import type { Principal } from '#libs/kernel';
import { Authentication } from './authentication.js';
import type { CredentialFacts } from './credential.js';

/** Passport's door to the master key. Says what Authentication says. */
@Injectable()
export class MasterKeyStrategy extends PassportStrategy(Strategy, 'master-key') {
  constructor(private readonly authentication: Authentication) {
    super();
  }
  validate(request: CredentialFacts): Principal | Promise<Principal> {
    return this.authentication.authenticateBy('master-key', request);
  }
}

/** Passport's door to virtual keys. Says what Authentication says. */
@Injectable()
export class VirtualKeyStrategy extends PassportStrategy(Strategy, 'virtual-key') {
  constructor(private readonly authentication: Authentication) {
    super();
  }
  validate(request: CredentialFacts): Principal | Promise<Principal> {
    return this.authentication.authenticateBy('virtual-key', request);
  }
}
