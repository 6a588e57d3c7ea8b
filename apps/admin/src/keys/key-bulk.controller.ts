import { HttpCode } from '@nestjs/common';
import { isRefusal } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { type Author, hashOfNamed, Keys } from '#libs/tenancy';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import { parseBody } from '../http/request-body.js';
import { BLOCKED_COUNT, BULK_UPDATE } from './key-answers.schemas.js';
import { KeyPolicies } from './key-policies.js';
import { KeyRows } from './key-rows.js';
import { blockAllBody, bulkItem, bulkUpdateBody, type BulkUpdateBody } from './key-bulk.schemas.js';
import { toKeyChange } from './key-fields.schemas.js';

/** Changes of many keys at once. */
@AdminController()
export class KeyBulkController {
  constructor(
    private readonly keys: Keys,
    private readonly policies: KeyPolicies,
    private readonly rows: KeyRows,
  ) {}

  /** Each key for itself: one that cannot be changed does not keep the others from it. */
  @Handles('POST /key/bulk_update')
  @Answers('Changes many keys, each for itself', BULK_UPDATE)
  @HttpCode(200)
  async update(@By() author: Author, @AdminBody(bulkUpdateBody) body: BulkUpdateBody): Promise<object> {
    const successful: object[] = [];
    const failed: object[] = [];
    for (const item of body.keys) {
      try {
        const { value } = parseBody(bulkItem, item);
        const change = toKeyChange(value);
        this.policies.assertWithin(change);
        const key = await this.keys.update(author, { hashes: [hashOfNamed(value.key)] }, change);
        successful.push({ key: value.key, key_info: await this.rows.row(key) });
      } catch (thrown) {
        if (!isRefusal(thrown)) throw thrown;
        const key = item['key'];
        failed.push({
          key: typeof key === 'string' ? key.slice(0, 256) : '',
          key_info: null,
          failed_reason: thrown.publicMessage,
        });
      }
    }
    return { total_requested: body.keys.length, successful_updates: successful, failed_updates: failed };
  }

  /** For the day a master key leaks: no key of anybody works until it is unblocked. */
  @Handles('POST /key/block_all')
  @Answers('Blocks every key', BLOCKED_COUNT)
  @HttpCode(200)
  async blockAll(@By() author: Author, @AdminBody(blockAllBody) _body: object): Promise<object> {
    return { blocked: await this.keys.blockAll(author) };
  }
}
