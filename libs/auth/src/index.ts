export { Anonymous } from './anonymous.js';
export { AuthModule } from './auth.module.js';
export { AuthenticationGuard } from './authentication.guard.js';
export { Authentication } from './authentication.js';
export { CLI_SIGN_IN_MS, type CliOutcome, CliSignIns } from './cli/cli-sign-ins.js';
export { CallScopes } from './call-scopes.js';
export { compilePrincipal } from './compile-principal.js';
export { type CredentialFacts, credentialOf } from './credential.js';
export { KeyVault } from './key-vault.js';
export { MasterKey } from './master-key.js';
export { PasswordSignIn } from './passwords/password-sign-in.js';
export { AuthenticationEvents, ChangeFeed, PrincipalPreparation, PublicRoutes } from './ports.js';
export {
  addCookie,
  BrowserSignIn,
  type SignedInBrowser,
  type SignInPlace,
} from './session/browser-sign-in.js';
export { BrowserSessions, type SignedIn } from './session/browser-sessions.js';
export { OwnOrigin } from './session/own-origin.js';
export { checkedReturnTo } from './session/return-to.js';
export { SessionCookie } from './session/session-cookie.js';
export { onlyHeader } from './sent-headers.js';
export { standingRefusals } from './standing-refusals.js';
export { SignInMethods } from './sign-in/sign-in-methods.js';
export { SamlModule } from './saml/saml.module.js';
export { type SamlPlaces, SamlSignIn } from './saml/saml-sign-in.js';
export { toOpenId } from './sso/custom-sso.js';
export type { ExternalIdentity } from './sso/external-identity.js';
export { FlowCookie } from './sso/flow-cookie.js';
export { HeaderIdentity } from './sso/header-identity.js';
export { Provisioning } from './sso/provisioning.js';
export { SingleSignOn } from './sso/single-sign-on.js';
export { SingleSignOnModule } from './sso/single-sign-on.module.js';
