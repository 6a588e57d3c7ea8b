import { Injectable } from '@nestjs/common';
import { Config, type KeyGenerationRule } from '#libs/config';
import { GatewayError, type Principal } from '#libs/kernel';
import { after, type KeyChange, parseDuration } from '#libs/tenancy';
import { isEmpty } from '../http/fields.schemas.js';
import { parseBody } from '../http/request-body.js';
import { toKeyChange } from './key-fields.schemas.js';
import { generateBody, type GenerateBody } from './keys.schemas.js';
import { TeamRoles } from './team-roles.js';

/** Settings of a key that an operator can bound, and their names on the wire. */
const BOUNDED = {
  capNanoUsd: 'max_budget',
  requestsPerMinute: 'rpm_limit',
  tokensPerMinute: 'tpm_limit',
  parallelRequests: 'max_parallel_requests',
  budgetDuration: 'budget_duration',
  lifetime: 'duration',
} as const satisfies Partial<Record<keyof KeyChange, string>>;
type Bounded = keyof typeof BOUNDED;

/**
 * What an operator wrote about new keys: defaults for what a request leaves open, bounds for what it may ask, and who may
 * ask. A setting that cannot be read stops the start, because it was meant to restrict.
 */
@Injectable()
export class KeyPolicies {
  readonly #defaults: GenerateBody;
  readonly #bounds: KeyChange;

  constructor(
    private readonly config: Config,
    private readonly teamRoles: TeamRoles,
  ) {
    this.#defaults = read(config.keys.defaults, 'litellm_settings.default_key_generate_params');
    this.#bounds = toKeyChange(
      read(config.keys.upperBounds, 'litellm_settings.upperbound_key_generate_params'),
    );
  }

  /** The body with the operator's defaults where it says nothing. */
  withDefaults(body: GenerateBody): GenerateBody {
    const filled: Record<string, unknown> = { ...body };
    for (const [field, value] of Object.entries(this.#defaults)) {
      if (value !== undefined && isEmpty(filled[field])) filled[field] = value;
    }
    return filled as GenerateBody;
  }

  /** A new key's settings within the operator's bounds: what is not asked for is the bound. Throws 400 for more. */
  bounded(settings: KeyChange): KeyChange {
    const filled: Record<string, unknown> = { ...settings };
    for (const name of namesOf(this.#bounds)) if (isEmpty(filled[name])) filled[name] = this.#bounds[name];
    const bounded = filled as KeyChange;
    this.assertWithin(bounded);
    return bounded;
  }

  /** Throws 400 when a change asks for more than the operator's bounds; to ask for no limit is to ask for more. */
  assertWithin(settings: KeyChange): void {
    for (const name of namesOf(this.#bounds)) {
      const asked = settings[name];
      const most = this.#bounds[name];
      if (asked === undefined || most === undefined || most === null) continue;
      if (asked !== null && amountOf(asked) <= amountOf(most)) continue;
      throw new GatewayError(
        'request.bad_field',
        `${BOUNDED[name]} is over max limit set in config - ${asked === null ? 'none' : shown(name, asked)} over ${shown(name, most)}.`,
        { param: BOUNDED[name] },
      );
    }
  }

  /** Throws 400 when the operator does not let this caller make such a key, or wants something said that is not. */
  async assertMayGenerate(caller: Principal, body: GenerateBody): Promise<void> {
    if (caller.role === 'proxy_admin') return;
    const { team, personal } = this.config.keys.generation;
    const teamId = body.team_id ?? '';
    const isTeams = teamId !== '';
    const rule = isTeams ? team : personal;
    if (rule === undefined) return;
    const role = isTeams ? await this.teamRoles.of(caller, teamId) : caller.role;
    assertRole(rule, role, isTeams ? 'team' : 'personal');
    const missing = rule.requiredParams.find((param) => isEmpty((body as Record<string, unknown>)[param]));
    if (missing === undefined) return;
    throw new GatewayError('request.bad_field', `The operator requires '${missing}' for such keys.`, {
      param: missing,
    });
  }
}

function read(params: Readonly<Record<string, unknown>>, setting: string): GenerateBody {
  try {
    const { value, ignored } = parseBody(generateBody, params);
    if (ignored.length === 0) return value;
    throw new Error(`${setting}: '${ignored[0]}' is not a field of a key.`);
  } catch (thrown) {
    if (thrown instanceof GatewayError)
      throw new Error(`${setting}: ${thrown.publicMessage}`, { cause: thrown });
    throw thrown;
  }
}

function namesOf(bounds: KeyChange): Bounded[] {
  return (Object.keys(BOUNDED) as Bounded[]).filter(
    (name) => bounds[name] !== undefined && bounds[name] !== null,
  );
}

/** Lengths of time are compared by where they end when they begin now. */
function amountOf(value: bigint | number | string): bigint | number {
  if (typeof value !== 'string') return value;
  const duration = parseDuration(value);
  return duration === undefined ? Infinity : after(0, duration);
}

function shown(name: Bounded, value: bigint | number | string): string {
  return name === 'capNanoUsd' ? String(Number(value) / 1e9) : String(value);
}

function assertRole({ allowedRoles }: KeyGenerationRule, role: string, kind: 'team' | 'personal'): void {
  if (allowedRoles.length === 0 || allowedRoles.includes(role)) return;
  throw new GatewayError(
    'request.bad_field',
    `The operator lets only ${allowedRoles.join(', ')} make ${kind} keys; your role is ${role}.`,
    { param: kind === 'team' ? 'team_id' : 'user_id' },
  );
}
