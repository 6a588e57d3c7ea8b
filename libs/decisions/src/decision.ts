import { type CredentialKind, type Denial, type GatewayError, type Principal } from '#libs/kernel';
import { type Check, checkOf, judgedChecks, plannedChecks } from './check.js';

/** Who a decision is about: ids, never a credential. */
export interface Subject {
  readonly credential: CredentialKind;
  /** Built-in, or the operator's own: whatever name the caller has it by. */
  readonly role: string;
  readonly keyId: string | null;
  readonly userId: string | null;
  readonly teamId: string | null;
  readonly organizationId: string | null;
  readonly customerId: string | null;
}

/** A refusal as it is kept. */
export interface Decision {
  readonly id: string;
  readonly at: Date;
  readonly code: string;
  readonly status: number;
  readonly message: string;
  /** `POST /v1/chat/completions`, as declared and never the URL. */
  readonly route: string;
  readonly model: string | null;
  readonly requestId: string | null;
  /** Null: a credential that nobody has. */
  readonly subject: Subject | null;
  readonly checks: readonly Check[];
}

/** What is known around a refusal besides the error. */
export interface RefusedRequest {
  readonly principal: Principal | undefined;
  readonly route: string;
  readonly model?: string | undefined;
  readonly requestId?: string | undefined;
  readonly isCompletion: boolean;
}

/** Who was refused, in ids: what a decision keeps of its caller. */
export function subjectOf(principal: Principal): Subject {
  const { credential, role, customRole, key, user, team, organizationId, customerId } = principal;
  return {
    credential,
    // A token's word may be of any length.
    role: customRole?.slice(0, 64) ?? role,
    keyId: key?.id ?? null,
    userId: user?.id ?? null,
    teamId: team?.id ?? null,
    organizationId: organizationId ?? null,
    customerId: customerId ?? null,
  };
}

/** Models are chosen by callers: what is kept of a name is bounded. */
const LONGEST_MODEL = 256;

/** The refusal as data, from the very error that the client was answered and the log line was made from. */
export function decisionOf(id: string, atMs: number, error: GatewayError, request: RefusedRequest): Decision {
  const principal = error.caller ?? request.principal;
  const denial: Denial = error.denial ?? { code: error.code };
  return {
    id,
    at: new Date(atMs),
    code: error.code,
    status: error.status,
    message: error.publicMessage,
    route: request.route,
    model: request.model === undefined ? null : request.model.slice(0, LONGEST_MODEL).replaceAll('\0', ''),
    requestId: request.requestId ?? null,
    subject: principal === undefined ? null : subjectOf(principal),
    checks: judgedChecks(
      plannedChecks(principal, request.isCompletion),
      [denial, ...(denial.others ?? [])],
      // A caller that never came to be was kept out by its rows, before anything else was asked.
      error.caller === undefined || denial.code === 'auth.key_expired'
        ? { name: checkOf(denial), whole: false }
        : { name: 'blocked', whole: false },
    ),
  };
}
