import { internKey } from '#libs/counters';
import type { Scope } from '#libs/kernel';
import { LIFETIME } from './periods.js';

/** Names the money counter of one period of one budget of one scope. */
export function counterKey(scope: Scope, budget: string, periodId: string): string {
  return oneText('budget', scope.type, scope.id, budget, periodId);
}

/** The counter of everything a scope ever spent: what budgets that never reset are judged by. */
export function lifetimeKey(scope: Scope): string {
  return counterKey(scope, LIFETIME, LIFETIME);
}

/**
 * The parts with colons between them, as one string that is there once: every caller keeps a dozen of such names, and a text that is put
 * together in a template stays a tree of its parts, each of which the collector visits.
 */
export function oneText(...parts: readonly string[]): string {
  return internKey(parts.join(':'));
}
