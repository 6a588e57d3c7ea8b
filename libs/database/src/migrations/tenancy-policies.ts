/** Works on behalf of a caller who is no proxy administrator: owns nothing, and is bound by the policies below. */
export const TENANT_ROLE = 'tollgate_tenant';

/** As an array that is made once for a statement: a list that is parsed for every row costs more than the row. */
const listIn = (setting: string): string =>
  `(ARRAY(SELECT unnest(nullif(current_setting('${setting}', true), '')::text[])))`;

/** What the policies read of the transaction's actor; a setting that is not there, or empty, matches nothing. */
const SETTINGS = {
  me: `(SELECT nullif(current_setting('tollgate.user', true), ''))`,
  key: `(SELECT nullif(current_setting('tollgate.key', true), ''))`,
  customer: `(SELECT nullif(current_setting('tollgate.customer', true), ''))`,
  teams: listIn('tollgate.teams'),
  organizations: listIn('tollgate.organizations'),
  governed: listIn('tollgate.governed'),
};
const { me, key, customer, teams, organizations, governed } = SETTINGS;

/** The few organizations before the many teams: a list is gone through for every row. */
const ownCalls = `user_id = ${me} OR key_id = ${key} OR organization_id = ANY ${governed} OR customer_id = ${customer} OR team_id = ANY ${teams}`;

/**
 * Whether a row of another table is there for this work. Correlated: the planner looks one up by its index, or hashes all of them
 * once, whichever is less; an `IN` would hash every row there is for a look at one.
 */
const isSeen = (table: string, id: string, column = 'id'): string =>
  `EXISTS (SELECT FROM ${table} seen WHERE seen.${column} = ${id})`;

/** Sums of a scope are seen by whoever sees the scope. The tables asked here have their own policies. */
const seenScope = `CASE scope_type
  WHEN 'user' THEN ${isSeen('users', 'scope_id')}
  WHEN 'key' THEN ${isSeen('virtual_keys', 'scope_id')}
  WHEN 'team' THEN ${isSeen('teams', 'scope_id')}
  WHEN 'team_member' THEN ${isSeen('teams', "split_part(scope_id, ':', 1)")}
  WHEN 'project' THEN ${isSeen('projects', 'scope_id')}
  WHEN 'organization' THEN scope_id = ANY ${organizations}
  WHEN 'organization_member' THEN split_part(scope_id, ':', 1) = ANY ${organizations}
  WHEN 'customer' THEN scope_id = ${customer}
  ELSE false
END`;

/**
 * Which rows of a table somebody's own work may touch. Teams, organizations and what is theirs hang on the settings alone;
 * the others may ask those tables, never each other in a circle. `false`: proxy administrators only.
 */
export const TENANCY_POLICIES: Readonly<Record<string, string>> = {
  teams: `organization_id = ANY ${governed} OR id = ANY ${teams}`,
  archived_teams: `organization_id = ANY ${governed} OR id = ANY ${teams}`,
  organizations: `id = ANY ${organizations}`,
  organization_members: `user_id = ${me} OR organization_id = ANY ${organizations}`,
  team_members: `user_id = ${me} OR ${isSeen('teams', 'team_id')}`,
  projects: isSeen('teams', 'team_id'),
  users: `id = ${me} OR organization_id = ANY ${governed} OR ${isSeen('team_members', 'users.id', 'user_id')}
    OR ${isSeen('organization_members', 'users.id', 'user_id')}`,
  sessions: `user_id = ${me}`,
  cli_sign_ins: 'false',
  sign_in_attempts: 'false',
  invitations: `user_id = ${me} OR created_by = ${me}`,
  virtual_keys: `user_id = ${me} OR id = ${key} OR created_by = ${me} OR organization_id = ANY ${governed} OR team_id = ANY ${teams}`,
  archived_keys: `id = ${key} OR "row" ->> 'user_id' = ${me} OR "row" ->> 'created_by' = ${me}
    OR "row" ->> 'team_id' = ANY ${teams} OR "row" ->> 'organization_id' = ANY ${governed}`,
  key_graces: isSeen('virtual_keys', 'key_id'),
  customers: `id = ${customer}`,
  proxy_models: `team_id IS NULL OR ${isSeen('teams', 'team_id')}`,
  ledger_entries: ownCalls,
  daily_activity: ownCalls,
  decisions: `user_id = ${me} OR key_id = ${key} OR organization_id = ANY ${governed}`,
  logged_prompts: `user_id = ${me} OR key_id = ${key} OR customer_id = ${customer}`,
  balances: seenScope,
  budget_periods: seenScope,
  spend_adjustments: seenScope,
  alerts: seenScope,
  audit_events: `actor_user_id = ${me} OR actor_key_id = ${key}`,
  audit_values: isSeen('audit_events', 'event_id'),
  audit_checkpoints: 'false',
  privacy_erasures: 'false',
  scim_users: 'false',
  scim_groups: 'false',
  config_settings: 'false',
  credentials: 'false',
  pass_through_endpoints: 'false',
  app_state: 'false',
  alert_deliveries: 'false',
  sign_in_flows: 'false',
  jwt_key_mappings: 'false',
  custom_roles: 'false',
};

/**
 * What may be added, where that is another question than what may be seen: nobody plants a row of his own in somebody else's team
 * or organization. Into the audit trail everybody's work adds, and nobody's changes or removes.
 */
const ADDITIONS: Readonly<Record<string, string>> = {
  // Who manages a team makes accounts for it: plain ones, of the team's organization or of none.
  users: `(${TENANCY_POLICIES['users']}) OR (role = 'internal_user' AND
    (organization_id IS NULL OR organization_id = ANY ${organizations} OR organization_id IN (SELECT t.organization_id FROM teams t)))`,
  team_members: `team_id IN (SELECT id FROM teams)`,
  organization_members: `organization_id = ANY ${governed}`,
  virtual_keys: `(${TENANCY_POLICIES['virtual_keys']}) AND (team_id IS NULL OR team_id IN (SELECT id FROM teams))
    AND (organization_id IS NULL OR organization_id = ANY ${organizations})`,
  audit_events: 'true',
  audit_values: 'true',
};
const ONLY_ADDED: readonly string[] = ['audit_events', 'audit_values'];

/** Tables of the proxy as a whole, which hold nothing that is an organization's: open to every admin call, behind the first wall. */
export const OPEN_TABLES: readonly string[] = [
  'access_group_models', 'access_groups', 'budgets', 'changes', 'counter_members', 'encryption_keys', 'proxy_instances', 'tags',
]; // prettier-ignore

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/**
 * `raise_tenancy_wall()` makes the role and the policies, as often as it is called, for the tables that are there. It answers
 * whether the wall stands: a login that may neither make the role nor become it leaves everything as it is.
 * `tenancy_of(...)` says what a caller belongs to; it reads with its owner's rights, because it is asked before anything is seen.
 */
export const RAISE_TENANCY_WALL = `
CREATE OR REPLACE FUNCTION tenancy_of(of_user text, of_team text, of_organization text, ruled_organization text)
RETURNS TABLE (teams text[], organizations text[], governed text[]) LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
  WITH memberships AS (SELECT organization_id, role FROM organization_members WHERE user_id = of_user),
  ruled AS (SELECT array(
    SELECT organization_id FROM memberships WHERE role = 'org_admin' UNION SELECT ruled_organization WHERE ruled_organization IS NOT NULL
  ) AS ids)
  SELECT array(
           SELECT team_id FROM team_members WHERE user_id = of_user
           UNION SELECT of_team WHERE of_team IS NOT NULL
           UNION SELECT t.id FROM teams t, ruled WHERE t.organization_id = ANY (ruled.ids)
         ),
         array(SELECT organization_id FROM memberships UNION SELECT of_organization WHERE of_organization IS NOT NULL),
         (SELECT ids FROM ruled)
$$;

-- Called immutable so that the planner decides it before it looks for indexes: a condition that is only known while rows are read
-- would stand as an OR beside every policy, and no index is used for that. It holds for as long as a plan does: PostgreSQL plans
-- anew what row-level security had a part in when the role is another one.
CREATE OR REPLACE FUNCTION is_own_work() RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT current_user <> '${TENANT_ROLE}' $$;

CREATE OR REPLACE FUNCTION raise_tenancy_wall() RETURNS boolean LANGUAGE plpgsql SET search_path FROM CURRENT AS $wall$
DECLARE
  walled constant jsonb := ${quoted(JSON.stringify(TENANCY_POLICIES))};
  additions constant jsonb := ${quoted(JSON.stringify(ADDITIONS))};
  only_added constant text[] := ${quoted(`{${ONLY_ADDED.join(',')}}`)};
  policy text;
  open_tables constant text[] := ${quoted(`{${OPEN_TABLES.join(',')}}`)};
  one record;
BEGIN
  BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${TENANT_ROLE}') THEN
      CREATE ROLE ${TENANT_ROLE} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
    END IF;
    IF NOT pg_has_role(current_user, '${TENANT_ROLE}', 'MEMBER') THEN
      GRANT ${TENANT_ROLE} TO CURRENT_USER;
    END IF;
  EXCEPTION
    -- The last three: another database's start on the same server makes the same role at this moment. Its next start finds it.
    WHEN insufficient_privilege OR duplicate_object OR unique_violation OR internal_error THEN
      RETURN false;
  END;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '${TENANT_ROLE}' AND (rolsuper OR rolbypassrls)) THEN
    RETURN false;
  END IF;
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO ${TENANT_ROLE}', current_schema());
  FOR one IN SELECT key AS name, value AS condition FROM jsonb_each_text(walled) LOOP
    CONTINUE WHEN to_regclass(one.name) IS NULL;
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', one.name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', one.name);
    FOREACH policy IN ARRAY ARRAY['own_work', 'seen', 'changed', 'removed', 'added'] LOOP
      EXECUTE format('DROP POLICY IF EXISTS %I ON %I', policy, one.name);
    END LOOP;
    -- The proxy's look-ups, the drain and jobs keep their rights, though the table's owner is bound too.
    EXECUTE format('CREATE POLICY own_work ON %I USING (is_own_work()) WITH CHECK (is_own_work())', one.name);
    EXECUTE format('CREATE POLICY seen ON %I FOR SELECT TO ${TENANT_ROLE} USING (%s)', one.name, one.condition);
    EXECUTE format('CREATE POLICY changed ON %I FOR UPDATE TO ${TENANT_ROLE} USING (%s) WITH CHECK (%s)', one.name, one.condition, one.condition);
    EXECUTE format('CREATE POLICY removed ON %I FOR DELETE TO ${TENANT_ROLE} USING (%s)', one.name, one.condition);
    EXECUTE format('CREATE POLICY added ON %I FOR INSERT TO ${TENANT_ROLE} WITH CHECK (%s)', one.name, coalesce(additions ->> one.name, one.condition));
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO ${TENANT_ROLE}', one.name);
    IF one.name = ANY (only_added) THEN
      EXECUTE format('REVOKE UPDATE, DELETE ON %I FROM ${TENANT_ROLE}', one.name);
    END IF;
  END LOOP;
  FOR one IN SELECT unnest(open_tables) AS name LOOP
    CONTINUE WHEN to_regclass(one.name) IS NULL;
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO ${TENANT_ROLE}', one.name);
  END LOOP;
  RETURN true;
END
$wall$;
`;
