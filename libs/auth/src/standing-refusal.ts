import { GatewayError, type Principal } from '#libs/kernel';
import type { CallerStanding } from './compiled-key.js';
import { refusal } from './refusal.js';

/** What a caller whose rows keep it out is told; undefined for one that may come in. */
export function refusalOf(standing: CallerStanding, principal: Principal): GatewayError | undefined {
  switch (standing) {
    case 'good':
      return undefined;
    case 'key_blocked':
      return refusal('auth.key_blocked', `Key is blocked. (${principal.key?.maskedName ?? 'sk-...'})`);
    case 'user_blocked':
      return refusal('auth.user_blocked', 'The user of this credential is deactivated.');
    case 'team_missing':
      return new GatewayError(
        'request.not_found',
        `Authentication Error, Team=${principal.team?.id ?? ''} does not exist.`,
        { type: 'auth_error', param: 'None' },
      );
    case 'team_blocked':
      return refusal('auth.team_blocked', `Team=${principal.team?.id ?? ''} is blocked.`);
    case 'project_blocked':
      return refusal('auth.project_blocked', `Project=${principal.projectId ?? ''} is blocked.`);
    case 'customer_blocked':
      return refusal('auth.customer_blocked', `End User=${principal.customerId ?? ''} is blocked.`);
  }
}
