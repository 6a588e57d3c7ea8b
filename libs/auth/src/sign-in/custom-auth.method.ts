import { type Config, type CustomAuthSettings, isBuiltInRole } from '#libs/config';
import { GatewayError, type Principal } from '#libs/kernel';
import type { Identities } from '#libs/tenancy';
import { CredentialMethod, NotMine, type Presented } from '../credential-method.js';
import { refusal } from '../refusal.js';
import { claimedRole } from './claimed-roles.js';
import { loadFunction } from './operator-module.js';
import type { SignedIn, TokenCallers } from './token-callers.js';

/** What the operator's function is told of a request. Never its body. */
export interface CustomAuthRequest {
  readonly path: string;
  /** Name, lower-case, to value. */
  readonly headers: Readonly<Record<string, string>>;
  readonly peer: string | undefined;
}

/** What it may answer; `null` leaves the decision to the other methods. */
export interface CustomAuthAnswer {
  readonly user_id?: string | null;
  readonly team_id?: string | null;
  readonly org_id?: string | null;
  readonly end_user_id?: string | null;
  readonly user_role?: string | null;
  readonly models?: readonly string[] | null;
  readonly allowed_routes?: readonly string[] | null;
  readonly metadata?: Readonly<Record<string, unknown>> | null;
}

export type CustomAuth = (
  request: CustomAuthRequest,
  apiKey: string,
) => CustomAuthAnswer | string | null | undefined | Promise<CustomAuthAnswer | string | null | undefined>;

/**
 * A function of the operator's decides who is calling (`general_settings.custom_auth`). Its answer becomes a caller like any
 * other: stored users, teams and organizations of the ids it names bring their limits, budgets and blocks.
 */
export class CustomAuthMethod extends CredentialMethod {
  readonly name = 'custom-auth';
  #decide: CustomAuth | undefined;

  constructor(
    private readonly settings: CustomAuthSettings,
    private readonly roles: Config['roles'],
    private readonly callers: TokenCallers,
    private readonly identities: Identities,
  ) {
    super();
  }

  async load(): Promise<void> {
    this.#decide = await loadFunction<CustomAuth>(this.settings.module);
  }

  accepts(): boolean {
    return true;
  }

  async authenticate({ raw, facts }: Presented): Promise<Principal> {
    if (!this.#decide) throw new Error('custom_auth was asked before it was loaded');
    const path = (facts.url ?? '').split('?', 1)[0] ?? '';
    let answer: Awaited<ReturnType<CustomAuth>>;
    try {
      answer = await this.#decide(
        { path, headers: headersOf(facts.rawHeaders), peer: facts.socket?.remoteAddress },
        raw,
      );
    } catch (cause) {
      if (this.settings.mode === 'auto') throw new NotMine();
      // The function's own words may hold anything; the log has them.
      throw new GatewayError('auth.token_invalid', 'Authentication Error, the credential was refused.', {
        param: 'None',
        cause,
      });
    }
    if (answer === null || answer === undefined) throw new NotMine();
    if (typeof answer === 'string') throw new NotMine(answer);
    const signedIn = callerOf(answer);
    return this.callers.find(`custom:${JSON.stringify(signedIn)}`, async () => {
      await this.#assertRole(signedIn.claims.role);
      return { callers: [signedIn], rows: [] };
    });
  }

  async #assertRole(role: string | undefined): Promise<void> {
    if (role === undefined || isBuiltInRole(role)) return;
    const own = await claimedRole(this.roles, this.identities, [role]);
    if (own.role === undefined)
      throw refusal('auth.token_invalid', 'custom_auth answered with a role that is not one of this proxy.');
  }
}

function callerOf(answer: CustomAuthAnswer): SignedIn {
  const {
    user_id: userId,
    team_id: teamId,
    org_id: organizationId,
    end_user_id: customerId,
    user_role: role,
  } = answer;
  return {
    ids: {
      userId: userId ?? null,
      teamId: teamId ?? null,
      organizationId: organizationId ?? null,
      customerId: customerId ?? null,
    },
    claims: {
      credential: 'custom',
      displayName: userId ?? teamId ?? 'custom-auth',
      ...(role ? { role } : {}),
      ...(answer.models ? { models: answer.models } : {}),
      ...(answer.allowed_routes ? { routes: [answer.allowed_routes] } : {}),
      ...(answer.metadata ? { metadata: answer.metadata } : {}),
    },
  };
}

function headersOf(rawHeaders: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    headers[(rawHeaders[i] ?? '').toLowerCase()] = rawHeaders[i + 1] ?? '';
  return headers;
}
