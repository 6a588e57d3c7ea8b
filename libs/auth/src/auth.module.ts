import { Module } from '@nestjs/common';
import { PassportModule } from '@nestjs/passport';
import { Authentication } from './authentication.js';
import { AuthenticationGuard } from './authentication.guard.js';
import { CallScopes } from './call-scopes.js';
import { MasterKeyMethod, VirtualKeyMethod } from './credential-method.js';
import { MasterKeyStrategy, VirtualKeyStrategy } from './key.strategies.js';
import { KeyVault } from './key-vault.js';
import { MasterKey } from './master-key.js';
import { RequestParts } from './request-parts.js';

/** From credentials to principals. Expects, provided globally: Config, Clock, KeyDirectory, ChangeFeed, PrincipalPreparation, AuthenticationEvents, PublicRoutes. */
@Module({
  imports: [PassportModule.register({ session: false })],
  providers: [
    MasterKey,
    KeyVault,
    RequestParts,
    CallScopes,
    MasterKeyMethod,
    VirtualKeyMethod,
    Authentication,
    MasterKeyStrategy,
    VirtualKeyStrategy,
    AuthenticationGuard,
  ],
  exports: [MasterKey, KeyVault, CallScopes, Authentication, AuthenticationGuard],
})
export class AuthModule {}
