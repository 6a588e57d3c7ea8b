import { VirtualKey } from '#libs/database';
import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import type { Visible } from './authority/visible.js';
import { LISTED } from './key-filter.js';

/** SQL that answers one number, `total`, with named parameters. */
export interface Counted {
  readonly sql: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

export function countOf(query: SelectQueryBuilder<VirtualKey>): Counted {
  return { sql: query.clone().select('count(*)', 'total').getQuery(), parameters: query.getParameters() };
}

export async function readCount(manager: EntityManager, { sql, parameters }: Counted): Promise<number> {
  const row = await manager
    .createQueryBuilder()
    .select('counted.total', 'total')
    .from(`(${sql})`, 'counted')
    .setParameters(parameters)
    .getRawOne<{ total: string }>();
  return Number(row?.total ?? 0);
}

const OF_ORGANIZATIONS = 'key.organizationId = ANY(:ownOrganizations)';
const OF_TEAMS =
  'key.teamId = ANY(ARRAY(SELECT t.id FROM teams t WHERE t.organization_id = ANY(:ownOrganizations)))';

/**
 * All keys that an administrator of organizations sees, counted in three parts that have none in common. Nearly all are in the
 * first two, which are read from indexes alone; the third is what it has elsewhere.
 */
export function countByTeam(manager: EntityManager, own: Visible): Counted {
  const part = (...conditions: readonly string[]): string =>
    `(${manager
      .createQueryBuilder(VirtualKey, 'key')
      .select('count(*)')
      .where([LISTED, ...conditions].join(' AND '))
      .getQuery()})`;
  const inOrganizations = part(OF_ORGANIZATIONS);
  const inTeams = part(OF_TEAMS, `(${OF_ORGANIZATIONS}) IS NOT TRUE`);
  const elsewhere = part(own.elsewhere, `(${OF_TEAMS}) IS NOT TRUE`, `(${OF_ORGANIZATIONS}) IS NOT TRUE`);
  return {
    sql: `SELECT ${inOrganizations} + ${inTeams} + ${elsewhere} AS total`,
    parameters: own.parameters,
  };
}
