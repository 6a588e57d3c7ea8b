import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import {
  GatewayError,
  type ModelRules,
  type Principal,
  type Scope,
  type ScopeBudget,
  type ScopeLimit,
} from '#libs/kernel';
import { tagLimitsOf } from './governed-scopes.js';
import { type PartName, type RequestPart, RequestParts } from './request-parts.js';

/** Callers derived from one principal that are remembered. Names are chosen by requests, so the number must be bounded. */
const MOST_DERIVED = 1_000;

interface Derived {
  readonly principal: Principal;
  readonly parts: readonly RequestPart[];
}

/**
 * What a single call adds to its caller: the customer and tags it names, and what its model is limited to. The result is a
 * principal like any other, so that nothing behind this asks where a limit came from. It can only add: a pinned customer
 * cannot be replaced. Calls that add nothing get their own principal back, without a look-up.
 */
@Injectable()
export class CallScopes {
  readonly #ofRequest = new WeakMap<Principal, Map<string, Derived>>();
  readonly #ofModel = new WeakMap<Principal, Map<string, Principal>>();

  constructor(
    private readonly parts: RequestParts,
    private readonly config: Config,
  ) {}

  /** Synchronous when the names were met before. Throws `auth.customer_blocked`, or `counters.unavailable` while names cannot be read. */
  forRequest(
    principal: Principal,
    customerId: string | undefined,
    tags: readonly string[],
  ): Principal | Promise<Principal> {
    const namesCustomer = customerId !== undefined && principal.customerId === undefined;
    const added = tags.length === 0 ? NONE : tags.filter((tag) => !principal.tags.includes(tag));
    if (!namesCustomer && added.length === 0) return principal;
    const key = `${namesCustomer ? customerId : ''}\0${added.join('\0')}`;
    const known = this.#ofRequest.get(principal)?.get(key);
    if (known !== undefined && known.parts.every((part) => this.parts.trusts(part))) return known.principal;
    const names = this.#namesOf(principal, namesCustomer ? customerId : undefined, added);
    const parts: RequestPart[] = [];
    for (const name of names) {
      const part = this.parts.find(name);
      if (part === undefined)
        return this.parts.read(names).then((read) => this.#derive(principal, key, read));
      parts.push(part);
    }
    return this.#derive(principal, key, parts);
  }

  /** With the limits and budgets that any of the caller's scopes sets for this model; `keyLimits`: the model's own word for keys about which nobody has one. */
  forModel(principal: Principal, requestedModel: string, group: string, keyLimits?: KeyLimits): Principal {
    const { modelRules = NO_RULES } = principal;
    if (modelRules === NO_RULES && keyLimits === undefined) return principal;
    const { requestsPerMinute = '', tokensPerMinute = '' } = keyLimits ?? {};
    const key = `${requestedModel}\0${group}\0${requestsPerMinute}\0${tokensPerMinute}`;
    let known = this.#ofModel.get(principal);
    if (known === undefined) this.#ofModel.set(principal, (known = new Map()));
    let derived = known.get(key);
    if (derived === undefined) {
      if (known.size >= MOST_DERIVED) known.clear();
      known.set(
        key,
        (derived = withModel(principal, modelRules, namesOfModel(requestedModel, group), group, keyLimits)),
      );
    }
    return derived;
  }

  #namesOf(principal: Principal, customerId: string | undefined, tags: readonly string[]): PartName[] {
    const names: PartName[] = tags.map((id) => ({ type: 'tag', id }));
    if (customerId === undefined) return names;
    const defaultBudgetId = principal.customerBudgetId ?? this.config.budgets.customerBudgetId;
    names.push({
      type: 'customer',
      id: customerId,
      ...(defaultBudgetId === undefined ? {} : { defaultBudgetId }),
    });
    return names;
  }

  #derive(principal: Principal, key: string, parts: readonly RequestPart[]): Principal {
    const blocked = parts.find((part) => part.blocked);
    if (blocked) {
      throw new GatewayError('auth.customer_blocked', `End User=${blocked.scope.id} is blocked.`, {
        param: 'user',
        denial: {
          code: 'auth.customer_blocked',
          scope: blocked.scope,
          wouldAllow: 'Unblock this customer.',
          change: { action: 'unblock', scope: blocked.scope, field: 'blocked', value: false },
        },
      });
    }
    const derived = withParts(principal, parts);
    let known = this.#ofRequest.get(principal);
    if (known === undefined) this.#ofRequest.set(principal, (known = new Map()));
    if (known.size >= MOST_DERIVED) known.clear();
    known.set(key, { principal: derived, parts });
    return derived;
  }
}

const NONE: readonly string[] = [];
const NO_RULES: readonly ModelRules[] = [];

/** Requests and tokens per minute of one model. */
type KeyLimits = Omit<ScopeLimit, 'scope'>;

function withParts(principal: Principal, parts: readonly RequestPart[]): Principal {
  const customerId = parts.find(({ scope }) => scope.type === 'customer')?.scope.id;
  const rules = parts.flatMap((part) => (part.rules === undefined ? [] : [part.rules]));
  const tags = parts.flatMap(({ scope }) => (scope.type === 'tag' ? [scope.id] : []));
  const granted = parts.filter(({ models }) => models.length > 0);
  return Object.freeze({
    ...principal,
    ...(customerId === undefined ? {} : { customerId }),
    limits: [
      ...principal.limits,
      ...parts.flatMap(({ limits }) => limits),
      ...tagLimitsOf(principal.key?.id, principal.tagLimits, tags),
    ],
    budgets: [...principal.budgets, ...parts.flatMap(({ budgets }) => budgets)],
    ...(rules.length === 0 ? {} : { modelRules: [...(principal.modelRules ?? []), ...rules] }),
    modelGrants: [...principal.modelGrants, ...granted.map(({ scope, models }) => ({ scope, models }))],
    spendScopes: [...principal.spendScopes, ...parts.map(({ scope }) => scope)],
    tags: [...principal.tags, ...tags],
    isCurrent: () => principal.isCurrent() && parts.every((part) => part.isCurrent),
  });
}

/** A name in a rule means the model as it was asked for, the group it leads to, or either without its provider. */
function namesOfModel(requestedModel: string, group: string): readonly string[] {
  const names = [requestedModel, group];
  return [...new Set([...names, ...names.map((name) => name.slice(name.indexOf('/') + 1))])];
}

function withModel(
  principal: Principal,
  rules: readonly ModelRules[],
  names: readonly string[],
  group: string,
  keyLimits: KeyLimits | undefined,
): Principal {
  const limits: ScopeLimit[] = [];
  const budgets: ScopeBudget[] = [];
  for (const { owner, limits: limited, budgets: budgeted } of rules) {
    const limit = names.find((name) => Object.hasOwn(limited, name));
    // Counted by the group, so that an alias does not double what may be used; a pattern is no group.
    if (limit !== undefined)
      limits.push({ scope: modelScope(owner, group.includes('*') ? limit : group), ...limited[limit] });
    const budget = names.find((name) => Object.hasOwn(budgeted, name));
    const money = budget === undefined ? undefined : budgeted[budget];
    if (budget !== undefined && money !== undefined)
      budgets.push({ scope: modelScope(owner, budget), name: 'main', ...money });
  }
  const ofKey = keyLimits && principal.key && withoutRuled(keyLimits, rules, names);
  if (ofKey && principal.key) {
    const owner = { type: 'key', id: principal.key.id } as const;
    limits.push({ scope: modelScope(owner, group), ...ofKey });
  }
  if (limits.length === 0 && budgets.length === 0) return principal;
  return Object.freeze({
    ...principal,
    limits: [...principal.limits, ...limits],
    budgets: [...principal.budgets, ...budgets],
  });
}

/** The first source that speaks counts: a key's or a team's rule for the model silences the model's default in that dimension. */
function withoutRuled(
  { requestsPerMinute, tokensPerMinute }: KeyLimits,
  rules: readonly ModelRules[],
  names: readonly string[],
): KeyLimits | undefined {
  const ruled = rules
    .filter(({ owner }) => owner.type === 'key' || owner.type === 'team')
    .flatMap(({ limits }) => names.flatMap((name) => (Object.hasOwn(limits, name) ? [limits[name]] : [])));
  const left = {
    ...(requestsPerMinute === undefined || ruled.some((one) => one?.requestsPerMinute !== undefined)
      ? {}
      : { requestsPerMinute }),
    ...(tokensPerMinute === undefined || ruled.some((one) => one?.tokensPerMinute !== undefined)
      ? {}
      : { tokensPerMinute }),
  };
  return Object.keys(left).length === 0 ? undefined : left;
}

/** `key:key_1:gpt-4o`: whose, and which. */
function modelScope(owner: Scope, model: string): Scope {
  return { type: 'model', id: `${owner.type}:${owner.id}:${model}` };
}
