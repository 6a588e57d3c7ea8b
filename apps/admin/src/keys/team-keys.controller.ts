import { HttpCode } from '@nestjs/common';
import { GatewayError } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { type Author, hashOfNamed, Keys } from '#libs/tenancy';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import { changeEach } from './change-each.js';
import { BULK_UPDATE } from './key-answers.schemas.js';
import { KeyPolicies } from './key-policies.js';
import { KeyRows } from './key-rows.js';
import { teamKeysBody, type TeamKeysBody } from './key-bulk.schemas.js';
import { toKeyChange } from './key-fields.schemas.js';
import { TeamKeys } from './team-keys.js';

/** Changes of the keys of one team, for those who manage it, and for members whom it permits that. */
@AdminController()
export class TeamKeysController {
  constructor(
    private readonly keys: Keys,
    private readonly policies: KeyPolicies,
    private readonly rows: KeyRows,
    private readonly teamKeys: TeamKeys,
  ) {}

  /** Each is judged as in `/key/update`: managing a team does not open what its manager may not change. */
  @Handles('POST /team/key/bulk_update')
  @Answers('Changes many keys of a team in the same way', BULK_UPDATE)
  @HttpCode(200)
  async update(@By() author: Author, @AdminBody(teamKeysBody) body: TeamKeysBody): Promise<object> {
    const change = toKeyChange(body.update_fields);
    this.policies.assertWithin(change);
    const asked = new Map((body.key_ids ?? []).map((named) => [hashOfNamed(named), named]));
    const found = await this.teamKeys.hashesOf(
      author.principal,
      body.team_id,
      body.all_keys_in_team === true ? 'all' : [...asked.keys()],
    );
    const wanted = body.all_keys_in_team === true ? [...found] : [...asked.keys()];
    return changeEach(
      wanted,
      (hash) => asked.get(hash) ?? hash,
      async (hash) => {
        if (!found.has(hash)) throw new GatewayError('request.not_found', 'The team has no such key.');
        return this.rows.row(
          await this.keys.update(author, { hashes: [hash] }, change, undefined, 'update_with_team'),
        );
      },
    );
  }
}
