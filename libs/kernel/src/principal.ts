import type { NanoUsd } from './money.js';
import type { Scope } from './scope.js';

/** The built-in roles. Roles of an operator’s own only narrow one of them (decision 033), so no decision needs to know their names. */
export const ROLES = [
  'proxy_admin',
  'proxy_admin_viewer',
  'org_admin',
  'internal_user',
  'internal_user_viewer',
  'team',
  'customer',
] as const;
export type Role = (typeof ROLES)[number];

/** How the caller showed who it is. For logs and for what one kind alone may do; what a caller may do otherwise never depends on it. */
export type CredentialKind =
  'master_key' | 'virtual_key' | 'jwt' | 'oauth2' | 'proxy_headers' | 'session' | 'custom' | 'anonymous';

/** Requests and tokens per minute and requests at once that one scope allows; an absent member is no limit, 0 blocks. */
export interface ScopeLimit {
  readonly scope: Scope;
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly inputTokensPerMinute?: number;
  readonly outputTokensPerMinute?: number;
  readonly parallelRequests?: number;
}

/** Money one scope may spend per period. */
export interface ScopeBudget {
  readonly scope: Scope;
  /** Distinguishes several budgets of one scope (`main`, or the duration of a window). */
  readonly name: string;
  readonly capNanoUsd: NanoUsd;
  /** `30d`, `1mo`, ...; absent: the budget never resets. */
  readonly duration?: string;
  /** When the budget was made: the anchor of periods that are not calendar-aligned. */
  readonly anchorMs: number;
  /** Reaching it alerts, never refuses. */
  readonly softCapNanoUsd?: NanoUsd;
  /** Added to the cap until it ends; judged at the instant of each call, because a compiled caller outlives it. */
  readonly increase?: { readonly nanoUsd: NanoUsd; readonly endsAtMs: number };
}

/** What one scope allows per model, by the names it was written with. They bind once the call's model is known. */
export interface ModelRules {
  readonly owner: Scope;
  readonly limits: Readonly<Record<string, Omit<ScopeLimit, 'scope'>>>;
  readonly budgets: Readonly<Record<string, Omit<ScopeBudget, 'scope' | 'name'>>>;
}

/** The models that one scope, or a role, leaves its callers. */
export interface ModelGrant {
  readonly scope: Scope;
  readonly models: readonly string[];
  /** The role whose list it is; the scope is the proxy's then. */
  readonly role?: string;
}

/** Tokens of an answer nobody capped, as an operator expects them. */
export interface UsualAnswer {
  readonly tokens?: number;
  readonly ofModel: Readonly<Record<string, number>>;
}

/** Who is calling, after authentication: one immutable object, the same shape whatever the credential was. */
export interface Principal {
  readonly credential: CredentialKind;
  readonly role: Role;
  /** The name of the operator's own role, which `role` stands for. */
  readonly customRole?: string;
  /** What the role is narrowed to: paths and groups, as in `key.allowedRoutes`; every list must name the route, and none opens anything. Absent: all the role reaches. */
  readonly roleRoutes?: readonly (readonly string[])[];
  /** What the credential itself is narrowed to, in the same words: a token's scopes, its team, an administrator's token. Every list must name the route. Absent: nothing. */
  readonly credentialRoutes?: readonly (readonly string[])[];
  /** What logs and spend rows call the caller: a key id, or a name for callers without a key. Never a secret or its hash. */
  readonly displayName: string;
  readonly key?: {
    readonly id: string;
    /** sha256 hex of the raw key: what spend rows carry as `api_key`; shown to admins and owners only. */
    readonly hash: string;
    readonly alias?: string;
    /** `sk-...abcd`. */
    readonly maskedName: string;
    /** Absent: all routes. Exact paths, prefixes ending in `*`, or route group names. */
    readonly allowedRoutes?: readonly string[];
  };
  readonly user?: { readonly id: string; readonly email?: string };
  readonly team?: { readonly id: string; readonly alias?: string; readonly role?: 'admin' | 'user' };
  readonly organizationId?: string;
  readonly projectId?: string;
  /** Set when the credential pins its customer; request headers and body then cannot choose another. */
  readonly customerId?: string;
  /** Model grants of each scope that restricts them; every entry must allow the model. An empty list means all. */
  readonly modelGrants: readonly ModelGrant[];
  /** Key's and team's public name -> real model name, applied before routing. */
  readonly modelAliases: Readonly<Record<string, string>>;
  /** Every limit and budget of the scopes above, resolved once when the principal is compiled. */
  readonly limits: readonly ScopeLimit[];
  readonly budgets: readonly ScopeBudget[];
  /** Budgets with periods that its calls count in although they stand under no cap of theirs: a user's own, through a team's key. Mostly absent. */
  readonly unboundBudgets?: readonly ScopeBudget[];
  /** Absent for nearly everybody: then no call looks anything up by its model. */
  readonly modelRules?: readonly ModelRules[];
  /** The row of `budgets` for customers that requests name and that have none of their own. */
  readonly customerBudgetId?: string;
  /** What the priority limiter calls this caller's class (team's or key's metadata). */
  readonly priority?: string;
  /** Requests per minute of this key under each tag; absent for nearly everybody. */
  readonly tagLimits?: Readonly<Record<string, number>>;
  /** Limits of the key that count only while a deployment of the model fails. */
  readonly relaxedLimits?: readonly ('requests' | 'tokens')[];
  /** An exhausted key budget slows the key down to this share of its limits instead of refusing it. */
  readonly throttleTo?: number;
  /** Every scope that this caller's spend counts towards, budgeted or not. */
  readonly spendScopes: readonly Scope[];
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Models that stand in for one whose budget is used up, in order (`budget_fallbacks` of the key); absent for nearly everybody. */
  readonly budgetFallbacks?: Readonly<Record<string, readonly string[]>>;
  /** How many tokens an answer without a cap of its own takes: what the key says, then its team. Absent for nearly everybody. */
  readonly usualAnswers?: readonly UsualAnswer[];
  /** Members that the body of every completion has to have, as paths (`metadata.generation_name`); absent for nearly everybody. */
  readonly requiredParams?: readonly string[];
  /** Pass-through endpoints, by path: what the key, else its team, may call, and what either may not whatever else says so. Absent: neither says anything. */
  readonly passThrough?: { readonly allowed: readonly string[]; readonly denied: readonly string[] };
  /** The same person in other teams, in order: a token that names several teams is judged by the first that may call the model. */
  readonly alternatives?: readonly Principal[];
  /** Milliseconds since the epoch; checked on every request, because a cached principal outlives its expiry. */
  readonly expiresAtMs?: number;
  /** False once a change notification dropped this compiled object; checked again after the last await before the upstream call. */
  isCurrent(): boolean;
}
