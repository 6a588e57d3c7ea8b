import { isRoleName } from '#libs/config';
import { type KeyChange, type NewUser, USER_ROLES, type UserChange } from '#libs/tenancy';
import { z } from 'zod';
import { amount, flag, isEmpty, name, names, optionalName } from '../http/fields.schemas.js';
import { FOLDED_LIMITS } from '../http/folded.js';
import {
  GOVERNED_FIELDS,
  INCREASE_FIELDS,
  isWholeIncrease,
  toGovernedChange,
  WHOLE_INCREASE,
} from '../http/governed.schemas.js';
import { nameList, paging, sortBy, sortOrder } from '../http/query.schemas.js';
import { namesPerson, NAMES_NOBODY } from '../http/person.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';
import { KEY_FIELDS, KEY_FIELDS_NOT_BUILT, toKeyChange } from '../keys/key-fields.schemas.js';

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
    max_budget_in_team: amount,
  }),
]);

/** A built-in role of persons, or one of the operator's own. */
const userRole = name
  .refine((role) => USER_ROLES.some((each) => each === role) || isRoleName(role), {
    message: `expected one of ${USER_ROLES.join(', ')}, or a role of /role/list`,
    params: { shape: true },
  })
  .nullable()
  .optional();

const USER_FIELDS = {
  ...KEY_FIELDS,
  ...GOVERNED_FIELDS,
  user_email: email,
  user_alias: optionalName,
  user_role: userRole,
  sso_user_id: optionalName,
  access_group_ids: names,
} as const;

/** What of a key's fields a user does not have either. */
export const USER_FIELDS_NOT_BUILT = [
  ...KEY_FIELDS_NOT_BUILT.filter(
    (field) => !Object.hasOwn(USER_FIELDS, field) && !Object.hasOwn(INCREASE_FIELDS, field),
  ),
  'spend',
] as const;

export const newUserBody = {
  schema: z.object({
    ...USER_FIELDS,
    auto_create_key: flag,
    teams: z.array(membership).max(200).nullable().optional(),
    organizations: z.array(name.min(1)).max(100).nullable().optional(),
    organization_id: optionalName,
  }),
  notBuilt: [
    ...USER_FIELDS_NOT_BUILT.filter((field) => field !== 'organization_id'),
    'key',
    ...Object.keys(INCREASE_FIELDS),
  ],
  folded: FOLDED_LIMITS,
  refused: new Map([['password', 'A password cannot be set here.']]),
  optional: true,
} satisfies BodyDefinition;
export type NewUserBody = z.output<typeof newUserBody.schema>;

/** What an update can set: a key's own fields belong to keys. */
const CHANGES = {
  ...GOVERNED_FIELDS,
  ...INCREASE_FIELDS,
  user_id: optionalName,
  user_email: email,
  user_alias: optionalName,
  user_role: userRole,
  sso_user_id: optionalName,
  access_group_ids: names,
  models: KEY_FIELDS.models,
  metadata: KEY_FIELDS.metadata,
  blocked: flag,
  password: z.string().min(8, 'a password has at least 8 characters').max(256).nullable().optional(),
} as const;
const NOT_FOR_UPDATES = [
  ...USER_FIELDS_NOT_BUILT,
  ...Object.keys(KEY_FIELDS).filter((field) => !Object.hasOwn(CHANGES, field)),
  'teams',
  'organizations',
];

const change = z.object(CHANGES).refine(namesPerson, NAMES_NOBODY).refine(isWholeIncrease, WHOLE_INCREASE);

export const updateUserBody = {
  schema: change,
  notBuilt: NOT_FOR_UPDATES,
  folded: FOLDED_LIMITS,
} satisfies BodyDefinition;
export type UpdateUserBody = z.output<typeof updateUserBody.schema>;

/** As many as one call should change one after the other. */
const MOST_USERS = 500;
export const bulkUpdateBody = {
  schema: z
    .object({
      users: z.array(z.record(z.string(), z.unknown())).max(MOST_USERS).nullable().optional(),
      all_users: flag,
      user_updates: z.record(z.string(), z.unknown()).nullable().optional(),
    })
    .refine(
      (body) => Boolean(body.users?.length) !== Boolean(body.all_users),
      'send users, or all_users with user_updates',
    ),
} satisfies BodyDefinition;
export type BulkUpdateBody = z.output<typeof bulkUpdateBody.schema>;

export const deleteUsersBody = {
  schema: z.object({ user_ids: z.array(name.min(1)).min(1).max(1_000) }),
} satisfies BodyDefinition;
export type DeleteUsersBody = z.output<typeof deleteUsersBody.schema>;

export const userInfoQuery = z.object({ user_id: name.optional() });
export type UserInfoQuery = z.output<typeof userInfoQuery>;

const SORTS = {
  user_id: 'id',
  user_email: 'email',
  created_at: 'created_at',
  spend: 'spend',
  user_alias: 'alias',
  user_role: 'role',
} as const;

export const userPageQuery = z.object({
  ...paging(25),
  role: name.optional(),
  user_ids: nameList,
  sso_user_ids: nameList,
  user_id: name.optional(),
  user_email: name.optional(),
  search: name.optional(),
  team: name.optional(),
  organization_ids: nameList,
  sort_by: sortBy(SORTS, 'created_at'),
  sort_order: sortOrder('asc'),
});
export type UserPageQuery = z.output<typeof userPageQuery>;

/**
 * The fields of a key configure the user here, and the first key takes what is a key's alone. The limits and the budget
 * stay with the user: they hold for every key of it, the first one included.
 */
export function toNewUser(body: NewUserBody, randomBytes: number): NewUser {
  const { models, metadata = {} } = toKeyChange(body);
  const organizationIds = [
    ...new Set([...(body.organizations ?? []), ...(body.organization_id ? [body.organization_id] : [])]),
  ];
  return {
    id: body.user_id ?? undefined,
    settings: {
      ...toGovernedChange(body),
      email: body.user_email ?? null,
      alias: body.user_alias ?? null,
      role: body.user_role ?? undefined,
      models,
      metadata,
      ssoUserId: body.sso_user_id ?? null,
      accessGroupIds: body.access_group_ids,
    },
    teams: body.teams?.map((team) =>
      typeof team === 'string'
        ? { teamId: team, role: 'user', capNanoUsd: null }
        : {
            teamId: team.team_id,
            role: team.user_role ?? 'user',
            capNanoUsd: team.max_budget_in_team ?? null,
          },
    ),
    organizationIds,
    firstKey:
      body.auto_create_key === false ? undefined : { settings: firstKeyOf(body), secret: { randomBytes } },
  };
}

function firstKeyOf(body: NewUserBody): KeyChange {
  const key = toKeyChange(body);
  return {
    alias: key.alias,
    label: key.label,
    teamId: key.teamId,
    customerId: key.customerId,
    models: key.models,
    modelAliases: key.modelAliases,
    allowedRoutes: key.allowedRoutes,
    keyType: key.keyType,
    tags: key.tags,
    blocked: key.blocked,
    lifetime: key.lifetime,
    accessGroupIds: body.access_group_ids,
  };
}

/** Null that takes something away; everywhere else nothing and empty mean "as it is". */
const CLEARABLE: ReadonlySet<string> = new Set([
  'max_budget',
  'budget_duration',
  'tpm_limit',
  'rpm_limit',
  'model_max_budget',
  // Not the contract's: what opens models can be taken away where it was given.
  'access_group_ids',
]);

/** The contract's write rule: what is null or empty is not written, but for these fields. */
export function toUserChange(body: Omit<UpdateUserBody, 'user_id'>): UserChange {
  const sent = Object.fromEntries(
    Object.entries(body).filter(
      ([field, value]) => CLEARABLE.has(field) || value === false || !isEmpty(value),
    ),
  ) as typeof body;
  return {
    ...toGovernedChange(sent),
    email: sent.user_email ?? undefined,
    alias: sent.user_alias ?? undefined,
    role: sent.user_role ?? undefined,
    models: sent.models,
    metadata: sent.metadata,
    ssoUserId: sent.sso_user_id ?? undefined,
    accessGroupIds: sent.access_group_ids,
    blocked: sent.blocked ?? undefined,
    password: sent.password ?? undefined,
  };
}
