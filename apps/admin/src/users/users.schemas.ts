import { type NewUser, USER_ROLES } from '#libs/tenancy';
import { z } from 'zod';
import { flag, name, optionalName } from '../http/fields.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';
import { KEY_FIELDS, KEY_FIELDS_NOT_BUILT, toKeyChange } from '../keys/keys.schemas.js';

/** An address is a name to us: it is compared, shown, and never written to. */
const email = name
  .refine((text) => text === '' || /^[^\s@]+@[^\s@]+$/.test(text), 'send an e-mail address')
  .nullable()
  .transform((text) => text || null)
  .optional();

const membership = z.union([
  name.min(1),
  z.strictObject({
    team_id: name.min(1),
    user_role: z.enum(['user', 'admin']).nullable().optional(),
    max_budget_in_team: z.null().optional(),
  }),
]);

export const newUserBody = {
  schema: z.object({
    ...KEY_FIELDS,
    user_email: email,
    user_alias: optionalName,
    user_role: z.enum(USER_ROLES).nullable().optional(),
    sso_user_id: optionalName,
    auto_create_key: flag,
    teams: z.array(membership).max(200).nullable().optional(),
  }),
  notBuilt: [...KEY_FIELDS_NOT_BUILT, 'organizations', 'spend', 'key'],
  refused: new Map([['password', 'A password cannot be set here.']]),
  optional: true,
} satisfies BodyDefinition;
export type NewUserBody = z.output<typeof newUserBody.schema>;

export const userInfoQuery = z.object({ user_id: name.optional() });
export type UserInfoQuery = z.output<typeof userInfoQuery>;

/**
 * The fields of a key configure the user here, and the first key takes what is a key's alone. The limits and the budget
 * stay with the user: they hold for every key of it, the first one included.
 */
export function toNewUser(body: NewUserBody, randomBytes: number): NewUser {
  const settings = toKeyChange(body);
  const {
    alias,
    label,
    teamId,
    customerId,
    models,
    modelAliases,
    allowedRoutes,
    keyType,
    tags,
    blocked,
    lifetime,
  } = settings;
  return {
    id: body.user_id ?? undefined,
    email: body.user_email ?? null,
    alias: body.user_alias ?? null,
    role: body.user_role ?? 'internal_user',
    models: models ?? [],
    capNanoUsd: settings.capNanoUsd ?? null,
    budgetDuration: settings.budgetDuration ?? null,
    requestsPerMinute: settings.requestsPerMinute ?? null,
    tokensPerMinute: settings.tokensPerMinute ?? null,
    parallelRequests: settings.parallelRequests ?? null,
    metadata: settings.metadata ?? {},
    ssoUserId: body.sso_user_id ?? null,
    teams: (body.teams ?? []).map((team) =>
      typeof team === 'string'
        ? { teamId: team, role: 'user' }
        : { teamId: team.team_id, role: team.user_role ?? 'user' },
    ),
    firstKey:
      body.auto_create_key === false
        ? undefined
        : {
            settings: {
              alias,
              label,
              teamId,
              customerId,
              models,
              modelAliases,
              allowedRoutes,
              keyType,
              tags,
              blocked,
              lifetime,
            },
            secret: { randomBytes },
          },
  };
}
