import { principal } from '../../../../test/harness/caller.js';
import type { ScimPerson } from './scim-person.js';
import type { ScimTeam } from './scim-team.js';

/** A key that an administrator limited to the SCIM routes; its own role is nothing. */
export const okta = {
  principal: principal({
    role: 'internal_user',
    displayName: 'key_okta',
    key: { id: 'key_okta', hash: 'h', maskedName: 'sk-...okta', allowedRoutes: ['/scim/*'] },
  }),
  ip: '127.0.0.1',
  requestId: 'req',
};
export const person = (userName: string, more: Partial<ScimPerson> = {}): ScimPerson => ({
  userName,
  externalId: null,
  active: true,
  email: userName,
  displayName: null,
  attributes: {},
  ...more,
});
export const group = (displayName: string, ...memberIds: string[]): ScimTeam => ({
  displayName,
  externalId: null,
  memberIds,
});
/** How the work was refused; `allowed` when it was not. */
export const refused = (work: Promise<unknown>): Promise<{ status: number; type: string }> =>
  work.then(
    () => ({ status: 200, type: 'allowed' }),
    (error: { status: number; type: string }) => ({ status: error.status, type: error.type }),
  );
