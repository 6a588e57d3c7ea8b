import { hash, timingSafeEqual } from 'node:crypto';
import type { Config } from '#libs/config';

/**
 * The administrator of the environment: `UI_USERNAME` and `UI_PASSWORD`. Both are compared whatever the first says, as digests
 * and in constant time, so that timing tells neither.
 */
export function isEnvironmentAdmin(config: Config, username: string, password: string): boolean {
  const admin = config.signIn.browser.environmentAdmin;
  if (admin === undefined) return false;
  const isName = isSame(username, admin.username);
  const isPassword = isSame(password, admin.password.reveal());
  return isName && isPassword;
}

/** What a session of that administrator hangs on: another password in the environment ends it. Undefined when there is none. */
export function environmentProof(config: Config): string | undefined {
  const admin = config.signIn.browser.environmentAdmin;
  return admin === undefined
    ? undefined
    : hash('sha256', JSON.stringify([admin.userId, admin.username, admin.password.reveal()]));
}

function isSame(given: string, wanted: string): boolean {
  return timingSafeEqual(hash('sha256', given, 'buffer'), hash('sha256', wanted, 'buffer'));
}
