import type { DecisionLog } from '#libs/decisions';
import type { FailureRules } from '#libs/http';
import type { Principal } from '#libs/kernel';
import { methodsOfPath, tellsDetail } from '#libs/rbac';
import type { FailureLog } from '#libs/telemetry';

/** What the filter of Nest's routes asks the policy table, and whom it tells: the log of what broke, and the log of who was refused. */
export function failureRules(failures: FailureLog, decisions: DecisionLog): FailureRules {
  return {
    methodsOf: methodsOfPath,
    tellsDetail,
    failed: (error, { route, requestId, user }) => {
      failures.note(error, { route, requestId, isInAccessLog: false });
      const principal = (user ?? undefined) as Principal | undefined;
      decisions.note(error, { principal, route, requestId, isCompletion: false });
    },
  };
}
