import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { type Principal, PROXY_SCOPE } from '#libs/kernel';
import { proxyBudgets, proxyLimits } from './governed-scopes.js';

/**
 * Who calls where the operator asks for no credential: nobody in particular, under the limits and the budget of the whole
 * proxy. Its role opens nothing; only routes and endpoints that were opened by name let it in.
 */
@Injectable()
export class Anonymous {
  readonly principal: Principal;

  constructor(config: Config) {
    this.principal = Object.freeze({
      credential: 'anonymous',
      role: 'customer',
      displayName: 'anonymous',
      modelGrants: [],
      modelAliases: {},
      limits: proxyLimits(config),
      budgets: proxyBudgets(config),
      spendScopes: [PROXY_SCOPE],
      tags: [],
      metadata: {},
      isCurrent: () => true,
    } satisfies Principal);
  }
}
