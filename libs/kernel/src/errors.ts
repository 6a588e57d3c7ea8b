import type { Denial } from './denial.js';
import { newId } from './ids.js';
import type { Principal } from './principal.js';

/**
 * Every way a request can fail, in one table: `room.reason` -> HTTP status and the `type` a client sees on the wire.
 * Wire types are those of contract/auth 2.2 and contract/limits 5.8.
 */
export const ERROR_CODES = {
  'auth.credential_missing': { status: 401, type: 'auth_error' },
  'auth.credential_malformed': { status: 401, type: 'auth_error' },
  'auth.credential_unknown': { status: 401, type: 'token_not_found_in_db' },
  'auth.key_blocked': { status: 401, type: 'auth_error' },
  'auth.key_expired': { status: 401, type: 'expired_key' },
  'auth.team_blocked': { status: 401, type: 'auth_error' },
  'auth.user_blocked': { status: 401, type: 'auth_error' },
  'auth.project_blocked': { status: 401, type: 'auth_error' },
  'auth.customer_blocked': { status: 403, type: 'auth_error' },
  'auth.token_invalid': { status: 401, type: 'auth_error' },
  'auth.session_over': { status: 401, type: 'auth_error' },
  'auth.password_wrong': { status: 401, type: 'auth_error' },
  'auth.too_many_attempts': { status: 429, type: 'auth_error' },
  'auth.cross_site': { status: 403, type: 'auth_error' },
  'auth.provider_unavailable': { status: 503, type: 'auth_provider_unavailable' },
  'auth.store_unavailable': { status: 503, type: 'no_db_connection' },
  'rbac.route_denied': { status: 403, type: 'auth_error' },
  'rbac.admin_only': { status: 401, type: 'auth_error' },
  'rbac.network_denied': { status: 403, type: 'auth_error' },
  'rbac.key_model_denied': { status: 403, type: 'key_model_access_denied' },
  'rbac.team_model_denied': { status: 403, type: 'team_model_access_denied' },
  'rbac.user_model_denied': { status: 403, type: 'user_model_access_denied' },
  'rbac.organization_model_denied': { status: 403, type: 'org_model_access_denied' },
  'rbac.deployment_denied': { status: 403, type: 'key_model_access_denied' },
  'rbac.forbidden': { status: 403, type: 'auth_error' },
  'rbac.member_permission': { status: 401, type: 'team_member_permission_error' },
  'rbac.parameter_denied': { status: 401, type: 'auth_error' },
  'request.invalid': { status: 400, type: 'invalid_request_error' },
  'request.unprocessable': { status: 422, type: 'invalid_request_error' },
  'request.bad_field': { status: 400, type: 'bad_request_error' },
  'request.too_large': { status: 413, type: 'bad_request_error' },
  'request.timeout': { status: 408, type: 'invalid_request_error' },
  'request.not_found': { status: 404, type: 'not_found_error' },
  'request.method_not_allowed': { status: 405, type: 'invalid_request_error' },
  'request.already_member': { status: 400, type: 'team_member_already_in_team' },
  'request.conflict': { status: 409, type: 'bad_request_error' },
  'request.context_window_exceeded': { status: 400, type: 'invalid_request_error' },
  'routing.model_unknown': { status: 400, type: 'invalid_request_error' },
  'routing.all_in_cooldown': { status: 429, type: 'all_deployments_in_cooldown' },
  'routing.tags_denied': { status: 401, type: 'internal_server_error' },
  'routing.provider_unsupported': { status: 400, type: 'invalid_request_error' },
  'budget.exceeded': { status: 422, type: 'budget_exceeded' },
  'budget.busy': { status: 429, type: 'rate_limit_error' },
  'budget.price_missing': { status: 403, type: 'model_cost_map_missing' },
  'ratelimit.exceeded': { status: 429, type: 'rate_limit_error' },
  'counters.unavailable': { status: 503, type: 'internal_server_error' },
  'ledger.backlog_full': { status: 503, type: 'internal_server_error' },
  'upstream.rejected': { status: 502, type: 'internal_server_error' },
  'upstream.content_policy': { status: 400, type: 'invalid_request_error' },
  'upstream.unreachable': { status: 503, type: 'internal_server_error' },
  'upstream.timeout': { status: 408, type: 'invalid_request_error' },
  'upstream.too_large': { status: 400, type: 'bad_request_error' },
  'upstream.broken_stream': { status: 502, type: 'internal_server_error' },
  'server.draining': { status: 503, type: 'internal_server_error' },
  'server.overloaded': { status: 503, type: 'internal_server_error' },
  'secrets.key_missing': { status: 503, type: 'internal_server_error' },
  'secrets.unreadable': { status: 500, type: 'internal_server_error' },
  'internal.unexpected': { status: 500, type: 'internal_server_error' },
} as const satisfies Record<`${string}.${string}`, { status: number; type: string }>;

/** `room.reason`; a failure without a row in the table does not compile. */
export type ErrorCode = keyof typeof ERROR_CODES;

export interface GatewayErrorOptions {
  /** For the log only; never reaches a client. */
  internal?: string;
  cause?: unknown;
  /** `error.param` on the wire; default `null`. */
  param?: string | null;
  /** Replaces the table's status: an upstream's own status, `budget_exceeded_status_code`. */
  status?: number;
  /** Replaces the table's wire type: an upstream's own type. */
  type?: string;
  /** Extra response headers, lower-case names. */
  headers?: Readonly<Record<string, string>>;
  denial?: Denial;
  /** Who was refused, where that was known and the caller never came to be: a blocked key, an expired one. */
  caller?: Principal;
  /** Extra members beside `error` in the body: contract families that carry `detail`. */
  detail?: unknown;
}

/**
 * The only error type that reaches a client. `publicMessage` is written for the caller; `internal` and `cause` reach the
 * log and nobody else. Anything thrown that is not a GatewayError is answered as `internal.unexpected`.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly status: number;
  readonly type: string;
  readonly param: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly denial: Denial | undefined;
  readonly detail: unknown;
  readonly #caller: Principal | undefined;
  #decisionId: string | undefined;

  constructor(
    readonly code: ErrorCode,
    readonly publicMessage: string,
    options: GatewayErrorOptions = {},
  ) {
    super(
      options.internal ?? publicMessage,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.status = options.status ?? ERROR_CODES[code].status;
    this.type = options.type ?? ERROR_CODES[code].type;
    this.param = options.param ?? null;
    this.headers = options.headers ?? {};
    this.denial = options.denial;
    this.detail = options.detail;
    this.#caller = options.caller;
  }

  /** Private, so that nothing that prints an error prints a caller. */
  get caller(): Principal | undefined {
    return this.#caller;
  }

  /**
   * Names this refusal for whoever asks why: in the answer, in the log line and in what is kept of it. Made when it is first asked
   * for; undefined for failures that are nobody's decision.
   */
  get decisionId(): string | undefined {
    if (this.denial === undefined && (!DECIDED.has(this.status) || this.code.startsWith('request.')))
      return undefined;
    return (this.#decisionId ??= newId('dec'));
  }
}

/** Statuses that say no to somebody. A budget's may be another one, and has a denial; 422 alone says that a field is wrong. */
const DECIDED: ReadonlySet<number> = new Set([401, 403, 429]);

/** Whether somebody was told no, in contrast to something having gone wrong: an outage, a defect. */
export function isRefusal(thrown: unknown): thrown is GatewayError {
  return thrown instanceof GatewayError && thrown.status < 500;
}
