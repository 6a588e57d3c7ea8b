import { Injectable } from '@nestjs/common';
import { KeyGrace, Team, TeamMember, User, VirtualKey } from '#libs/database';
import { Clock } from '#libs/kernel';
import { Any, DataSource, type FindOptionsWhere, MoreThan } from 'typeorm';
import { CallerDirectory } from './caller-directory.js';
import type { KeyRecord } from './caller-record.js';

/** Finds keys by their hash: what authentication asks when its cache does not know a credential. */
@Injectable()
export class KeyDirectory {
  constructor(
    private readonly database: DataSource,
    private readonly callers: CallerDirectory,
    private readonly clock: Clock,
  ) {}

  /** Undefined when no such key. Throws what the driver throws when PostgreSQL is away. */
  async findByHash(hash: string): Promise<KeyRecord | undefined> {
    return (await this.findByHashes([hash])).get(hash);
  }

  /** The caller of the key with this id, under its current secret. Undefined when there is none. */
  async findById(id: string): Promise<KeyRecord | undefined> {
    const [record] = await this.#complete(await this.#keysWhere({ id }));
    return record;
  }

  /** The same for many hashes in a few reads; hashes nobody has are not in the answer. */
  async findByHashes(hashes: readonly string[]): Promise<ReadonlyMap<string, KeyRecord>> {
    const current = await this.#keysWhere({ tokenHash: Any(hashes) });
    const records = await this.#complete([...current, ...(await this.#formerKeys(hashes, current))]);
    return new Map(records.map((record) => [record.key.tokenHash, record]));
  }

  #complete(found: readonly JoinedKey[]): Promise<KeyRecord[]> {
    const seeds = found.map(({ user = null, team = null, membership = null, ...columns }) => ({
      // For everybody but the unique index, a label is the key's name like an alias.
      key: Object.assign(new VirtualKey(), columns, { alias: columns.alias ?? columns.label }),
      user,
      team,
      member: membership,
      ids: {
        userId: columns.userId,
        teamId: columns.teamId,
        organizationId: columns.organizationId ?? team?.organizationId ?? null,
        projectId: columns.projectId,
        customerId: columns.customerId,
      },
    }));
    return this.callers.complete(seeds);
  }

  #keysWhere(where: FindOptionsWhere<VirtualKey>): Promise<JoinedKey[]> {
    return this.database
      .createQueryBuilder(VirtualKey, 'key')
      .leftJoinAndMapOne('key.user', User, 'user', '"user"."id" = "key"."user_id"')
      .leftJoinAndMapOne('key.team', Team, 'team', '"team"."id" = "key"."team_id"')
      .leftJoinAndMapOne(
        'key.membership',
        TeamMember,
        'membership',
        '"membership"."team_id" = "key"."team_id" AND "membership"."user_id" = "key"."user_id"',
      )
      .where(where)
      .getMany();
  }

  /** Keys by former secrets that still work: each is the key as it is, under the old secret's names, until the grace ends. */
  async #formerKeys(hashes: readonly string[], current: readonly JoinedKey[]): Promise<JoinedKey[]> {
    const known = new Set(current.map(({ tokenHash }) => tokenHash));
    const unknown = hashes.filter((hash) => !known.has(hash));
    if (unknown.length === 0) return [];
    const graces = await this.database.getRepository(KeyGrace).findBy({
      tokenHash: Any(unknown),
      validUntil: MoreThan(new Date(this.clock.nowMs())),
    });
    if (graces.length === 0) return [];
    const keys = await this.#keysWhere({ id: Any(graces.map(({ keyId }) => keyId)) });
    const byId = new Map(keys.map((key) => [key.id, key]));
    return graces.flatMap(({ keyId, tokenHash, maskedName, validUntil }) => {
      const key = byId.get(keyId);
      if (key === undefined) return [];
      const expiresAt = key.expiresAt !== null && key.expiresAt < validUntil ? key.expiresAt : validUntil;
      return [Object.assign(new VirtualKey(), key, { tokenHash, maskedName, expiresAt }) as JoinedKey];
    });
  }
}

type JoinedKey = VirtualKey & { user?: User | null; team?: Team | null; membership?: TeamMember | null };
