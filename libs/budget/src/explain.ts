import type { MoneyClaim, RefusedClaim, Refusal } from '#libs/counters';
import { type Denial, formatUsd, GatewayError, type Principal, type Scope } from '#libs/kernel';

export interface ExplainOptions {
  /** Status of `budget.exceeded`. */
  readonly status: number;
  readonly nowMs: number;
  readonly principal: Principal | undefined;
  /** What limits refused in the same step. */
  readonly others?: readonly Denial[];
}

type RefusedMoney = RefusedClaim & { readonly claim: MoneyClaim };

/** Clients of the busy answer come back after at least this long: less would be the same queue again. */
const LEAST_BUSY_MS = 1_000;

/**
 * Says why money refused a call: `budget.exceeded` when a budget has nothing left for it, `budget.busy` when the money is there
 * but held by calls in flight for longer than this one could wait. Undefined when money was not the reason. Names keys by
 * alias and masked name, never by hash.
 */
export function explainRefusal(refusal: Refusal, options: ExplainOptions): GatewayError | undefined {
  const money = refusal.refused.filter(isMoney);
  const over = money.filter(({ reason }) => reason === 'over');
  const [first, ...others] = over;
  if (first) return exceeded(first, others, options);
  const busy = money[0];
  if (!busy) return undefined;
  const retryMs = Math.max(LEAST_BUSY_MS, ...refusal.refused.map(({ retryAfterMs }) => retryAfterMs ?? 0));
  return new GatewayError(
    'budget.busy',
    `${subject(busy.claim.scope, options.principal)} has money left, but calls in progress hold it. Try again in ${seconds(retryMs)} s.`,
    {
      headers: { 'retry-after': seconds(retryMs) },
      denial: {
        code: 'budget.busy',
        scope: busy.claim.scope,
        dimension: 'usd',
        budget: busy.claim.budget,
        limit: formatUsd(busy.claim.capNanoUsd),
        current: formatUsd(BigInt(busy.current)),
        resetsAtMs: options.nowMs + retryMs,
        wouldAllow: 'Wait for calls in progress to end, or lower max_tokens.',
      },
    },
  );
}

function exceeded(
  refused: RefusedMoney,
  also: readonly RefusedMoney[],
  { status, nowMs, principal, others: limits = [] }: ExplainOptions,
): GatewayError {
  const { claim, current } = refused;
  const spent = formatUsd(BigInt(current));
  const cap = formatUsd(claim.capNanoUsd);
  const resetsAtMs = resetOf(refused, nowMs);
  const renewal =
    resetsAtMs === undefined
      ? 'It does not reset by itself.'
      : `It resets at ${new Date(resetsAtMs).toISOString()}.`;
  const others = [...also.map((one) => exceededDenial(one, nowMs)), ...limits];
  const left =
    BigInt(current) >= claim.capNanoUsd
      ? ''
      : ' What is left does not pay for this call with a minimal answer.';
  const message = `Budget has been exceeded! ${subject(claim.scope, principal)} Current cost: ${spent}, Max budget: ${cap}.${left} ${renewal}`;
  return new GatewayError('budget.exceeded', message, {
    status,
    ...(resetsAtMs === undefined
      ? {}
      : { headers: { 'retry-after': seconds(Math.max(0, resetsAtMs - nowMs)) } }),
    denial: {
      ...exceededDenial(refused, nowMs),
      ...(others.length === 0 ? {} : { others }),
    },
  });
}

function exceededDenial(refused: RefusedMoney, nowMs: number): Denial {
  const { claim, current } = refused;
  const resetsAtMs = resetOf(refused, nowMs);
  const enough = formatUsd(BigInt(current) + claim.minNanoUsd);
  return {
    code: 'budget.exceeded',
    scope: claim.scope,
    dimension: 'usd',
    budget: claim.budget,
    limit: formatUsd(claim.capNanoUsd),
    current: formatUsd(BigInt(current)),
    ...(resetsAtMs === undefined ? {} : { resetsAtMs }),
    wouldAllow: `Raise the budget of ${claim.scope.type} ${claim.budget} to at least ${enough}${resetsAtMs === undefined ? '' : ', or wait until it resets'}.`,
    change: {
      action: 'raise_budget',
      scope: claim.scope,
      field: claim.budget === 'main' ? 'max_budget' : 'budget_limits',
      value: enough,
    },
  };
}

function resetOf({ claim, retryAfterMs }: RefusedMoney, nowMs: number): number | undefined {
  return claim.periodEndsAtMs ?? (retryAfterMs === undefined ? undefined : nowMs + retryAfterMs);
}

/**
 * Every deployment that could serve the call is over its own or its provider's budget. Which upstreams there are is nobody's
 * business outside, so their ids are not told; what they may spend and when that renews is.
 */
export function explainUpstreams(
  refused: readonly RefusedClaim[],
  status: number,
  nowMs: number,
): GatewayError {
  const reasons = refused.filter(isMoney).map(({ claim, current, retryAfterMs }): Denial => {
    const resetsAtMs =
      claim.periodEndsAtMs ?? (retryAfterMs === undefined ? undefined : nowMs + retryAfterMs);
    return {
      code: 'budget.exceeded',
      scope: { type: claim.scope.type, id: 'upstream' },
      dimension: 'usd',
      limit: formatUsd(claim.capNanoUsd),
      current: formatUsd(BigInt(current)),
      ...(resetsAtMs === undefined ? {} : { resetsAtMs }),
    };
  });
  const [first] = reasons;
  const resets = reasons.flatMap(({ resetsAtMs }) => (resetsAtMs === undefined ? [] : [resetsAtMs]));
  const soonestMs = resets.length === 0 ? undefined : Math.min(...resets);
  return new GatewayError(
    'budget.exceeded',
    `No deployments available - crossed budget: every deployment of this model is over its own or its provider's budget.${
      soonestMs === undefined ? '' : ` The first resets at ${new Date(soonestMs).toISOString()}.`
    }`,
    {
      status,
      internal: refused.map(({ claim, current }) => `${claim.key}: ${String(current)}`).join('; '),
      ...(soonestMs === undefined
        ? {}
        : { headers: { 'retry-after': seconds(Math.max(0, soonestMs - nowMs)) } }),
      denial: {
        ...(first ?? { code: 'budget.exceeded' }),
        reasons,
        wouldAllow: 'Raise the budget of a provider or deployment that serves the model.',
      },
    },
  );
}

const NAMES: Readonly<Record<Scope['type'], string>> = {
  proxy: 'Proxy',
  organization: 'Organization',
  organization_member: 'OrganizationMember',
  team: 'Team',
  team_member: 'TeamMember',
  project: 'Project',
  user: 'User',
  key: 'Key',
  customer: 'End User',
  tag: 'Tag',
  model: 'Model',
  provider: 'Provider',
  deployment: 'Deployment',
};
/** Families whose messages clients recognise by another word besides the common one. */
const ALSO_MARKED: ReadonlySet<Scope['type']> = new Set(['user', 'customer']);

function subject(scope: Scope, principal: Principal | undefined): string {
  if (scope.type === 'proxy') return 'The proxy as a whole.';
  const name = scope.type === 'key' ? keyName(principal) : scope.id;
  return `${ALSO_MARKED.has(scope.type) ? 'ExceededBudget: ' : ''}${NAMES[scope.type]}=${name}`;
}

function keyName(principal: Principal | undefined): string {
  const key = principal?.key;
  if (!key) return principal?.displayName ?? 'this key';
  return key.alias === undefined ? key.maskedName : `${key.alias} (${key.maskedName})`;
}

function seconds(ms: number): string {
  return Math.ceil(ms / 1000).toString();
}

function isMoney(refused: RefusedClaim): refused is RefusedMoney {
  return refused.claim.kind === 'money';
}
