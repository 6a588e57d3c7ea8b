import {
  type ErrorCode,
  GatewayError,
  type GatewayErrorOptions,
  type Principal,
  type Scope,
} from '#libs/kernel';
import type { CallerStanding } from './compiled-key.js';
import { refusal } from './refusal.js';

/** What a caller whose rows keep it out is told; undefined for one that may come in. */
export function refusalOf(standing: CallerStanding, principal: Principal): GatewayError | undefined {
  switch (standing) {
    case 'good':
      return undefined;
    case 'key_blocked':
      return blocked(
        'auth.key_blocked',
        `Key is blocked. (${principal.key?.maskedName ?? 'sk-...'})`,
        'key',
        principal,
      );
    case 'user_blocked':
      return blocked('auth.user_blocked', 'The user of this credential is deactivated.', 'user', principal);
    case 'team_missing':
      return new GatewayError(
        'request.not_found',
        `Authentication Error, Team=${principal.team?.id ?? ''} does not exist.`,
        {
          type: 'auth_error',
          param: 'None',
          caller: principal,
          denial: {
            code: 'request.not_found',
            scope: { type: 'team', id: principal.team?.id ?? '' },
            wouldAllow: 'Make the team, or take the credential out of it.',
            change: { action: 'configure', scope: { type: 'team', id: principal.team?.id ?? '' } },
          },
        },
      );
    case 'team_blocked':
      return blocked('auth.team_blocked', `Team=${principal.team?.id ?? ''} is blocked.`, 'team', principal);
    case 'project_blocked':
      return blocked(
        'auth.project_blocked',
        `Project=${principal.projectId ?? ''} is blocked.`,
        'project',
        principal,
      );
    case 'customer_blocked':
      return blocked(
        'auth.customer_blocked',
        `End User=${principal.customerId ?? ''} is blocked.`,
        'customer',
        principal,
      );
  }
}

/** What a caller past its end is told; undefined before it. Judged on each request: what is cached outlives its end. */
export function expiryRefusalOf(principal: Principal, nowMs: number): GatewayError | undefined {
  const { expiresAtMs, key } = principal;
  if (expiresAtMs === undefined || expiresAtMs > nowMs) return undefined;
  const at = new Date(expiresAtMs).toISOString();
  const scope = scopeOf('key', principal);
  return refusal(
    'auth.key_expired',
    `Expired Key. It expired at ${at}; it is now ${new Date(nowMs).toISOString()}.`,
    key?.maskedName ?? 'sk-...',
    {
      caller: principal,
      denial: {
        code: 'auth.key_expired',
        scope,
        wouldAllow: 'Give the key a later end, or make another one.',
        change: { action: 'extend_expiry', scope, field: 'duration' },
      },
    },
  );
}

function blocked(code: ErrorCode, message: string, type: BlockedType, principal: Principal): GatewayError {
  const scope = scopeOf(type, principal);
  const known: GatewayErrorOptions = {
    caller: principal,
    denial: {
      code,
      scope,
      wouldAllow: `Unblock this ${type}.`,
      change: { action: 'unblock', scope, field: 'blocked', value: false },
    },
  };
  return refusal(code, message, 'None', known);
}

type BlockedType = 'key' | 'user' | 'team' | 'project' | 'customer';

function scopeOf(type: BlockedType, { key, user, team, projectId, customerId }: Principal): Scope {
  const ids = { key: key?.id, user: user?.id, team: team?.id, project: projectId, customer: customerId };
  return { type, id: ids[type] ?? '' };
}
