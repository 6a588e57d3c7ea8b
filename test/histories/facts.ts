import type { Company, Key, Scope } from './company.js';
import type { CallPlan } from './script.js';

/** What is believed about a call when it begins. */
export interface Facts {
  readonly scopes: readonly Scope[];
  readonly team: string | undefined;
  readonly organization: string | undefined;
  readonly usable: boolean;
}

export function facts(company: Company, key: Key, plan: CallPlan): Facts {
  const scopes = company.scopesOf(key, plan.customer, plan.tags, plan.model);
  const idOf = (type: string): string | undefined => scopes.find((scope) => scope.type === type)?.id;
  return {
    scopes,
    team: idOf('team'),
    organization: idOf('organization'),
    usable: key.alive && !key.blocked,
  };
}
