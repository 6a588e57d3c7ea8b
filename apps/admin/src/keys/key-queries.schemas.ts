import { hashOfNamed, type KeyFilter, type KeyOrder } from '#libs/tenancy';
import { z } from 'zod';
import { name } from '../http/fields.schemas.js';
import { sizedPaging, sortOrder, yesNo } from '../http/query.schemas.js';

const text = name.optional();

const SORTS: Readonly<Record<string, KeyOrder['by']>> = {
  spend: 'spend',
  max_budget: 'cap',
  created_at: 'createdAt',
  updated_at: 'updatedAt',
  token: 'hash',
  key_alias: 'alias',
};
const STATUSES = ['active', 'expired', 'revoked', 'deleted'] as const;

export const infoQuery = z.object({ key: text, ...sizedPaging(10) });
export type InfoQuery = z.output<typeof infoQuery>;

export const listQuery = z.object({
  ...sizedPaging(10),
  user_id: text,
  team_id: text,
  organization_id: text,
  project_id: text,
  agent_id: text,
  access_group_id: text,
  key_hash: text,
  key_alias: text,
  search: text,
  substring_matching: yesNo(),
  return_full_object: yesNo(),
  include_team_keys: yesNo(),
  include_created_by_keys: yesNo(),
  sort_by: z
    .string()
    .refine((value) => Object.hasOwn(SORTS, value), `send one of: ${Object.keys(SORTS).join(', ')}`)
    .default('created_at'),
  sort_order: sortOrder('desc'),
  expand: z
    .union([name, z.array(name).max(10)])
    .optional()
    .transform((value) => (Array.isArray(value) ? value : (value?.split(',') ?? []))),
  status: z
    .string()
    .refine(
      (value): value is (typeof STATUSES)[number] => STATUSES.some((status) => status === value),
      `send one of: ${STATUSES.join(', ')}`,
    )
    .optional(),
  expires: z.enum(['active', 'expired']).optional(),
});
export type ListQuery = z.output<typeof listQuery>;

export const aliasQuery = z.object({
  ...sizedPaging(50),
  search: text,
  team_id: text,
});
export type AliasQuery = z.output<typeof aliasQuery>;

export function toKeyFilter(query: ListQuery): KeyFilter {
  const status = query.status === 'deleted' ? undefined : query.status;
  return {
    userId: query.user_id || undefined,
    teamId: query.team_id || undefined,
    organizationId: query.organization_id || undefined,
    projectId: query.project_id || undefined,
    accessGroupId: query.access_group_id || undefined,
    hash: query.key_hash === undefined || query.key_hash === '' ? undefined : hashOfNamed(query.key_hash),
    alias: query.key_alias || undefined,
    substring: query.substring_matching,
    search: query.search || undefined,
    status: status ?? query.expires,
  };
}

export function toKeyOrder(query: ListQuery): KeyOrder {
  return { by: SORTS[query.sort_by] ?? 'createdAt', direction: query.sort_order === 'asc' ? 'ASC' : 'DESC' };
}
