import { Injectable } from '@nestjs/common';
import type { Scope } from '#libs/kernel';
import { DataSource } from 'typeorm';

/** Who a scope is, for people who are told about it. */
export interface ScopeNames {
  readonly label: string | null;
  readonly token: string | null;
  readonly keyAlias: string | null;
  readonly userId: string | null;
  readonly userEmail: string | null;
  readonly teamId: string | null;
  readonly teamAlias: string | null;
  readonly organizationId: string | null;
}

const NOBODY: ScopeNames = {
  label: null,
  token: null,
  keyAlias: null,
  userId: null,
  userEmail: null,
  teamId: null,
  teamAlias: null,
  organizationId: null,
};

/** Looks names up when there is something to tell, never before. */
@Injectable()
export class ScopeFacts {
  constructor(private readonly dataSource: DataSource) {}

  async of(scopes: readonly Scope[]): Promise<(scope: Scope) => ScopeNames> {
    const ids = (type: Scope['type']): string[] =>
      scopes.filter((scope) => scope.type === type).map(({ id }) => id);
    const rows: (ScopeNames & { type: string; id: string })[] = await this.dataSource.query(
      `SELECT 'key' AS type, k.id, coalesce(k.alias, k.label, k.masked_name) AS label, k.token_hash AS token, coalesce(k.alias, k.label) AS "keyAlias",
         k.user_id AS "userId", u.email AS "userEmail", k.team_id AS "teamId", t.alias AS "teamAlias", k.organization_id AS "organizationId"
       FROM virtual_keys k LEFT JOIN users u ON u.id = k.user_id LEFT JOIN teams t ON t.id = k.team_id WHERE k.id = ANY($1::text[])
       UNION ALL SELECT 'user', id, coalesce(alias, email), NULL, NULL, id, email, NULL, NULL, NULL FROM users WHERE id = ANY($2::text[])
       UNION ALL SELECT 'team', id, alias, NULL, NULL, NULL, NULL, id, alias, organization_id FROM teams WHERE id = ANY($3::text[])
       UNION ALL SELECT 'organization', id, alias, NULL, NULL, NULL, NULL, NULL, NULL, id FROM organizations WHERE id = ANY($4::text[])`,
      [ids('key'), ids('user'), ids('team'), ids('organization')],
    );
    const names = new Map(rows.map(({ type, id, ...row }) => [`${type}:${id}`, row]));
    return (scope) => names.get(`${scope.type}:${scope.id}`) ?? NOBODY;
  }
}
