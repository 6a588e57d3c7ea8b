import { Module } from '@nestjs/common';
import { PassportModule } from '@nestjs/passport';
import { Authentication } from './authentication.js';
import { AuthenticationGuard } from './authentication.guard.js';
import { MasterKeyMethod, VirtualKeyMethod } from './credential-method.js';
import { MasterKeyStrategy, VirtualKeyStrategy } from './key.strategies.js';
import { KeyVault } from './key-vault.js';
import { MasterKey } from './master-key.js';

/** From credentials to principals. Expects, provided globally: Config, Clock, KeyDirectory, ChangeFeed, PrincipalPreparation, AuthenticationEvents, PublicRoutes. */
@Module({
  imports: [PassportModule.register({ session: false })],
  providers: [
    MasterKey,
    KeyVault,
    MasterKeyMethod,
    VirtualKeyMethod,
    Authentication,
    MasterKeyStrategy,
    VirtualKeyStrategy,
    AuthenticationGuard,
  ],
  exports: [MasterKey, KeyVault, Authentication, AuthenticationGuard],
})
export class AuthModule {}
