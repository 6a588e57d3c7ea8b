import { AccessGroup, KeyGrace, VirtualKey } from '#libs/database';
import { CONSOLE_TEAM_ID, KEY_TYPES, LIMIT_TYPES, MASTER_USER_ID } from '#libs/tenancy';
import { textsIn } from '#libs/kernel';
import type { Draft, Noun } from './draft.js';
import { limitsOf, metadataOf, noteUsed } from './limits.js';
import type { Omissions } from './omissions.js';
import { authoredOriginOf, authorshipOf, spendOf } from './origin.js';
import type { Row, Source } from './source.js';
import { count, counts, instant, record, text } from './values.js';

const UNUSED = [
  'config', 'router_settings', 'permissions', 'allowed_cache_controls', 'policies', 'object_permission_id', 'agent_id',
]; // prettier-ignore
const TAKEN = [
  'tags',
  'rpm_limit_type',
  'tpm_limit_type',
  'throttle_on_budget_exceeded',
  'end_user_budget_id',
  'service_account_id',
];

/** Always the same for the same key, so that one that was rotated or deleted here is known again. */
export function keyIdOf(tokenHash: string): string {
  return `key_${tokenHash.slice(0, 25)}`;
}

export function keys(source: Source, omissions: Omissions): Noun {
  const owners = ownersIn(source);
  const drafts = source.rows('VerificationToken').flatMap((row): Draft[] => {
    const tokenHash = String(row['token']).toLowerCase();
    const maskedName = text(row['key_name']) ?? 'sk-...';
    const name = text(row['key_alias']) ?? `${maskedName} (${tokenHash.slice(0, 8)})`;
    const note = omissions.of('keys', name);
    if (!/^[0-9a-f]{64}$/.test(tokenHash)) {
      note('the hash is no SHA-256');
      return [];
    }
    if (row['team_id'] === CONSOLE_TEAM_ID) {
      note('sign-ins to LiteLLM’s own pages');
      return [];
    }
    noteUsed(row, UNUSED, note);
    for (const [column, ids] of owners) {
      const owner = text(row[column]);
      if (owner !== null && !ids.has(owner)) note(`its ${column} names nobody`);
    }
    return [draftOf(row, tokenHash, maskedName, name, omissions)];
  });
  return {
    label: 'keys', change: 'key', scope: 'key', entity: VirtualKey, drafts, idOf: (row) => String(row['id']),
    unique: [{ column: 'alias', fold: (alias) => alias, instead: 'label' }],
  }; // prettier-ignore
}

/** A column there, a member of the metadata here. */
function fallbacksOf(row: Row): { budget_fallbacks?: object } {
  const fallbacks = record(row['budget_fallbacks']);
  return Object.keys(fallbacks).length === 0 ? {} : { budget_fallbacks: fallbacks };
}

function draftOf(row: Row, tokenHash: string, maskedName: string, name: string, omissions: Omissions): Draft {
  const note = omissions.of('keys', name);
  const metadata = record(row['metadata']);
  const id = keyIdOf(tokenHash);
  const columns = {
    ...limitsOf(row, note),
    alias: text(row['key_alias']),
    label: null,
    userId: text(row['user_id']),
    teamId: text(row['team_id']),
    organizationId: text(row['organization_id']),
    projectId: text(row['project_id']),
    models: textsIn(row['models']),
    aliases: record(row['aliases']),
    allowedRoutes: textsIn(row['allowed_routes']),
    tags: textsIn(metadata['tags']),
    metadata: { ...metadataOf(row, TAKEN, note), ...fallbacksOf(row) },
    blocked: row['blocked'] === true,
    expiresAt: instant(row['expires']),
    keyType: oneOf(KEY_TYPES, row['key_type']),
    autoRotate: row['auto_rotate'] === true,
    rotationInterval: text(row['rotation_interval']),
    serviceAccountId: text(metadata['service_account_id']),
    rpmLimitType: oneOf(LIMIT_TYPES, metadata['rpm_limit_type']),
    tpmLimitType: oneOf(LIMIT_TYPES, metadata['tpm_limit_type']),
    tagRpmLimits: counts(metadata['tag_rpm_limit']),
    throttleOnBudgetExceeded: metadata['throttle_on_budget_exceeded'] === true,
    customerBudgetId: text(metadata['end_user_budget_id']),
  };
  const once = {
    ...authoredOriginOf(row),
    tokenHash,
    maskedName,
    rotationCount: count(row['rotation_count']) ?? 0,
    lastRotationAt: instant(row['last_rotation_at']),
    rotationAt: instant(row['key_rotation_at']),
    lastActiveAt: instant(row['last_active']),
  };
  return { id, name, identity: { id }, columns, once, spend: spendOf(row) };
}

/** LiteLLM lets keys name what is gone; whatever limited it there limits nothing. */
function ownersIn(source: Source): Map<string, ReadonlySet<unknown>> {
  const ids = (
    table: Parameters<Source['rows']>[0],
    column: string,
    ...more: readonly string[]
  ): Set<unknown> => new Set([...source.rows(table).map((row) => row[column]), ...more]);
  return new Map([
    ['user_id', ids('UserTable', 'user_id', MASTER_USER_ID)],
    ['team_id', ids('TeamTable', 'team_id')],
    ['organization_id', ids('OrganizationTable', 'organization_id')],
    ['project_id', ids('ProjectTable', 'project_id')],
    ['budget_id', ids('BudgetTable', 'budget_id')],
  ]);
}

function oneOf(words: readonly string[], value: unknown): string | null {
  return words.find((word) => word === value) ?? null;
}

/** Former secrets of rotated keys, for as long as LiteLLM would have taken them. */
export function graces(source: Source, idOfHash: (tokenHash: string) => string | undefined, now: Date): Noun {
  const drafts = source.rows('DeprecatedVerificationToken').flatMap((row): Draft[] => {
    const tokenHash = String(row['token']).toLowerCase();
    const keyId = idOfHash(String(row['active_token_id']).toLowerCase());
    const validUntil = instant(row['revoke_at']);
    // One that is over opens nothing any more, there or here.
    if (keyId === undefined || validUntil === null || validUntil <= now) return [];
    const once = { keyId, maskedName: 'sk-...', validUntil };
    return [{ id: tokenHash, name: tokenHash.slice(0, 8), identity: { tokenHash }, columns: {}, once }];
  });
  return {
    label: 'former secrets of keys', change: 'key_hash', entity: KeyGrace, drafts, idOf: (row) => String(row['tokenHash']),
  }; // prettier-ignore
}

/** Access groups, with those who name them and those whom they name. */
export function accessGroups(
  source: Source,
  omissions: Omissions,
  idOfHash: (tokenHash: string) => string | undefined,
): Noun {
  const drafts = source.rows('AccessGroupTable').map((row): Draft => {
    const id = String(row['access_group_id']);
    const name = String(row['access_group_name']);
    const namedBy = (table: 'TeamTable' | 'VerificationToken', column: string): string[] =>
      source
        .rows(table)
        .filter((one) => textsIn(one['access_group_ids']).includes(id))
        .map((one) => String(one[column]));
    const hashes = new Set([...textsIn(row['assigned_key_ids']), ...namedBy('VerificationToken', 'token')]);
    const keyIds = [...hashes].flatMap((hash) => idOfHash(hash.toLowerCase()) ?? []);
    noteUsed(row, ['access_mcp_server_ids', 'access_agent_ids'], omissions.of('access groups', name));
    const columns = {
      name,
      description: text(row['description']),
      models: textsIn(row['access_model_names']),
      teamIds: [
        ...new Set([...textsIn(row['assigned_team_ids']), ...namedBy('TeamTable', 'team_id')]),
      ].sort(),
      keyIds: [...new Set(keyIds)].sort(),
    };
    return { id, name, identity: { id }, columns, once: authorshipOf(row) };
  });
  return {
    label: 'access groups', change: 'access_group', entity: AccessGroup, drafts, idOf: (row) => String(row['id']),
  }; // prettier-ignore
}
