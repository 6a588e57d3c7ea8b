import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { insertRow, JwtKeyMapping, lockRow, readAs, writeRow } from '#libs/database';
import { Clock, GatewayError, newId, type Principal } from '#libs/kernel';
import { DataSource, type EntityManager, In } from 'typeorm';
import { assertAdministers, assertReads, makerOf } from './authority.js';
import { lockKeys } from './key-rows.js';
import { type Author, type Transaction, Transactions } from './transactions.js';
import { orTaken, violatedIndex } from './unique.js';

/** A claim as a token carries it; `issuer` empty: tokens of every issuer. */
export interface TokenClaim {
  readonly issuer: string;
  readonly name: string;
  readonly value: string;
}

/** What an administrator decides about a mapping. In a change, an absent member is left as it is. */
export interface MappingSettings {
  readonly issuer?: string | undefined;
  readonly name?: string | undefined;
  readonly value?: string | undefined;
  /** Of the key that the claim stands for. */
  readonly keyHash?: string | undefined;
  readonly description?: string | null | undefined;
  readonly isActive?: boolean | undefined;
}

const CLAIM_INDEX = 'jwt_key_mappings_claim_key';

/** Which virtual key a signed token stands for. Proxy administrators change it, those who see everything read it. */
@Injectable()
export class JwtKeyMappings {
  constructor(
    private readonly database: DataSource,
    private readonly transactions: Transactions,
    private readonly clock: Clock,
  ) {}

  /** Throws 409 when the claim stands for a key already, 400 when there is no such key. */
  async create(
    author: Author,
    claim: TokenClaim,
    { keyHash, description = null, isActive = true }: MappingSettings,
  ): Promise<JwtKeyMapping> {
    assertAdministers(author.principal);
    return orTaken(CLAIM_INDEX, claimTaken, () =>
      this.transactions.run(author, async (transaction) =>
        insertMapping(transaction, {
          ...this.#blank(author.principal, claim),
          keyId: await this.#keyId(transaction.manager, keyHash ?? ''),
          description,
          isActive,
        }),
      ),
    );
  }

  /** Throws 404 when there is none, 409 when another has the claim, 400 when there is no such key. */
  async update(author: Author, id: string, change: MappingSettings): Promise<JwtKeyMapping> {
    assertAdministers(author.principal);
    return orTaken(CLAIM_INDEX, claimTaken, () =>
      this.transactions.run(author, async (transaction) => {
        const { manager } = transaction;
        const before = await lock(manager, id);
        const { keyHash } = change;
        const columns: Partial<JwtKeyMapping> = {
          ...(change.issuer === undefined ? {} : { jwtIssuer: change.issuer }),
          ...(change.name === undefined ? {} : { jwtClaimName: change.name }),
          ...(change.value === undefined ? {} : { jwtClaimValue: change.value }),
          ...(keyHash === undefined ? {} : { keyId: await this.#keyId(manager, keyHash) }),
          ...(change.description === undefined ? {} : { description: change.description }),
          ...(change.isActive === undefined ? {} : { isActive: change.isActive }),
          updatedBy: makerOf(author.principal),
          updatedAt: new Date(this.clock.nowMs()),
        };
        const after = await writeRow(manager, JwtKeyMapping, { id }, columns);
        await transaction.record('updated', 'jwt_key_mapping', id, { before, after });
        await announce(transaction, before);
        await announce(transaction, after);
        return after;
      }),
    );
  }

  /** The claim stands for nothing again. Throws 404 when there is none. */
  async delete(author: Author, id: string): Promise<void> {
    assertAdministers(author.principal);
    await this.transactions.run(author, async (transaction) => {
      const before = await lock(transaction.manager, id);
      await transaction.manager.delete(JwtKeyMapping, { id });
      await transaction.record('deleted', 'jwt_key_mapping', id, { before, after: null });
      await announce(transaction, before);
    });
  }

  /** Throws 404 when there is none. */
  async find(caller: Principal, id: string): Promise<JwtKeyMapping> {
    assertReads(caller);
    const found = await readAs(this.database, caller, (manager) => manager.findOneBy(JwtKeyMapping, { id }));
    if (found === null) throw notFound();
    return found;
  }

  /** The newest first. */
  async list(
    caller: Principal,
    page: number,
    size: number,
  ): Promise<{ readonly rows: readonly JwtKeyMapping[]; readonly total: number }> {
    assertReads(caller);
    const [rows, total] = await readAs(this.database, caller, (manager) =>
      manager.findAndCount(JwtKeyMapping, {
        order: { createdAt: 'DESC', id: 'DESC' },
        skip: (page - 1) * size,
        take: size,
      }),
    );
    return { rows, total };
  }

  /** Id of the key that the claim stands for; a mapping of the token's own issuer counts before one for every issuer. */
  async keyIdOf({ issuer, name, value }: TokenClaim): Promise<string | undefined> {
    const rows = await this.database.getRepository(JwtKeyMapping).find({
      where: {
        jwtClaimName: name,
        jwtClaimValue: value,
        jwtIssuer: In([issuer, '']),
        isActive: true,
      },
      order: { jwtIssuer: 'DESC' },
      take: 1,
    });
    return rows[0]?.keyId;
  }

  /** Adds the mapping to a change that somebody else began. Throws the database's error when the claim has one already. */
  async issue(
    transaction: Transaction,
    by: Principal,
    claim: TokenClaim,
    keyId: string,
  ): Promise<JwtKeyMapping> {
    return insertMapping(transaction, { ...this.#blank(by, claim), keyId });
  }

  #blank(by: Principal, { issuer, name, value }: TokenClaim): JwtKeyMapping {
    const nowMs = this.clock.nowMs();
    const now = new Date(nowMs);
    const maker = makerOf(by);
    return {
      id: newId('jwtmap', nowMs),
      jwtIssuer: issuer,
      jwtClaimName: name,
      jwtClaimValue: value,
      keyId: '',
      description: null,
      isActive: true,
      createdBy: maker,
      updatedBy: maker,
      createdAt: now,
      updatedAt: now,
    };
  }

  async #keyId(manager: EntityManager, keyHash: string): Promise<string> {
    const [key] = await lockKeys(manager, { hashes: [keyHash] }, new Date(this.clock.nowMs()));
    if (key === undefined) {
      const message = 'There is no such key.';
      throw new GatewayError('request.bad_field', message, { param: 'key', detail: message });
    }
    return key.id;
  }
}

/** By what name processes hear that a claim's mappings changed; its text need not travel. */
export function claimId(name: string, value: string): string {
  return hash('sha256', `${name}\0${value}`);
}

/** Whether a write failed because the claim has a mapping already. */
export function isClaimTaken(thrown: unknown): boolean {
  return violatedIndex(thrown) === CLAIM_INDEX;
}

async function insertMapping(transaction: Transaction, row: JwtKeyMapping): Promise<JwtKeyMapping> {
  const after = await insertRow(transaction.manager, JwtKeyMapping, row);
  await transaction.record('created', 'jwt_key_mapping', row.id, { before: null, after });
  await announce(transaction, after);
  return after;
}

async function announce(
  transaction: Transaction,
  { jwtClaimName, jwtClaimValue }: JwtKeyMapping,
): Promise<void> {
  await transaction.announce('jwt_key_mapping', claimId(jwtClaimName, jwtClaimValue));
}

async function lock(manager: EntityManager, id: string): Promise<JwtKeyMapping> {
  const found = await lockRow(manager, JwtKeyMapping, { id });
  if (found === null) throw notFound();
  return found;
}

function claimTaken(cause: unknown): GatewayError {
  const message = 'This claim stands for a key already, for the same issuer.';
  return new GatewayError('request.conflict', message, { param: 'jwt_claim_value', detail: message, cause });
}

function notFound(): GatewayError {
  const message = 'There is no such mapping.';
  return new GatewayError('request.not_found', message, { param: 'id', detail: message });
}
