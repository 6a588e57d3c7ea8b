import type { AuditFilter } from '#libs/audit';
import { z } from 'zod';
import { DAY_MS } from '#libs/kernel';
import { instant, name } from '../http/fields.schemas.js';
import { paging, sortOrder } from '../http/query.schemas.js';

/** The contract calls nouns by LiteLLM's tables. Ours are understood too. */
export const TABLE_NAMES: Readonly<Record<string, string>> = {
  key: 'LiteLLM_VerificationToken',
  user: 'LiteLLM_UserTable',
  team: 'LiteLLM_TeamTable',
  organization: 'LiteLLM_OrganizationTable',
  customer: 'LiteLLM_EndUserTable',
  budget: 'LiteLLM_BudgetTable',
  tag: 'LiteLLM_TagTable',
  project: 'LiteLLM_ProjectTable',
  model: 'LiteLLM_ProxyModelTable',
  credential: 'LiteLLM_CredentialsTable',
  access_group: 'LiteLLM_AccessGroupTable',
  config: 'LiteLLM_Config',
};

const text = name.optional().transform((value) => value || undefined);

export const auditQuery = z.object({
  ...paging(10),
  changed_by: text,
  changed_by_api_key: text,
  action: text,
  table_name: text,
  object_id: text,
  object_key_hash: text,
  object_team_id: text,
  search: text,
  start_date: instant,
  end_date: instant,
  chain: z.enum(['changes', 'access']).optional(),
  sort_by: z.enum(['updated_at']).default('updated_at'),
  sort_order: sortOrder('desc'),
});
export type AuditQuery = z.output<typeof auditQuery>;

export function toAuditFilter(query: AuditQuery): AuditFilter {
  const { table_name: table, end_date: end } = query;
  const noun = Object.entries(TABLE_NAMES).find(([, tableName]) => tableName === table)?.[0] ?? table;
  // A day that is named as the end is meant whole.
  const isDay = end && end.getTime() % DAY_MS === 0;
  return {
    chain: query.chain,
    actorUserId: query.changed_by,
    actorKeyId: query.changed_by_api_key,
    action: query.action,
    noun: query.object_team_id ? 'team' : noun,
    nounId: query.object_id ?? query.object_team_id,
    from: query.start_date ?? undefined,
    until: isDay ? new Date(end.getTime() + DAY_MS) : (end ?? undefined),
    text: query.search ?? query.object_key_hash,
    oldestFirst: query.sort_order === 'asc',
    limit: query.page_size,
    offset: (query.page - 1) * query.page_size,
  };
}
