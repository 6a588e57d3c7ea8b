import { ConfigError } from '#libs/config';

export const ROLES = ['all', 'proxy', 'admin', 'worker'] as const;
/** What one process does: everything, or one of the three apps. */
export type ProcessRole = (typeof ROLES)[number];

/** What `--role` says, else `TOLLGATE_ROLE`; an empty variable counts as not set. */
export function roleOf(flag: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  return flag ?? (env.TOLLGATE_ROLE?.trim() || undefined);
}

export function parseRole(text = 'all'): ProcessRole {
  const role = ROLES.find((one) => one === text);
  if (!role) throw new ConfigError([{ path: '--role', message: `must be one of ${ROLES.join(', ')}` }]);
  return role;
}
