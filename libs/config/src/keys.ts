import type { Environment } from './environment.js';
import type { Findings } from './problems.js';
import type { Sections } from './sections.js';

/** `key_generation_settings`: who may make keys of one kind, and what they have to say for it. */
export interface KeyGenerationRule {
  /** Empty: whoever may make keys at all. */
  readonly allowedRoles: readonly string[];
  readonly requiredParams: readonly string[];
}

export interface KeySettings {
  readonly generatedLength: number;
  readonly minimumCustomLength: number;
  readonly allowCustom: boolean;
  /** `default_key_generate_params`: fields of `/key/generate` for what a request leaves open. Read where requests are read. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** `upperbound_key_generate_params`: the most that a request may ask for, and what counts where it asks for nothing. */
  readonly upperBounds: Readonly<Record<string, unknown>>;
  /** `key_generation_settings`: who may make keys, and what such a request has to say. */
  readonly generation: {
    readonly team?: KeyGenerationRule;
    readonly personal?: KeyGenerationRule;
  };
  /** `team_admin_editable_team_fields`: what administrators of teams may change beyond the usual. */
  readonly teamAdminEditableFields: readonly string[];
  /** `LITELLM_KEY_ROTATION_GRACE_PERIOD`: how long a replaced secret still works where a request does not say. */
  readonly rotationGrace?: string;
  /** `LITELLM_KEY_ROTATION_ENABLED`: keys with `auto_rotate` get new secrets by themselves. */
  readonly rotates: boolean;
}

const DURATION = /^[1-9]\d{0,5}(?:s|m|h|d|w|mo|y)$/;

/** Everything an operator says about keys of callers. */
export function readKeys(
  { general, litellm }: Sections,
  environment: Environment,
  findings: Findings,
): KeySettings {
  const { team_key_generation: team, personal_key_generation: personal } =
    litellm.key_generation_settings ?? {};
  const grace = environment.get('LITELLM_KEY_ROTATION_GRACE_PERIOD')?.trim();
  if (grace !== undefined && !DURATION.test(grace))
    findings.error('LITELLM_KEY_ROTATION_GRACE_PERIOD', 'expected a duration such as 30m, 12h or 1d');
  return {
    generatedLength: environment.wholeNumber('LENGTH_OF_LITELLM_GENERATED_KEY', 16, 128, findings) ?? 16,
    minimumCustomLength: 16,
    allowCustom: general.disable_custom_api_keys !== true,
    defaults: litellm.default_key_generate_params ?? {},
    upperBounds: litellm.upperbound_key_generate_params ?? {},
    generation: {
      ...(team ? { team: ruleOf(team.allowed_team_member_roles, team.required_params) } : {}),
      ...(personal ? { personal: ruleOf(personal.allowed_user_roles, personal.required_params) } : {}),
    },
    teamAdminEditableFields: general.team_admin_editable_team_fields ?? [],
    ...(grace === undefined ? {} : { rotationGrace: grace }),
    rotates: environment.flag('LITELLM_KEY_ROTATION_ENABLED', findings) ?? true,
  };
}

function ruleOf(
  roles: readonly string[] | undefined,
  params: readonly string[] | undefined,
): KeyGenerationRule {
  return { allowedRoles: roles ?? [], requiredParams: params ?? [] };
}
