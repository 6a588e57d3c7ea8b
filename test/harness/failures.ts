import type { FailureRules } from '#libs/http';
import { methodsOfPath, tellsDetail } from '#libs/rbac';

/** The product's rules of how failures are answered, with nobody who keeps them. */
export const silentFailures: FailureRules = {
  methodsOf: methodsOfPath,
  tellsDetail,
  failed: () => undefined,
};
