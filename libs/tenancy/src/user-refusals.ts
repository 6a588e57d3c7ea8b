import { driverErrorOf } from '#libs/database';
import { GatewayError } from '#libs/kernel';
import { violatedIndex } from './unique.js';
import type { UserChange } from './user-settings.js';

/** What the database refused about an account, as the caller understands it; undefined for failures of another kind. */
export function refusedUser(thrown: unknown, id: string, settings: UserChange): GatewayError | undefined {
  const index = violatedIndex(thrown);
  if (index === 'users_pkey') return taken('id', id, 'user_id', thrown);
  if (index === 'users_email_key') return taken('email', settings.email ?? '', 'user_email', thrown);
  if (index === 'users_sso_user_id_key')
    return taken('sso id', settings.ssoUserId ?? '', 'sso_user_id', thrown);
  if (isMissingTeam(thrown)) {
    return new GatewayError('request.bad_field', 'A team in `teams` does not exist.', {
      param: 'teams',
      cause: thrown,
    });
  }
  return undefined;
}

function taken(what: string, value: string, param: string, cause: unknown): GatewayError {
  return new GatewayError('request.conflict', `User with ${what} ${value} already exists`, { param, cause });
}

function isMissingTeam(thrown: unknown): boolean {
  const { code, table } = driverErrorOf(thrown) ?? {};
  return code === '23503' && table === 'team_members';
}

export function userNotFound(userId: string): GatewayError {
  const message = `User ${userId} not found`;
  return new GatewayError('request.not_found', message, { param: 'user_id', detail: { error: message } });
}
