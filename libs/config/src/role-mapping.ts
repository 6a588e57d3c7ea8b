import { parse } from 'yaml';
import { isRecord } from '#libs/kernel';
import type { Environment } from './environment.js';
import type { Findings } from './problems.js';
import { isRoleName } from './roles.js';
import { USER_ROLE_NAMES, type UserRoleName } from './sections/people.schemas.js';

/** Groups of the provider as roles: built-in ones of persons, or of the operator's own. */
export interface RoleMapping {
  readonly groupClaim: string;
  readonly roles: Readonly<Record<string, readonly string[]>>;
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
  for (const role of Object.keys(roles ?? {}))
    if (!isPersons(role))
      findings.notice(
        'GENERIC_ROLE_MAPPINGS_ROLES',
        `\`${role}\` is no built-in role: whoever it is mapped to has no rights while there is no role of that name`,
      );
  if (roles === undefined)
    findings.error(
      'GENERIC_ROLE_MAPPINGS_ROLES',
      `expected {"role": ["group", ...]} with roles of ${USER_ROLE_NAMES.join(', ')}, or of your own`,
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
  if (!isRecord(value)) return undefined;
  const roles: Record<string, readonly string[]> = Object.create(null) as Record<string, readonly string[]>;
  for (const [role, groups] of Object.entries(value)) {
    const isKnown = isPersons(role) || isRoleName(role);
    if (!isKnown || !Array.isArray(groups) || groups.some((one) => typeof one !== 'string')) return undefined;
    roles[role] = groups as string[];
  }
  return roles;
}

function isPersons(role: string): boolean {
  return USER_ROLE_NAMES.some((one) => one === role);
}
