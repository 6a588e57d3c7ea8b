import { parse } from 'yaml';
import type { Environment } from './environment.js';
import type { Findings } from './problems.js';
import { USER_ROLE_NAMES, type UserRoleName } from './sections/people.schemas.js';

/** Groups of the provider as roles of ours. */
export interface RoleMapping {
  readonly groupClaim: string;
  readonly roles: Readonly<Partial<Record<UserRoleName, readonly string[]>>>;
  readonly defaultRole?: UserRoleName;
}

/** The dictionary is written as Python or JSON would; both are YAML's flow style. */
export function readRoleMapping(environment: Environment, findings: Findings): RoleMapping | undefined {
  const text = environment.get('GENERIC_ROLE_MAPPINGS_ROLES');
  const groupClaim = environment.get('GENERIC_ROLE_MAPPINGS_GROUP_CLAIM');
  if (text === undefined && groupClaim === undefined) return undefined;
  if (text === undefined || groupClaim === undefined) {
    findings.error(
      'GENERIC_ROLE_MAPPINGS_GROUP_CLAIM',
      'GENERIC_ROLE_MAPPINGS_ROLES and GENERIC_ROLE_MAPPINGS_GROUP_CLAIM belong together',
    );
    return undefined;
  }
  const said = environment.get('GENERIC_ROLE_MAPPINGS_DEFAULT_ROLE');
  const defaultRole = USER_ROLE_NAMES.find((role) => role === said);
  if (said !== undefined && defaultRole === undefined)
    findings.error('GENERIC_ROLE_MAPPINGS_DEFAULT_ROLE', `expected one of ${USER_ROLE_NAMES.join(', ')}`);
  const roles = readRoles(text);
  if (roles === undefined)
    findings.error(
      'GENERIC_ROLE_MAPPINGS_ROLES',
      `expected {"role": ["group", ...]} with roles of ${USER_ROLE_NAMES.join(', ')}`,
    );
  return { groupClaim, roles: roles ?? {}, ...(defaultRole === undefined ? {} : { defaultRole }) };
}

function readRoles(text: string): RoleMapping['roles'] | undefined {
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const roles: Partial<Record<UserRoleName, readonly string[]>> = {};
  for (const [name, groups] of Object.entries(value)) {
    const role = USER_ROLE_NAMES.find((one) => one === name);
    if (role === undefined || !Array.isArray(groups) || groups.some((one) => typeof one !== 'string'))
      return undefined;
    roles[role] = groups as string[];
  }
  return roles;
}
