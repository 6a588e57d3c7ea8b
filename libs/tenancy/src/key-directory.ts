import { Injectable } from '@nestjs/common';
import { Team, TeamMember, User, VirtualKey } from '#libs/database';
import { Any, DataSource } from 'typeorm';
import { CallerDirectory } from './caller-directory.js';
import type { KeyRecord } from './caller-record.js';

/** Finds keys by their hash: what authentication asks when its cache does not know a credential. */
@Injectable()
export class KeyDirectory {
  constructor(
    private readonly database: DataSource,
    private readonly callers: CallerDirectory,
  ) {}

  /** Undefined when no such key. Throws what the driver throws when PostgreSQL is away. */
  async findByHash(hash: string): Promise<KeyRecord | undefined> {
    return (await this.findByHashes([hash])).get(hash);
  }

  /** The same for many hashes in a few reads; hashes nobody has are not in the answer. */
  async findByHashes(hashes: readonly string[]): Promise<ReadonlyMap<string, KeyRecord>> {
    const found = (await this.database
      .createQueryBuilder(VirtualKey, 'key')
      .leftJoinAndMapOne('key.user', User, 'user', '"user"."id" = "key"."user_id"')
      .leftJoinAndMapOne('key.team', Team, 'team', '"team"."id" = "key"."team_id"')
      .leftJoinAndMapOne(
        'key.membership',
        TeamMember,
        'membership',
        '"membership"."team_id" = "key"."team_id" AND "membership"."user_id" = "key"."user_id"',
      )
      .where({ tokenHash: Any(hashes) })
      .getMany()) as JoinedKey[];
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
    const records: KeyRecord[] = await this.callers.complete(seeds);
    return new Map(records.map((record) => [record.key.tokenHash, record]));
  }
}

type JoinedKey = VirtualKey & { user?: User | null; team?: Team | null; membership?: TeamMember | null };
