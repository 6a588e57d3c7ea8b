import { GatewayError } from '#libs/kernel';

/** Refusals of provisioning; `type` is the standard's `scimType` (RFC 7644, 3.12) where it has one. */

export function notProvisioned(noun: 'User' | 'Group', id: string): GatewayError {
  return new GatewayError('request.not_found', `${noun} ${id} not found.`);
}

export function notUnique(what: string): GatewayError {
  return new GatewayError('request.conflict', `${what} is taken.`, { type: 'uniqueness' });
}

export function badFilter(why: string): GatewayError {
  return new GatewayError('request.bad_field', `The filter cannot be used: ${why}`, {
    type: 'invalidFilter',
  });
}

export function badValue(why: string): GatewayError {
  return new GatewayError('request.bad_field', why, { type: 'invalidValue' });
}

export function administratorsAddress(): GatewayError {
  const message =
    "The e-mail address of a proxy administrator is not changed by provisioning, because sign-in finds accounts by it. Change it with /user/update, with a proxy administrator's credential.";
  return new GatewayError('rbac.forbidden', message, { type: 'mutability' });
}

export function lastAdministrator(): GatewayError {
  const message =
    'This is the last active proxy administrator, and there is no master key: nobody could administer the proxy any more. Make another administrator first.';
  return new GatewayError('request.conflict', message, { type: 'mutability' });
}
