import { hash, randomBytes } from 'node:crypto';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import type { DataSource } from 'typeorm';

/** What the made-up LiteLLM sealed its secrets with. */
export const SALT_KEY = 'the-salt-of-the-imported-litellm';

const LIMITS =
  'max_parallel_requests int, tpm_limit bigint, rpm_limit bigint, max_budget double precision, budget_duration text, budget_reset_at timestamp(3)';
const NOTED = `metadata jsonb NOT NULL DEFAULT '{}', models text[] DEFAULT '{}', spend double precision NOT NULL DEFAULT 0, created_at timestamp(3) DEFAULT now()`;

/** The columns of LiteLLM's tables that an import looks at, with its types and defaults. */
const TABLES: Readonly<Record<string, string>> = {
  VerificationToken: `token text PRIMARY KEY, key_name text, key_alias text, total_spend double precision NOT NULL DEFAULT 0, expires timestamp(3),
    aliases jsonb NOT NULL DEFAULT '{}', config jsonb NOT NULL DEFAULT '{}', permissions jsonb NOT NULL DEFAULT '{}', user_id text, team_id text,
    organization_id text, project_id text, blocked boolean, tpd_limit bigint, allowed_routes text[] DEFAULT '{}', key_type text,
    access_group_ids text[] DEFAULT '{}', model_max_budget jsonb NOT NULL DEFAULT '{}', budget_id text, budget_limits jsonb, ${LIMITS}, ${NOTED}`,
  DeprecatedVerificationToken:
    'id text PRIMARY KEY, token text, active_token_id text, revoke_at timestamp(3)',
  UserTable: `user_id text PRIMARY KEY, user_alias text, user_email text, user_role text, password text, sso_user_id text, organization_id text,
    teams text[] DEFAULT '{}', model_max_budget jsonb NOT NULL DEFAULT '{}', ${LIMITS}, ${NOTED}`,
  OrganizationTable: `organization_id text PRIMARY KEY, organization_alias text, budget_id text NOT NULL, created_by text, ${NOTED}`,
  OrganizationMembership:
    'user_id text, organization_id text, user_role text, spend double precision DEFAULT 0, budget_id text',
  BudgetTable: `budget_id text PRIMARY KEY, soft_budget double precision, model_max_budget jsonb, allowed_models text[] DEFAULT '{}',
    created_by text NOT NULL, created_at timestamp(3) DEFAULT now(), ${LIMITS}`,
  TeamTable: `team_id text PRIMARY KEY, team_alias text, organization_id text, admins text[] DEFAULT '{}', members text[] DEFAULT '{}',
    members_with_roles jsonb NOT NULL DEFAULT '{}', blocked boolean NOT NULL DEFAULT false, model_id int, team_member_permissions text[] DEFAULT '{}', ${LIMITS}, ${NOTED}`,
  TeamMembership: 'user_id text, team_id text, spend double precision NOT NULL DEFAULT 0, budget_id text',
  EndUserTable:
    'user_id text PRIMARY KEY, alias text, spend double precision NOT NULL DEFAULT 0, budget_id text, blocked boolean NOT NULL DEFAULT false',
  AccessGroupTable: `access_group_id text PRIMARY KEY, access_group_name text UNIQUE, description text, access_model_names text[] DEFAULT '{}',
    assigned_team_ids text[] DEFAULT '{}', assigned_key_ids text[] DEFAULT '{}', created_by text, created_at timestamp(3) DEFAULT now()`,
  CredentialsTable:
    'credential_id text PRIMARY KEY, credential_name text UNIQUE, credential_values jsonb, credential_info jsonb',
  ProxyModelTable:
    'model_id text PRIMARY KEY, model_name text, litellm_params jsonb, model_info jsonb, blocked boolean NOT NULL DEFAULT false',
  JWTKeyMapping: `id text PRIMARY KEY, jwt_issuer text NOT NULL DEFAULT '', jwt_claim_name text, jwt_claim_value text, token text, description text,
    is_active boolean NOT NULL DEFAULT true, created_at timestamp(3) DEFAULT now(), created_by text, UNIQUE (jwt_issuer, jwt_claim_name, jwt_claim_value)`,
  InvitationLink: `id text PRIMARY KEY, user_id text, is_accepted boolean NOT NULL DEFAULT false, accepted_at timestamp(3), expires_at timestamp(3),
    created_at timestamp(3) DEFAULT now(), created_by text`,
  SpendLogs: 'request_id text PRIMARY KEY',
};

/** A row by its columns; with `sealed`, texts of its objects are encrypted as LiteLLM does it. */
type TheirRow = Readonly<Record<string, unknown>>;

/** Makes the tables of a LiteLLM and fills them. */
export async function makeLiteLLM(
  database: DataSource,
  rows: Readonly<Record<string, readonly TheirRow[]>>,
): Promise<void> {
  for (const [table, columns] of Object.entries(TABLES)) {
    await database.query(`CREATE TABLE "LiteLLM_${table}" (${columns})`);
    for (const { sealed, ...row } of rows[table] ?? []) {
      const names = Object.keys(row);
      const values = sealed === true ? sealTexts(row) : row;
      await database.query(
        `INSERT INTO "LiteLLM_${table}" (${names.join(', ')})
         SELECT ${names.join(', ')} FROM jsonb_populate_record(NULL::"LiteLLM_${table}", $1::jsonb)`,
        [JSON.stringify(values)],
      );
    }
  }
}

function sealTexts(row: TheirRow): TheirRow {
  const entries = Object.entries(row).map(([name, value]) => {
    if (typeof value !== 'object' || value === null) return [name, value] as const;
    return [
      name,
      Object.fromEntries(Object.entries(value).map(([member, text]) => [member, seal(String(text))])),
    ] as const;
  });
  return Object.fromEntries(entries);
}

function seal(text: string): string {
  const nonce = randomBytes(24);
  const box = xsalsa20poly1305(hash('sha256', SALT_KEY, 'buffer'), nonce).encrypt(Buffer.from(text));
  return Buffer.concat([nonce, box]).toString('base64url');
}
