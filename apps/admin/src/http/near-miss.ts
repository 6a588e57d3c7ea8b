import { editDistance } from '#libs/config';
import { GOVERNED_FIELDS, INCREASE_FIELDS } from './governed.schemas.js';

/**
 * Fields whose loss would leave someone with more than the sender meant: limits, budgets, grants. A body that almost
 * names one is refused, because ignoring it would make an unlimited key and say 200.
 */
const GOVERNING: readonly string[] = [
  ...Object.keys(GOVERNED_FIELDS),
  ...Object.keys(INCREASE_FIELDS),
  'models',
  'tpd_limit',
  'tag_rpm_limit',
  'rpm_limit_type',
  'tpm_limit_type',
  'rotation_interval',
  'auto_rotate',
  'grace_period',
  'project_id',
  'end_user_budget_id',
  'allowed_routes',
  'duration',
  'blocked',
  'permissions',
  'guardrails',
  'user_role',
  'user_id',
  'team_id',
  'organization_id',
  'end_user_id',
];

/** Other words people use for the same things, too far away in letters to be found by distance. */
const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ['budget', 'max_budget'],
  ['max_spend', 'max_budget'],
  ['spend_limit', 'max_budget'],
  ['budget_period', 'budget_duration'],
  ['reset_period', 'budget_duration'],
  ['requests_per_minute', 'rpm_limit'],
  ['tokens_per_minute', 'tpm_limit'],
  ['max_rpm', 'rpm_limit'],
  ['max_tpm', 'tpm_limit'],
  ['limit_rpm', 'rpm_limit'],
  ['limit_tpm', 'tpm_limit'],
  ['rate_limit', 'rpm_limit'],
  ['parallel_requests', 'max_parallel_requests'],
  ['max_concurrency', 'max_parallel_requests'],
  ['allowed_models', 'models'],
  ['model_list', 'models'],
  ['routes', 'allowed_routes'],
  ['expires', 'duration'],
  ['expires_at', 'duration'],
  ['expires_in', 'duration'],
  ['expiry', 'duration'],
  ['ttl', 'duration'],
  ['disabled', 'blocked'],
  ['role', 'user_role'],
]);

/**
 * The governing field that `name` was probably meant to be, or undefined. One letter off in a short name, two in a long
 * one; case, dashes and camelCase do not count.
 */
export function governingFieldMeantBy(name: string): string | undefined {
  // A name longer than any of ours plus two letters cannot be near one; this also keeps hostile names cheap.
  if (name.length > 40) return undefined;
  const plain = flat(name);
  for (const [word, field] of SYNONYMS) if (flat(word) === plain) return field;
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const field of GOVERNING) {
    const target = flat(field);
    const distance = editDistance(plain, target);
    if (distance <= (target.length > 6 ? 2 : 1) && distance < bestDistance) {
      best = field;
      bestDistance = distance;
    }
  }
  return best;
}

/** `Max-Budget`, `maxBudget` and `max_budget` are one word. */
function flat(name: string): string {
  return name.toLowerCase().replace(/[-_ .]/g, '');
}
