import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What a statement behind the wall asks with its owner's rights, because the answer reaches beyond what its caller sees or costs a look at
 * the wall for every row. Each tells of rows that the caller has, or narrows to its own organizations by itself.
 */
export class BeyondTheWall1700000000026 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(FUNCTIONS);
    await runner.query(INDEXES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'DROP FUNCTION is_suspended(text, text); DROP FUNCTION largest_keys_of(text[], integer)',
    );
    await runner.query(FORMER_INDEXES);
  }
}

/** How many keys a team and an organization have is read from these alone. */
const INDEXES = `
DROP INDEX virtual_keys_team_id_idx, virtual_keys_organization_id_idx;
CREATE INDEX virtual_keys_team_id_idx ON virtual_keys (team_id, organization_id) WHERE team_id IS NOT NULL;
CREATE INDEX virtual_keys_organization_id_idx ON virtual_keys (organization_id, team_id) WHERE organization_id IS NOT NULL;
`;
const FORMER_INDEXES = `
DROP INDEX virtual_keys_team_id_idx, virtual_keys_organization_id_idx;
CREATE INDEX virtual_keys_team_id_idx ON virtual_keys (team_id) WHERE team_id IS NOT NULL;
CREATE INDEX virtual_keys_organization_id_idx ON virtual_keys (organization_id) WHERE organization_id IS NOT NULL;
`;

/** So many of the proxy's largest keys are asked whose they are: some milliseconds. */
const LARGEST_ASKED = 5_000;

const FUNCTIONS = `
-- Whether provisioning has deactivated a key's user or team. A key that is seen is shown as it is, also where its owner's row is hidden.
CREATE FUNCTION is_suspended(of_user text, of_team text)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
  SELECT EXISTS (SELECT FROM users WHERE id = of_user AND NOT scim_active) OR EXISTS (SELECT FROM teams WHERE id = of_team AND NOT scim_active)
$$;

-- Keys of whole organizations among the proxy's largest. The setting of the role stands although the function has its owner's rights.
CREATE FUNCTION largest_keys_of(of_organizations text[], most integer)
RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER ROWS 100 SET search_path FROM CURRENT AS $$
  WITH asked AS (SELECT array(
    SELECT unnest(of_organizations) EXCEPT SELECT unnest(of_organizations) WHERE current_setting('role') = 'tollgate_tenant'
    UNION SELECT unnest(of_organizations) INTERSECT SELECT unnest(nullif(current_setting('tollgate.governed', true), '')::text[])
  ) AS ids)
  SELECT b.id FROM (
    SELECT scope_id AS id, magnitude, settled_nano FROM balances WHERE scope_type = 'key' AND budget = 'total'
     ORDER BY magnitude DESC, settled_nano DESC LIMIT greatest(${LARGEST_ASKED}, 20 * most)
  ) b JOIN virtual_keys k ON k.id = b.id LEFT JOIN teams t ON t.id = k.team_id, asked
  WHERE k.organization_id = ANY (asked.ids) OR t.organization_id = ANY (asked.ids)
  ORDER BY b.magnitude DESC, b.settled_nano DESC LIMIT most
$$;
`;
