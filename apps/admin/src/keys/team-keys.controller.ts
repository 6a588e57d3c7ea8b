import { HttpCode } from '@nestjs/common';
import { GatewayError, isRefusal } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { type Author, hashOfNamed, Keys } from '#libs/tenancy';
import { AdminBody, AdminController, By } from '../http/decorators.js';
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

  /** Each key for itself, and each judged as in `/key/update`: managing a team does not open what its manager may not change. */
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
    const successful: object[] = [];
    const failed: object[] = [];
    for (const hash of wanted) {
      const key = asked.get(hash) ?? hash;
      try {
        if (!found.has(hash)) throw new GatewayError('request.not_found', 'The team has no such key.');
        const updated = await this.keys.update(
          author,
          { hashes: [hash] },
          change,
          undefined,
          'update_with_team',
        );
        successful.push({ key, key_info: await this.rows.row(updated) });
      } catch (thrown) {
        if (!isRefusal(thrown)) throw thrown;
        failed.push({ key, key_info: null, failed_reason: thrown.publicMessage });
      }
    }
    return { total_requested: wanted.length, successful_updates: successful, failed_updates: failed };
  }
}
