import type { ScopeMapping } from '#libs/config';
import type { CredentialClaims } from '../compile-principal.js';

/**
 * What a token's scopes narrow it to: the models of all mappings that match, and their routes. With mappings, a token whose
 * scopes match none may call no model. Undefined mappings: scopes mean nothing.
 */
export function scopeRules(
  mappings: readonly ScopeMapping[] | undefined,
  scopes: readonly string[],
): Pick<CredentialClaims, 'models' | 'routes'> {
  if (mappings === undefined) return {};
  const matching = mappings.filter(({ scope }) => scopes.includes(scope));
  const routes = matching.flatMap((one) => one.routes ?? []);
  return {
    models: [...new Set(matching.flatMap((one) => one.models ?? []))],
    ...(routes.length === 0 ? {} : { routes: [routes] }),
  };
}
