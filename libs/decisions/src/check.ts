import type { Change, Denial, Principal, Scope } from '#libs/kernel';

/** What is asked of a request, in the order in which it is asked. Budgets and limits are taken in one step. */
export const CHECK_NAMES = [
  'network',
  'served_route',
  'credential',
  'blocked',
  'expiry',
  'route',
  'ownership',
  'request',
  'customer',
  'model',
  'deployment',
  'price',
  'budget',
  'limit',
  'upstream',
] as const;
/** In the order in which a request is asked. */
export type CheckName = (typeof CHECK_NAMES)[number];

/** `not_reached`: an earlier check refused. */
export type Verdict = 'passed' | 'refused' | 'not_reached';

/** One thing that is asked of a request, of one scope where each scope has a word in it. */
export interface PlannedCheck {
  readonly name: CheckName;
  readonly scope?: Scope;
  readonly dimension?: string;
  readonly budget?: string;
  readonly limit?: number | string;
}

/** A planned check and what became of it. */
export interface Check extends PlannedCheck {
  readonly verdict: Verdict;
  /** Of a refusal: `room.reason`. */
  readonly code?: string;
  readonly current?: number | string;
  readonly resetsAtMs?: number;
  readonly wouldAllow?: string;
  readonly change?: Change;
}

/** How far a request came: to the end of a step (`whole`), or to the check in it that refused. */
export interface Reached {
  readonly name: CheckName;
  readonly whole: boolean;
}

/** Which check a refusal belongs to. A refusal that says what it hangs on is a guard's; one that does not is a handler's, about a row. */
export function checkOf({ code, change }: Denial): CheckName {
  switch (code) {
    case 'rbac.network_denied':
      return 'network';
    case 'auth.key_expired':
      return 'expiry';
    case 'auth.key_blocked':
    case 'auth.user_blocked':
    case 'auth.team_blocked':
    case 'auth.project_blocked':
      return 'blocked';
    case 'auth.customer_blocked':
      return 'customer';
    case 'request.not_found':
      return change?.scope?.type === 'team' ? 'blocked' : 'ownership';
    case 'rbac.route_denied':
      return change?.action === 'configure' ? 'served_route' : 'route';
    case 'rbac.admin_only':
    case 'rbac.forbidden':
      return change === undefined ? 'ownership' : 'route';
    case 'rbac.member_permission':
      return 'ownership';
    case 'rbac.parameter_denied':
      return 'request';
    case 'rbac.deployment_denied':
      return 'deployment';
    case 'budget.price_missing':
      return 'price';
  }
  if (code.endsWith('_model_denied')) return 'model';
  const [room] = code.split('.');
  switch (room) {
    case 'auth':
      return 'credential';
    case 'routing':
      return 'deployment';
    case 'budget':
      return 'budget';
    case 'ratelimit':
      return 'limit';
    case 'upstream':
      return 'upstream';
    default:
      return 'request';
  }
}

/** Everything a completion of this caller is asked, or, for any other route, everything before its handler. */
export function plannedChecks(principal: Principal | undefined, isCompletion: boolean): PlannedCheck[] {
  const before: PlannedCheck[] = [{ name: 'network' }, { name: 'served_route' }, { name: 'credential' }];
  if (principal === undefined) return before;
  const { key, user, team, projectId, customerId } = principal;
  const owners: [Scope['type'], string | undefined][] = [
    ['key', key?.id],
    ['user', user?.id],
    ['team', team?.id],
    ['project', projectId],
  ];
  const checks: PlannedCheck[] = [
    ...before,
    ...owners.flatMap(([type, id]): PlannedCheck[] =>
      id === undefined ? [] : [{ name: 'blocked', scope: { type, id } }],
    ),
    { name: 'expiry' },
    { name: 'route' },
  ];
  if (!isCompletion) return [...checks, { name: 'ownership' }];
  checks.push({ name: 'request' });
  if (customerId !== undefined)
    checks.push({ name: 'customer', scope: { type: 'customer', id: customerId } });
  if (principal.modelGrants.length === 0) checks.push({ name: 'model' });
  for (const { scope } of principal.modelGrants) checks.push({ name: 'model', scope });
  checks.push({ name: 'deployment' }, { name: 'price' });
  return [...checks, ...countedChecks(principal)];
}

function countedChecks({ budgets, limits }: Principal): PlannedCheck[] {
  const checks: PlannedCheck[] = budgets.map(({ scope, name }) => ({
    name: 'budget',
    scope,
    budget: name,
    dimension: 'usd',
  }));
  for (const { scope, ...limit } of limits) {
    const add = (dimension: string, most: number | undefined): void => {
      if (most !== undefined) checks.push({ name: 'limit', scope, dimension, limit: most });
    };
    add('requests', limit.requestsPerMinute);
    add('tokens', limit.tokensPerMinute);
    add('input_tokens', limit.inputTokensPerMinute);
    add('output_tokens', limit.outputTokensPerMinute);
    add('parallel_requests', limit.parallelRequests);
  }
  return checks;
}

/**
 * The checks with their verdicts, from what was planned and what was refused. The same function tells of a request that was
 * refused (where everything ends at the first refusal) and of one that is only thought of (where all are asked).
 */
export function judgedChecks(
  planned: readonly PlannedCheck[],
  denials: readonly Denial[],
  reached: Reached,
): Check[] {
  const rest = [...denials];
  const stoppedAt = stepOf(reached.name);
  let hasRefused = false;
  const judged: Check[] = [];
  for (const check of planned) {
    const at = rest.findIndex((denial) => isAbout(denial, check));
    const [denial] = at < 0 ? [] : rest.splice(at, 1);
    if (denial) {
      if (stepOf(check.name) === stoppedAt) hasRefused = true;
      judged.push(refused(check, denial));
      continue;
    }
    const step = stepOf(check.name);
    const isPassed =
      step < stoppedAt ||
      (step === stoppedAt &&
        (reached.whole || check.name === 'budget' || check.name === 'limit' || !hasRefused));
    judged.push({ ...check, verdict: isPassed ? 'passed' : 'not_reached' });
  }
  for (const denial of rest) insert(judged, refused({ name: checkOf(denial) }, denial));
  return judged;
}

/** Budgets and limits are one step. */
function stepOf(name: CheckName): number {
  return CHECK_NAMES.indexOf(name === 'limit' ? 'budget' : name);
}

function isAbout(denial: Denial, check: PlannedCheck): boolean {
  if (checkOf(denial) !== check.name) return false;
  const scope = denial.change?.scope ?? denial.scope;
  if (check.scope === undefined) return check.name !== 'model' || scope === undefined;
  if (scope?.type !== check.scope.type || scope.id !== check.scope.id) return false;
  if (check.budget !== undefined && denial.budget !== check.budget) return false;
  // Tokens are one word outside, whatever kind of them is counted.
  return check.name !== 'limit' || check.dimension?.endsWith(denial.dimension ?? '') === true;
}

function refused(check: PlannedCheck, denial: Denial): Check {
  const { code, dimension, limit, current, resetsAtMs, wouldAllow, change, budget } = denial;
  const scope = check.scope ?? change?.scope ?? denial.scope;
  return {
    name: check.name,
    verdict: 'refused',
    ...(scope === undefined ? {} : { scope }),
    code,
    ...(dimension === undefined ? {} : { dimension }),
    ...(budget === undefined ? {} : { budget }),
    ...(limit === undefined ? {} : { limit }),
    ...(current === undefined ? {} : { current }),
    ...(resetsAtMs === undefined ? {} : { resetsAtMs }),
    ...(wouldAllow === undefined ? {} : { wouldAllow }),
    ...(change === undefined ? {} : { change }),
  };
}

/** After the last check of its kind, or of an earlier one. */
function insert(checks: Check[], check: Check): void {
  const place = CHECK_NAMES.indexOf(check.name);
  const after = checks.findLastIndex(({ name }) => CHECK_NAMES.indexOf(name) <= place);
  // A check without a scope that refused stands for the plain one.
  const same = checks.findIndex(({ name, scope }) => name === check.name && scope === undefined);
  if (same >= 0 && checks[same]?.verdict !== 'refused') checks[same] = check;
  else checks.splice(after + 1, 0, check);
}
