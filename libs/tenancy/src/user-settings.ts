import type { User } from '#libs/database';
import type { Role } from '#libs/kernel';
import { type GovernedChange, governedColumns } from './governed-settings.js';

/** The built-in roles a person can be given; the others come from memberships or are no persons. */
export const USER_ROLES = [
  'proxy_admin',
  'proxy_admin_viewer',
  'internal_user',
  'internal_user_viewer',
] as const satisfies Role[];
/** Those that whoever manages people may give. All others, and roles of the operator's own, are the proxy administrators' to give and to take. */
const PLAIN_ROLES: ReadonlySet<string> = new Set<Role>(['internal_user', 'internal_user_viewer']);

export function isPlainRole(role: string): boolean {
  return PLAIN_ROLES.has(role);
}

/** What is decided about a person. In a change, an absent member is left as it is. */
export interface UserSettings {
  readonly email: string | null;
  readonly alias: string | null;
  /** One of USER_ROLES, or a role of the operator's own. */
  readonly role: string;
  readonly models: readonly string[];
  readonly blocked: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly ssoUserId: string | null;
  /** Kept by the groups, not by the user. */
  readonly accessGroupIds: readonly string[];
  /** In clear; only its hash is kept. */
  readonly password: string;
}
/** In a change, an absent member is left as it is. */
export type UserChange = GovernedChange & {
  readonly [Name in keyof UserSettings]?: UserSettings[Name] | undefined;
};

const PLAIN = ['email', 'alias', 'role', 'models', 'blocked', 'metadata', 'ssoUserId'] as const;

/** Columns that a change writes; the password's hash is the caller's to add. */
export function userColumns(change: UserChange, current: User | undefined, nowMs: number): Partial<User> {
  const columns: Partial<Record<keyof User, unknown>> = governedColumns(change, current, nowMs);
  for (const name of PLAIN) if (change[name] !== undefined) columns[name] = change[name];
  return columns as Partial<User>;
}
