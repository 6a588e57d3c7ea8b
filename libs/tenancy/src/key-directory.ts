import { Injectable } from '@nestjs/common';
import { Team, TeamMember, User, VirtualKey } from '#libs/database';
import { Any, DataSource } from 'typeorm';

/** A key and the rows its caller is compiled from. */
export interface KeyRecord {
  readonly key: VirtualKey;
  /** Null when the key names no user, or one that does not exist (an administrator may bind a key to a name in advance). */
  readonly user: User | null;
  readonly team: Team | null;
  /** The user's role in the team; null when it is not a member. */
  readonly teamRole: 'admin' | 'user' | null;
}

/** Finds keys by their hash: what authentication asks when its cache does not know a credential. */
@Injectable()
export class KeyDirectory {
  constructor(private readonly database: DataSource) {}

  /** One joined read; undefined when no such key. Throws what the driver throws when PostgreSQL is away. */
  async findByHash(hash: string): Promise<KeyRecord | undefined> {
    return (await this.findByHashes([hash])).get(hash);
  }

  /** The same for many hashes in one read; hashes nobody has are not in the answer. */
  async findByHashes(hashes: readonly string[]): Promise<ReadonlyMap<string, KeyRecord>> {
    const found = await this.database
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
      .getMany();
    return new Map(
      (found as JoinedKey[]).map(({ user, team, membership, ...columns }) => [
        columns.tokenHash,
        // For everybody but the unique index, a label is the key's name like an alias.
        {
          key: Object.assign(new VirtualKey(), columns, { alias: columns.alias ?? columns.label }),
          user: user ?? null,
          team: team ?? null,
          teamRole: membership?.role ?? null,
        },
      ]),
    );
  }
}

type JoinedKey = VirtualKey & { user?: User | null; team?: Team | null; membership?: TeamMember | null };
