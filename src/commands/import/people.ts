import { Budget, Customer, Organization, OrganizationMember, Project, Tag, User } from '#libs/database';
import { USER_ROLES } from '#libs/tenancy';
import { textsIn } from '#libs/kernel';
import type { Draft, Noun } from './draft.js';
import { limitsOf, metadataOf, noteUsed } from './limits.js';
import type { Omissions } from './omissions.js';
import { authoredOriginOf, originOf, spendOf } from './origin.js';
import type { Source } from './source.js';
import { record, text } from './values.js';

const MEMBER_ROLES = ['org_admin', 'internal_user', 'internal_user_viewer'];

export function budgets(source: Source, omissions: Omissions): Noun {
  const drafts = source.rows('BudgetTable').map((row): Draft => {
    const id = String(row['budget_id']);
    const columns = { ...limitsOf({ ...row, budget_id: null }, omissions.of('budgets', id)) };
    return { id, name: id, identity: { id }, columns, once: authoredOriginOf(row) };
  });
  return { label: 'budgets', change: 'budget', entity: Budget, drafts, idOf: (row) => String(row['id']) };
}

export function organizations(source: Source, omissions: Omissions): Noun {
  const drafts = source.rows('OrganizationTable').map((row): Draft => {
    const id = String(row['organization_id']);
    const name = text(row['organization_alias']) ?? id;
    const note = omissions.of('organizations', name);
    noteUsed(row, ['object_permission_id'], note);
    const columns = {
      ...limitsOf(row, note),
      alias: text(row['organization_alias']),
      models: textsIn(row['models']),
      metadata: metadataOf(row, [], note),
    };
    return { id, name, identity: { id }, columns, once: authoredOriginOf(row), spend: spendOf(row) };
  });
  return {
    label: 'organizations', change: 'organization', scope: 'organization', entity: Organization, drafts,
    idOf: (row) => String(row['id']),
  }; // prettier-ignore
}

export function users(source: Source, omissions: Omissions): Noun {
  const drafts = source.rows('UserTable').map((row): Draft => {
    const id = String(row['user_id']);
    const note = omissions.of('users', id);
    noteUsed(row, ['object_permission_id', 'allowed_cache_controls', 'policies'], note);
    const role = text(row['user_role']);
    const isKnown = USER_ROLES.some((one) => one === role);
    if (role !== null && !isKnown) note('a role that people do not have here becomes internal_user');
    if (role === 'proxy_admin') note('administers the proxy, with every key of its own');
    const password = text(row['password']);
    const canSignIn = /^(?:scrypt:|[0-9a-f]{64}$)/.test(password ?? '');
    if (password !== null && !canSignIn) note('a password of an unknown kind has to be set anew');
    const columns = {
      ...limitsOf(row, note),
      email: text(row['user_email']),
      alias: text(row['user_alias']),
      models: textsIn(row['models']),
      metadata: metadataOf(row, ['scim_active'], note),
      // Whom LiteLLM's identity provider sent away does not come back by moving.
      ...(record(row['metadata'])['scim_active'] === false ? { scimActive: false } : {}),
      ssoUserId: text(row['sso_user_id']),
      organizationId: text(row['organization_id']),
    };
    const once = {
      ...originOf(row),
      role: isKnown ? role : 'internal_user',
      passwordHash: canSignIn ? password : null,
      passwordResetRequired: row['password_reset_required'] === true,
    };
    return { id, name: id, identity: { id }, columns, once, spend: spendOf(row) };
  });
  return {
    label: 'users', change: 'user', scope: 'user', entity: User, drafts, idOf: (row) => String(row['id']),
    unique: [
      { column: 'email', fold: (email) => email.toLowerCase() },
      { column: 'ssoUserId', fold: (subject) => subject },
    ],
  }; // prettier-ignore
}

/** `knows`: whether a person or an organization is there, or about to be. */
export function organizationMembers(
  source: Source,
  omissions: Omissions,
  knows: (noun: 'user' | 'organization', id: string) => boolean,
): Noun {
  const drafts = source.rows('OrganizationMembership').flatMap((row): Draft[] => {
    const [userId, organizationId] = [String(row['user_id']), String(row['organization_id'])];
    const id = `${organizationId}:${userId}`;
    const note = omissions.of('organization members', id);
    if (!knows('user', userId) || !knows('organization', organizationId)) {
      note('the user or the organization is not there');
      return [];
    }
    const named = text(row['user_role']) ?? 'internal_user';
    const role = MEMBER_ROLES.includes(named) ? named : 'internal_user';
    if (role !== named) note('a role that members do not have here becomes internal_user');
    const once = { ...originOf(row), role };
    return [
      {
        id,
        name: id,
        identity: { organizationId, userId },
        columns: { ...limitsOf(row, note) },
        once,
        spend: spendOf(row),
      },
    ];
  });
  return {
    label: 'organization members', change: 'organization_member', scope: 'organization_member', entity: OrganizationMember, drafts,
    idOf: (row) => `${row['organizationId']}:${row['userId']}`,
  }; // prettier-ignore
}

export function projects(source: Source, omissions: Omissions, knowsTeam: (id: string) => boolean): Noun {
  const drafts = source.rows('ProjectTable').flatMap((row): Draft[] => {
    const id = String(row['project_id']);
    const name = text(row['project_alias']) ?? id;
    const note = omissions.of('projects', name);
    const teamId = text(row['team_id']);
    if (teamId === null || !knowsTeam(teamId)) {
      note('its team is not there');
      return [];
    }
    noteUsed(row, ['object_permission_id'], note);
    const limits = limitsOf(
      {
        ...row,
        metadata: {
          ...(row['metadata'] as object),
          model_rpm_limit: row['model_rpm_limit'],
          model_tpm_limit: row['model_tpm_limit'],
        },
      },
      note,
    );
    const columns = {
      ...limits,
      alias: text(row['project_alias']),
      description: text(row['description']),
      teamId,
      models: textsIn(row['models']),
      metadata: metadataOf(row, [], note),
      blocked: row['blocked'] === true,
    };
    return [{ id, name, identity: { id }, columns, once: authoredOriginOf(row), spend: spendOf(row) }];
  });
  return {
    label: 'projects', change: 'project', scope: 'project', entity: Project, drafts, idOf: (row) => String(row['id']),
  }; // prettier-ignore
}

export function customers(source: Source, omissions: Omissions): Noun {
  const drafts = source.rows('EndUserTable').map((row): Draft => {
    const id = String(row['user_id']);
    const note = omissions.of('customers', id);
    noteUsed(row, ['allowed_model_region', 'default_model', 'object_permission_id'], note);
    const columns = {
      ...limitsOf(row, note),
      alias: text(row['alias']),
      models: textsIn(row['models']),
      blocked: row['blocked'] === true,
    };
    return { id, name: id, identity: { id }, columns, once: originOf(row), spend: spendOf(row) };
  });
  return {
    label: 'customers', change: 'customer', scope: 'customer', entity: Customer, drafts, idOf: (row) => String(row['id']),
  }; // prettier-ignore
}

export function tags(source: Source, omissions: Omissions): Noun {
  const drafts = source.rows('TagTable').map((row): Draft => {
    const name = String(row['tag_name']);
    const note = omissions.of('tags', name);
    noteUsed(row, ['models', 'model_info'], note);
    const columns = { ...limitsOf(row, note), description: text(row['description']) };
    return { id: name, name, identity: { name }, columns, once: authoredOriginOf(row), spend: spendOf(row) };
  });
  return {
    label: 'tags',
    change: 'tag',
    scope: 'tag',
    entity: Tag,
    drafts,
    idOf: (row) => String(row['name']),
  };
}
