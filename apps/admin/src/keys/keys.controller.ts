import { HttpCode, Param } from '@nestjs/common';
import { Config } from '#libs/config';
import { GatewayError, usdNumber } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { type Author, hashOfNamed, type KeyChange, Keys, KeySpend } from '#libs/tenancy';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import { toApiUsd } from '../http/wire.js';
import { KeyAnswers } from './key-answers.js';
import { DELETED_KEYS, ISSUED_KEY, KEY_ROW, RESET_SPEND } from './key-answers.schemas.js';
import { KeyPolicies } from './key-policies.js';
import { namedBy, secretFor } from './key-requests.js';
import { KeyRows } from './key-rows.js';
import { toKeyChange } from './key-fields.schemas.js';
import {
  blockBody,
  type BlockBody,
  deleteBody,
  generateBody,
  type GenerateBody,
  type NamedKeysBody,
  resetSpendBody,
  type ResetSpendBody,
  updateBody,
  type UpdateBody,
} from './keys.schemas.js';
import { TeamKeys } from './team-keys.js';

/** Changes keys. Who may is decided in `Keys`; what they look like on the wire, in `KeyAnswers`. */
@AdminController()
export class KeysController {
  constructor(
    private readonly keys: Keys,
    private readonly spend: KeySpend,
    private readonly policies: KeyPolicies,
    private readonly answers: KeyAnswers,
    private readonly rows: KeyRows,
    private readonly config: Config,
    private readonly teamKeys: TeamKeys,
  ) {}

  @Handles('POST /key/generate')
  @Answers('Makes a key; the only answer that shows it', ISSUED_KEY)
  @HttpCode(200)
  generate(@By() author: Author, @AdminBody(generateBody) body: GenerateBody): Promise<object> {
    return this.#generate(author, body, {});
  }

  @Handles('POST /key/service-account/generate')
  @Answers("Makes a key for a program of a team, which is no person's", ISSUED_KEY)
  @HttpCode(200)
  async generateServiceAccount(
    @By() author: Author,
    @AdminBody(generateBody) body: GenerateBody,
  ): Promise<object> {
    if (!body.team_id) {
      const message = 'A service account needs the team_id of its team.';
      throw new GatewayError('request.bad_field', message, {
        param: 'team_id',
        detail: { error: message },
      });
    }
    await this.teamKeys.assertTeamFor(author.principal, body.team_id);
    const named = body.metadata?.['service_account_id'];
    const id = body.key_alias ?? (typeof named === 'string' && named !== '' ? named : crypto.randomUUID());
    return this.#generate(author, { ...body, user_id: null }, { userId: null, serviceAccountId: id });
  }

  @Handles('POST /key/update')
  @Answers('Changes what is sent of a key, and nothing else', KEY_ROW)
  @HttpCode(200)
  async update(@By() author: Author, @AdminBody(updateBody) body: UpdateBody): Promise<object> {
    const { alias, ...settings } = toKeyChange(body);
    const named = body.key ? { hashes: [hashOfNamed(body.key)] } : { aliases: [body.key_alias ?? ''] };
    // Without a key the alias says which one; it is not a new name then.
    const change: KeyChange = body.key ? { alias, ...settings } : settings;
    this.policies.assertWithin(change);
    const key = await this.keys.update(author, named, change, body.spend ?? undefined);
    return { key: body.key ?? body.key_alias, ...(await this.rows.row(key)) };
  }

  @Handles('POST /key/delete')
  @Answers('Deletes keys; the archive remembers them', DELETED_KEYS)
  @HttpCode(200)
  delete(@By() author: Author, @AdminBody(deleteBody) body: NamedKeysBody): Promise<object> {
    return this.#delete(author, body);
  }

  /** The guides' spelling of the same. */
  @Handles('DELETE /key/delete')
  @Answers('Deletes keys; the archive remembers them', DELETED_KEYS)
  deleteByMethod(@By() author: Author, @AdminBody(deleteBody) body: NamedKeysBody): Promise<object> {
    return this.#delete(author, body);
  }

  @Handles('POST /key/block')
  @Answers('Blocks a key: it is refused everywhere from the answer on', KEY_ROW)
  @HttpCode(200)
  async block(@By() author: Author, @AdminBody(blockBody) body: BlockBody): Promise<object> {
    return this.rows.row(await this.keys.setBlocked(author, hashOfNamed(body.key), true));
  }

  @Handles('POST /key/unblock')
  @Answers('Lets a blocked key in again', KEY_ROW)
  @HttpCode(200)
  async unblock(@By() author: Author, @AdminBody(blockBody) body: BlockBody): Promise<object> {
    return this.rows.row(await this.keys.setBlocked(author, hashOfNamed(body.key), false));
  }

  @Handles('POST /key/{key}/reset_spend')
  @Answers('Sets what a key has spent back', RESET_SPEND)
  @HttpCode(200)
  async resetSpend(
    @By() author: Author,
    @Param('key') named: string,
    @AdminBody(resetSpendBody) body: ResetSpendBody,
  ): Promise<object> {
    const { key, previousNanoUsd, spentNanoUsd } = await this.spend.reset(
      author,
      hashOfNamed(named),
      body.reset_to,
    );
    return {
      key_hash: key.tokenHash,
      spend: usdNumber(spentNanoUsd),
      previous_spend: usdNumber(previousNanoUsd),
      max_budget: toApiUsd(key.maxBudgetNano),
      budget_reset_at: this.answers.resetsAt(key),
    };
  }

  async #generate(author: Author, sent: GenerateBody, extra: KeyChange): Promise<object> {
    const body = this.policies.withDefaults(sent);
    await this.policies.assertMayGenerate(author.principal, body);
    const settings = { ...this.policies.bounded(toKeyChange(body)), ...extra };
    const secret = secretFor(body.key, this.config, 'key');
    const issued = await this.keys.generate(author, settings, secret, body.spend ?? 0n);
    const [linked] = await this.rows.around(issued.key);
    const echo = { duration: settings.lifetime, label: body.key_name, blocked: body.blocked };
    return this.answers.issued(issued, echo, body.spend ?? 0n, linked);
  }

  async #delete(author: Author, body: NamedKeysBody): Promise<object> {
    const [named, sent] = namedBy(body);
    const deleted = await this.keys.delete(author, named);
    if (deleted.length === 0) throw new GatewayError('request.not_found', 'No keys found', { param: 'keys' });
    return { deleted_keys: sent };
  }
}
