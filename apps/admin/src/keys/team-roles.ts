import { Injectable } from '@nestjs/common';
import { readAs, TeamMember } from '#libs/database';
import type { Principal } from '#libs/kernel';
import { DataSource } from 'typeorm';

/** What somebody is in a team, whichever key it came with. */
@Injectable()
export class TeamRoles {
  constructor(private readonly database: DataSource) {}

  /** `user` for whoever is no member: whether it may act there at all is decided elsewhere. */
  async of(caller: Principal, teamId: string): Promise<'admin' | 'user'> {
    const userId = caller.user?.id;
    if (userId === undefined) return 'user';
    const member = await readAs(this.database, caller, (manager) =>
      manager.findOneBy(TeamMember, { teamId, userId }),
    );
    return member?.role ?? 'user';
  }
}
