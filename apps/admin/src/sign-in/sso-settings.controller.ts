import { Config, type SsoProvider } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { z } from 'zod';
import { openMap } from '../http/fields.schemas.js';
import { AdminBody, AdminController } from '../http/decorators.js';
import type { BodyDefinition } from '../http/request-body.js';

const MASK = '********';
const PROVIDERS = ['google', 'microsoft', 'generic'] as const;

const shown = z.object({ values: z.looseObject({}), field_schema: z.looseObject({}) });
const updateBody = { schema: z.object({}), optional: true } as const satisfies BodyDefinition;

/** The settings of single sign-on, to be looked at. They are said in the file and the environment only. */
@AdminController()
export class SsoSettingsController {
  constructor(private readonly config: Config) {}

  @Handles('GET /get/sso_settings')
  @Answers('Shows the settings of single sign-on; secrets are masked', shown)
  settings(): object {
    const { sso, browser } = this.config.signIn;
    const values: Record<string, unknown> = {};
    for (const name of PROVIDERS)
      Object.assign(values, membersOf(name, sso.provider?.name === name ? sso.provider : undefined));
    Object.assign(values, {
      proxy_base_url: browser.baseUrl ?? null,
      user_email: null,
      ui_access_mode: accessModeOf(sso.access),
      role_mappings: roleMappingsOf(sso.provider),
      team_mappings: sso.teamClaims.length === 0 ? null : { team_ids_jwt_field: sso.teamClaims.join(',') },
      allowed_email_domains: sso.allowedEmailDomains ?? null,
    });
    return {
      values,
      field_schema: {
        description: 'Said in the configuration file and the environment.',
        properties: Object.fromEntries(Object.keys(values).map((name) => [name, { readOnly: true }])),
      },
    };
  }

  @Handles('PATCH /update/sso_settings')
  @Answers('Refused: who signs in, and where, is said in the file or the environment only', openMap)
  update(@AdminBody(updateBody) _body: object): never {
    throw new GatewayError(
      'request.bad_field',
      'Settings of sign-in are set in the configuration file or the environment, never by API: an administrator key that leaked could open another door.',
      { param: 'sso_settings' },
    );
  }
}

function membersOf(name: (typeof PROVIDERS)[number], provider: SsoProvider | undefined): object {
  return {
    [`${name}_client_id`]: provider?.clientId ?? null,
    [`${name}_client_secret`]: provider?.clientSecret === undefined ? null : MASK,
    ...(name === 'microsoft' ? { microsoft_issuer: provider?.issuer ?? null } : {}),
    ...(name === 'generic'
      ? {
          generic_issuer: provider?.issuer ?? null,
          generic_authorization_endpoint: provider?.authorizationEndpoint ?? null,
          generic_token_endpoint: provider?.tokenEndpoint ?? null,
          generic_userinfo_endpoint: provider?.userInfoEndpoint ?? null,
          generic_scope: provider?.scope ?? null,
        }
      : {}),
  };
}

function accessModeOf(access: Config['signIn']['sso']['access']): unknown {
  if (access.to === 'all') return null;
  if (access.to === 'admins') return 'admin_only';
  return {
    type: 'restricted_sso_group',
    restricted_sso_group: access.group,
    sso_group_jwt_field: access.claim ?? null,
  };
}

function roleMappingsOf(provider: SsoProvider | undefined): unknown {
  const mapping = provider?.roleMapping;
  if (mapping === undefined) return null;
  const { groupClaim, defaultRole, roles } = mapping;
  return { provider: 'generic', group_claim: groupClaim, default_role: defaultRole ?? null, roles };
}
