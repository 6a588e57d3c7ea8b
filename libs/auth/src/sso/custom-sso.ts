import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Config, USER_ROLE_NAMES, isBuiltInRole, isRoleName } from '#libs/config';
import { GatewayError, parseUsd } from '#libs/kernel';
import { Identities, parsePeriod } from '#libs/tenancy';
import { z } from 'zod';
import { refusal } from '../refusal.js';
import { claimedRole } from '../sign-in/claimed-roles.js';
import { loadFunction } from '../sign-in/operator-module.js';
import type { ExternalIdentity } from './external-identity.js';

/** What the operator's function is told: LiteLLM's OpenID object, and every claim. */
export interface CustomSsoRequest {
  readonly openid: OpenId;
  /** Somebody's account by id or e-mail address; null where there is none. */
  readonly findUser: (idOrEmail: string) => Promise<{
    readonly user_id: string;
    readonly user_email: string | null;
    readonly user_role: string;
    readonly blocked: boolean;
  } | null>;
}

export interface OpenId {
  readonly id: string;
  readonly email: string | null;
  readonly first_name: string | null;
  readonly last_name: string | null;
  readonly display_name: string | null;
  readonly provider: string;
  readonly user_role: string | null;
  readonly team_ids: readonly string[];
  readonly extra_fields: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

export type CustomSsoFunction = (request: CustomSsoRequest) => unknown;

const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? undefined);
const period = z
  .string()
  .refine((text) => parsePeriod(text) !== undefined, { error: 'expected a duration such as 30d' });

/** The user-defined values of the contract (auth 5.5.4). Money and models count when the account is made; id, address and role always. */
const userDefinedValues = z.object({
  user_id: optional(z.string().min(1).max(1_024)),
  user_email: optional(z.string().min(1).max(320)),
  user_role: optional(z.union([z.enum(USER_ROLE_NAMES), z.string().refine(isRoleName)])),
  models: optional(z.array(z.string())),
  max_budget: optional(z.number().nonnegative().max(1e9).transform(parseUsd)),
  budget_duration: optional(period),
});
export type UserDefinedValues = z.output<typeof userDefinedValues>;

/** `general_settings.custom_sso`: a function of the operator's decides who a proven identity becomes here, or that it does not come in. */
@Injectable()
export class CustomSso implements OnModuleInit {
  #decide: CustomSsoFunction | undefined;

  constructor(
    private readonly config: Config,
    private readonly identities: Identities,
  ) {}

  /** Throws, and nothing starts, when the function cannot be loaded: a guard that is missing must not be passed by. */
  async onModuleInit(): Promise<void> {
    const { handler } = this.config.signIn.sso;
    if (handler) this.#decide = await loadFunction<CustomSsoFunction>(handler);
  }

  /** Undefined when there is no such function. What it throws, or answers in another shape, refuses; its own words are for the log. */
  async valuesFor(identity: ExternalIdentity): Promise<UserDefinedValues | undefined> {
    if (!this.config.signIn.sso.handler) return undefined;
    if (!this.#decide) throw new Error('custom_sso was asked before it was loaded');
    let answer: unknown;
    try {
      answer = await this.#decide({ openid: toOpenId(identity), findUser: (name) => this.#find(name) });
    } catch (cause) {
      throw new GatewayError('auth.token_invalid', 'Authentication Error, the sign-in was refused.', {
        param: 'None',
        cause,
      });
    }
    const parsed = userDefinedValues.safeParse(answer, { reportInput: false });
    if (!parsed.success) throw notValues(parsed.error.issues[0]?.path.join('.') ?? '');
    const { user_role: role } = parsed.data;
    if (role === undefined || isBuiltInRole(role)) return parsed.data;
    const own = await claimedRole(this.config.roles, this.identities, [role]);
    if (own.role === undefined) throw notValues('user_role');
    return parsed.data;
  }

  async #find(name: string): ReturnType<CustomSsoRequest['findUser']> {
    const user = await this.identities.findUser(name, name.includes('@') ? name : undefined);
    return user && { user_id: user.id, user_email: user.email, user_role: user.role, blocked: user.blocked };
  }
}

function notValues(where: string): GatewayError {
  const at = where === '' ? '' : ` (${where})`;
  return refusal('auth.token_invalid', `custom_sso did not answer with user-defined values${at}.`);
}

export function toOpenId(identity: ExternalIdentity): OpenId {
  return {
    id: identity.id,
    email: identity.email ?? null,
    first_name: identity.firstName ?? null,
    last_name: identity.lastName ?? null,
    display_name: identity.displayName ?? null,
    provider: identity.provider,
    user_role: identity.role ?? null,
    team_ids: identity.teams?.map(({ id }) => id) ?? [],
    extra_fields: identity.extraFields ?? {},
    claims: identity.claims,
  };
}
