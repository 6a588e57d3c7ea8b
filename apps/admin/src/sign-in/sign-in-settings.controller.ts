import { Config } from '#libs/config';
import { Answers, Handles } from '#libs/rbac';
import { z } from 'zod';
import { AdminController } from '../http/decorators.js';
import { SignInProviders } from './sign-in-providers.js';

/** What a console asks before and after somebody signs in. */
@AdminController()
export class SignInSettingsController {
  constructor(
    private readonly config: Config,
    private readonly providers: SignInProviders,
  ) {}

  @Handles('GET /.well-known/litellm-ui-config', 'GET /litellm/.well-known/litellm-ui-config')
  @Answers(
    'What a console needs to know before anybody is signed in',
    z.looseObject({ server_root_path: z.string() }),
  )
  publicFacts(): object {
    const { browser } = this.config.signIn;
    return {
      server_root_path: this.config.server.rootPath || '/',
      // Never what a request says of it: pages in front of us remember answers, and give them to others.
      proxy_base_url: browser.baseUrl ?? null,
      auto_redirect_to_sso: this.providers.isConfigured,
      admin_ui_disabled: browser.isUiDisabled,
      sso_configured: this.providers.isConfigured,
      // There are no default credentials to hint at.
      hide_default_credentials_hint: true,
      is_control_plane: false,
      mcp_stdio_enabled: false,
      workers: [],
    };
  }

  @Handles('GET /sso/get/ui_settings')
  @Answers('What a console shows', z.looseObject({ SSO_ENABLED: z.boolean() }))
  settings(): object {
    const { browser } = this.config.signIn;
    return {
      PROXY_BASE_URL: browser.baseUrl ?? null,
      PROXY_LOGOUT_URL: browser.logoutUrl ?? null,
      LITELLM_UI_API_DOC_BASE_URL: null,
      DEFAULT_TEAM_DISABLED: false,
      SSO_ENABLED: this.providers.isConfigured,
      NUM_SPEND_LOGS_ROWS: 0,
      DISABLE_EXPENSIVE_DB_QUERIES: false,
    };
  }
}
