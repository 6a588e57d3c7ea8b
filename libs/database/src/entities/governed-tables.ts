import type { ScopeType } from '#libs/kernel';

/** Where the rows of one kind of scope are. */
export interface GovernedTable {
  readonly table: string;
  /** The scope's id in a row of the table that the query calls so. */
  readonly id: (row: string) => string;
}

const byId = (table: string): GovernedTable => ({ table, id: (row) => `${row}.id` });
const byMember = (table: string, group: string): GovernedTable => ({
  table,
  id: (row) => `${row}.${group} || ':' || ${row}.user_id`,
});

/** Every table whose rows carry the limits and budgets of a scope (`Governed`), by the scope's type. */
export const GOVERNED_TABLES = {
  key: byId('virtual_keys'),
  user: byId('users'),
  team: byId('teams'),
  team_member: byMember('team_members', 'team_id'),
  organization: byId('organizations'),
  organization_member: byMember('organization_members', 'organization_id'),
  project: byId('projects'),
  customer: byId('customers'),
  tag: { table: 'tags', id: (row) => `${row}.name` },
} as const satisfies Partial<Record<ScopeType, GovernedTable>>;

export type GovernedScopeType = keyof typeof GOVERNED_TABLES;
