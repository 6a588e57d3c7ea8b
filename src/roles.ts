import { ConfigError } from '#libs/config';

export const ROLES = ['all', 'proxy', 'admin', 'worker'] as const;
/** What one process does: everything, or one of the three apps. */
export type ProcessRole = (typeof ROLES)[number];

export function parseRole(text = 'all'): ProcessRole {
  const role = ROLES.find((one) => one === text);
  if (!role) throw new ConfigError([{ path: '--role', message: `must be one of ${ROLES.join(', ')}` }]);
  return role;
}
