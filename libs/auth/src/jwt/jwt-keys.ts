import { isBuiltInRole, type JwtSettings } from '#libs/config';
import { GatewayError } from '#libs/kernel';
import { claimId, type Identities, type JwtKeyMappings, type JwtRegistration } from '#libs/tenancy';
import { isForKey, type Resolution } from '../sign-in/token-callers.js';
import { textClaim } from './claims.js';
import type { JwtCallers } from './jwt-callers.js';
import type { VerifiedToken } from './token-verifier.js';

/**
 * Tokens with a claim that stands for a virtual key are that key, with all that binds it (contract/auth 3.7); the others mean what
 * their claims say, are refused, or get a key of their own, as the operator wants it. A mapping whose key is gone refuses:
 * nobody comes back through another door.
 */
export class JwtKeys {
  constructor(
    private readonly settings: JwtSettings,
    private readonly mappings: JwtKeyMappings,
    private readonly registration: JwtRegistration,
    private readonly identities: Identities,
    private readonly meaning: JwtCallers,
  ) {}

  async resolve(token: VerifiedToken, askedTeam: string | undefined): Promise<Resolution> {
    const { options } = this.settings;
    const fields = [
      token.issuer?.virtual_key_claim_field,
      options.virtual_key_claim_field ?? options.jwt_client_id_field,
    ].filter((name) => name !== undefined);
    if (fields.length === 0) return this.meaning.resolve(token, askedTeam);
    const unregistered =
      token.issuer?.unregistered_jwt_client_behavior ??
      options.unregistered_jwt_client_behavior ??
      'fallback_team_mapping';
    const name = fields.find((one) => textClaim(token.claims, one) !== undefined);
    const value = textClaim(token.claims, name);
    if (name === undefined || value === undefined) {
      if (unregistered === 'fallback_team_mapping') return this.meaning.resolve(token, askedTeam);
      throw forbidden('the token does not say which client it is for.');
    }
    const { iss } = token.claims;
    const issuer = typeof iss === 'string' ? iss : '';
    const rows = [`jwt_key_mapping:${claimId(name, value)}`];
    const keyId = await this.mappings.keyIdOf({ issuer, name, value });
    if (keyId !== undefined) return { callers: [{ keyId }], rows };
    if (unregistered === 'reject') throw forbidden('the client of this token is not registered.');
    const meant = await this.meaning.resolve(token, askedTeam);
    const resolution = { callers: meant.callers, rows: [...rows, ...meant.rows] };
    if (unregistered === 'fallback_team_mapping' || (await this.#outgrowsKeys(meant))) return resolution;
    const [first] = meant.callers;
    if (isForKey(first)) return resolution;
    const registered = await this.registration.register(
      { issuer, name, value },
      { ids: first.ids, models: first.claims.models, mayReuse: this.#mayReuse(token, name) },
    );
    return { callers: [{ keyId: registered }], rows };
  }

  /** An administrator's rights never go into a key that lasts longer than the token; and a key would not have the role that the token says. */
  async #outgrowsKeys({ callers: [first] }: Resolution): Promise<boolean> {
    if (isForKey(first)) return false;
    const { role } = first.claims;
    if (role === 'proxy_admin' || (role !== undefined && !isBuiltInRole(role))) return true;
    const { userId } = first.ids;
    if (userId === null || userId === undefined) return false;
    return (await this.identities.findUser(userId, undefined))?.role === 'proxy_admin';
  }

  /** Only a claim that says who somebody is leads to the keys of that person. */
  #mayReuse({ issuer }: VerifiedToken, name: string): boolean {
    const { options } = this.settings;
    const people = [
      issuer?.user_id_jwt_field,
      issuer?.user_email_jwt_field,
      options.user_id_jwt_field,
      options.user_email_jwt_field,
    ];
    return options.auto_register_map_existing_key === true && people.includes(name);
  }
}

function forbidden(why: string): GatewayError {
  return new GatewayError('rbac.forbidden', `Authentication Error, ${why}`, { param: 'None' });
}
