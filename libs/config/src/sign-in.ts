import { dirname } from 'node:path';
import { type BrowserSettings, readBrowserSettings } from './browser-settings.js';
import type { Environment } from './environment.js';
import type { Findings } from './problems.js';
import type { Sections } from './sections.js';
import { readSingleSignOn, type SsoSettings } from './single-sign-on.js';
import { type CustomAuthSettings, readCustom } from './custom-auth.js';
import { type JwtSettings, readJwt } from './jwt-auth.js';
import { type OAuth2Settings, readOAuth2 } from './oauth2.js';
import { type ProxyHeaderSettings, readProxyHeaders } from './proxy-headers.js';

export interface SignInSettings {
  readonly jwt?: JwtSettings;
  readonly oauth2?: OAuth2Settings;
  readonly proxyHeaders?: ProxyHeaderSettings;
  readonly custom?: CustomAuthSettings;
  /** People in a browser, and the sessions they get. */
  readonly browser: BrowserSettings;
  readonly sso: SsoSettings;
}

/** Which other ways in there are. Environment and nested block win over the flat spellings. */
export function readSignIn(
  sections: Sections,
  environment: Environment,
  configFile: string | undefined,
  findings: Findings,
): SignInSettings {
  const { general } = sections;
  const folder = configFile === undefined ? process.cwd() : dirname(configFile);
  return {
    ...(general.enable_jwt_auth === true ? { jwt: readJwt(general, environment, folder, findings) } : {}),
    ...(general.enable_oauth2_auth === true ? readOAuth2(general, environment, findings) : {}),
    ...(general.enable_oauth2_proxy_auth === true
      ? { proxyHeaders: readProxyHeaders(general, findings) }
      : {}),
    ...readCustom(general, folder, findings),
    browser: readBrowserSettings(sections, environment, findings),
    sso: readSingleSignOn(sections, environment, folder, findings),
  };
}
