import { hash, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Config } from '#libs/config';
import { type Principal, PROXY_SCOPE } from '#libs/kernel';
import { proxyBudgets, proxyLimits } from './governed-scopes.js';

/** The user id and the name that stand for the master key in every record, so that the key itself stands in none. */
const MASTER_USER_ID = 'default_user_id';
const MASTER_NAME = 'litellm_proxy_master_key';

/** The operator's own key: every right, no row in any table. */
@Injectable()
export class MasterKey {
  readonly principal: Principal;
  readonly #digest: Buffer | undefined;

  constructor(config: Config) {
    const raw = config.auth.masterKey?.reveal().trim() ?? '';
    // An empty master key would be matched by an empty credential.
    this.#digest = raw === '' ? undefined : Buffer.from(hash('sha256', raw), 'hex');
    this.principal = Object.freeze({
      credential: 'master_key',
      role: 'proxy_admin',
      displayName: MASTER_NAME,
      user: { id: MASTER_USER_ID },
      modelGrants: [],
      modelAliases: {},
      limits: proxyLimits(config),
      budgets: proxyBudgets(config),
      spendScopes: [{ type: 'user', id: MASTER_USER_ID }, PROXY_SCOPE],
      tags: [],
      metadata: {},
      isCurrent: () => true,
    } satisfies Principal);
  }

  /** Whether a credential with this SHA-256 (hex) is the master key. Digests are compared in constant time, so that timing tells nothing about the key. */
  matches(credentialHash: string): boolean {
    if (this.#digest === undefined) return false;
    const presented = Buffer.from(credentialHash, 'hex');
    return presented.length === this.#digest.length && timingSafeEqual(presented, this.#digest);
  }
}
