import { GatewayError, type Role } from '#libs/kernel';

/** Words of the contract stand in each message; no message tells whether the row exists. */

export function adminOnly(what: string, role: Role): GatewayError {
  return new GatewayError(
    'rbac.admin_only',
    `Authentication Error, Only proxy admin can be used to generate or change ${what}. Role=${role}.`,
    { param: 'None' },
  );
}

/** One sentence for "not yours" and for "not there". */
export function notYours(what: string, param: string | null = null): GatewayError {
  const message = `You do not have access to this ${what}, or it does not exist.`;
  return new GatewayError('rbac.forbidden', message, { param, detail: { error: message } });
}

export function fieldForbidden(field: string, why: string): GatewayError {
  return new GatewayError('rbac.forbidden', `'${field}' ${why}`, { param: field });
}

export function tooWide(field: string, bound: string): GatewayError {
  return new GatewayError('request.bad_field', `'${field}' is over what ${bound} allows.`, { param: field });
}

export function memberPermissionMissing(permission: string): GatewayError {
  return new GatewayError(
    'rbac.member_permission',
    `Team member does not have permissions for ${permission}. A team administrator can grant it with /team/permissions_update.`,
    { param: 'team_id' },
  );
}
