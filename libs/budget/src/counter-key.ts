import type { Scope } from '#libs/kernel';
import { LIFETIME } from './periods.js';

/** Names the money counter of one period of one budget of one scope. */
export function counterKey(scope: Scope, budget: string, periodId: string): string {
  return `budget:${scope.type}:${scope.id}:${budget}:${periodId}`;
}

/** The counter of everything a scope ever spent: what budgets that never reset are judged by. */
export function lifetimeKey(scope: Scope): string {
  return counterKey(scope, LIFETIME, LIFETIME);
}
