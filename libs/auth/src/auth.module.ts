import { Module } from '@nestjs/common';
import { PassportModule } from '@nestjs/passport';
import { Anonymous } from './anonymous.js';
import { Authentication } from './authentication.js';
import { AuthenticationGuard } from './authentication.guard.js';
import { CallScopes } from './call-scopes.js';
import { CliSignIns } from './cli/cli-sign-ins.js';
import { MasterKeyMethod, VirtualKeyMethod } from './credential-method.js';
import { KeyVault } from './key-vault.js';
import { MasterKey } from './master-key.js';
import { PASSPORT_STRATEGIES } from './passport-strategies.js';
import { AttemptWindows } from './passwords/attempt-windows.js';
import { LoginLockOut } from './passwords/login-lock-out.js';
import { PasswordSignIn } from './passwords/password-sign-in.js';
import { RequestParts } from './request-parts.js';
import { BrowserSignIn } from './session/browser-sign-in.js';
import { BrowserSessions } from './session/browser-sessions.js';
import { OwnOrigin } from './session/own-origin.js';
import { SessionCookie } from './session/session-cookie.js';
import { SessionMethod } from './session/session.method.js';
import { SignInMethods } from './sign-in/sign-in-methods.js';
import { TokenCallers } from './sign-in/token-callers.js';

/** From credentials to principals. Expects, provided globally: Config, Clock, KeyDirectory, CallerDirectory, Identities, JwtKeyMappings, JwtRegistration, Sessions, ChangeFeed, PrincipalPreparation, AuthenticationEvents, PublicRoutes. */
@Module({
  imports: [PassportModule.register({ session: false })],
  providers: [
    Anonymous,
    MasterKey,
    KeyVault,
    RequestParts,
    CallScopes,
    MasterKeyMethod,
    VirtualKeyMethod,
    TokenCallers,
    OwnOrigin,
    SessionCookie,
    SessionMethod,
    BrowserSessions,
    BrowserSignIn,
    AttemptWindows,
    LoginLockOut,
    PasswordSignIn,
    CliSignIns,
    SignInMethods,
    Authentication,
    ...PASSPORT_STRATEGIES,
    AuthenticationGuard,
  ],
  exports: [
    Anonymous,
    MasterKey,
    KeyVault,
    CallScopes,
    SignInMethods,
    Authentication,
    AuthenticationGuard,
    OwnOrigin,
    SessionCookie,
    BrowserSessions,
    BrowserSignIn,
    PasswordSignIn,
    CliSignIns,
  ],
})
export class AuthModule {}
