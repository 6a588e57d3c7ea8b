import { Injectable } from '@nestjs/common';
import { VirtualKey } from '#libs/database';
import { type EntityManager, IsNull } from 'typeorm';
import { NO_MODELS } from '#libs/kernel';
import type { CallerIds } from './caller-record.js';
import { isClaimTaken, JwtKeyMappings, type TokenClaim } from './jwt-key-mappings.js';
import { Keys } from './keys.js';
import { PROVIDER } from './authors.js';
import { CONSOLE_TEAM_ID } from './reserved-ids.js';
import { type Transaction, Transactions } from './transactions.js';

/** Whom a token's new key is for. */
export interface Registration {
  readonly ids: Partial<CallerIds>;
  /** What the token itself is narrowed to; absent: nothing. */
  readonly models?: readonly string[] | undefined;
  /** The user's own newest key for models serves as well, where there is one. */
  readonly mayReuse: boolean;
}

/** A key of a token's calls models and reads about itself. */
const ROUTES = ['llm_api_routes', 'info_routes'];
const SECRET_BYTES = 32;

/** Gives tokens that stand for no key yet one of their own (`unregistered_jwt_client_behavior: auto_register`). */
@Injectable()
export class JwtRegistration {
  constructor(
    private readonly transactions: Transactions,
    private readonly keys: Keys,
    private readonly mappings: JwtKeyMappings,
  ) {}

  /** Id of the key that the claim stands for from now on. Of many that ask at once one makes it, and all get the same. */
  async register(claim: TokenClaim, registration: Registration): Promise<string> {
    try {
      return await this.transactions.run(PROVIDER, async (transaction) => {
        const keyId =
          (registration.mayReuse ? await ownKey(transaction.manager, registration.ids) : undefined) ??
          (await this.#newKey(transaction, claim, registration));
        await this.mappings.issue(transaction, PROVIDER.principal, claim, keyId);
        return keyId;
      });
    } catch (thrown) {
      const present = isClaimTaken(thrown) ? await this.mappings.keyIdOf(claim) : undefined;
      if (present === undefined) throw thrown;
      return present;
    }
  }

  /** Nobody learns its secret: only the token opens it. */
  async #newKey(transaction: Transaction, claim: TokenClaim, { ids, models }: Registration): Promise<string> {
    const { userId, teamId, organizationId } = ids;
    const { key } = await this.keys.issue(
      transaction,
      PROVIDER,
      {
        userId,
        teamId,
        organizationId,
        allowedRoutes: ROUTES,
        ...(models === undefined ? {} : { models: models.length === 0 ? [NO_MODELS] : models }),
        metadata: { auto_registered: true, jwt_claim_field: claim.name, jwt_claim_value: claim.value },
      },
      { randomBytes: SECRET_BYTES },
    );
    return key.id;
  }
}

/** The newest key for models that the user has in this team, as it would be for ever: no end, no block, no session's, no token's. */
async function ownKey(manager: EntityManager, ids: Partial<CallerIds>): Promise<string | undefined> {
  const { userId, teamId } = ids;
  if (userId === null || userId === undefined || teamId === CONSOLE_TEAM_ID) return undefined;
  const keys = await manager.find(VirtualKey, {
    where: { userId, teamId: teamId ?? IsNull(), blocked: false, expiresAt: IsNull() },
    order: { createdAt: 'DESC', id: 'DESC' },
    take: 100,
  });
  return keys.find(
    ({ allowedRoutes, metadata }) =>
      metadata['auto_registered'] !== true &&
      (allowedRoutes.length === 0 || allowedRoutes.includes('llm_api_routes')),
  )?.id;
}
