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
import { SignInMethods } from './sign-in/sign-in-methods.js';
import {
  CustomAuthStrategy,
  JwtStrategy,
  OAuth2Strategy,
  ProxyHeadersStrategy,
} from './sign-in/sign-in.strategies.js';
import { TokenCallers } from './sign-in/token-callers.js';

/** From credentials to principals. Expects, provided globally: Config, Clock, KeyDirectory, CallerDirectory, Identities, ChangeFeed, PrincipalPreparation, AuthenticationEvents, PublicRoutes. */
@Module({
  imports: [PassportModule.register({ session: false })],
  providers: [
    MasterKey,
    KeyVault,
    RequestParts,
    CallScopes,
    MasterKeyMethod,
    VirtualKeyMethod,
    TokenCallers,
    SignInMethods,
    Authentication,
    MasterKeyStrategy,
    VirtualKeyStrategy,
    JwtStrategy,
    OAuth2Strategy,
    ProxyHeadersStrategy,
    CustomAuthStrategy,
    AuthenticationGuard,
  ],
  exports: [MasterKey, KeyVault, CallScopes, SignInMethods, Authentication, AuthenticationGuard],
})
export class AuthModule {}
