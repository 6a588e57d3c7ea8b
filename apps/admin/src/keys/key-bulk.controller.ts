import { HttpCode } from '@nestjs/common';
import { Answers, Handles } from '#libs/rbac';
import { type Author, hashOfNamed, Keys } from '#libs/tenancy';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import { parseBody } from '../http/request-body.js';
import { changeEach } from './change-each.js';
import { BLOCKED_COUNT, BULK_UPDATE } from './key-answers.schemas.js';
import { KeyPolicies } from './key-policies.js';
import { KeyRows } from './key-rows.js';
import { blockAllBody, bulkItem, bulkUpdateBody, type BulkUpdateBody } from './key-bulk.schemas.js';
import { toKeyChange } from './key-fields.schemas.js';

/** What stands in the place of a key's name may be anything. */
const LONGEST_SHOWN = 256;

/** Changes of many keys at once. */
@AdminController()
export class KeyBulkController {
  constructor(
    private readonly keys: Keys,
    private readonly policies: KeyPolicies,
    private readonly rows: KeyRows,
  ) {}

  @Handles('POST /key/bulk_update')
  @Answers('Changes many keys, each for itself', BULK_UPDATE)
  @HttpCode(200)
  async update(@By() author: Author, @AdminBody(bulkUpdateBody) body: BulkUpdateBody): Promise<object> {
    return changeEach(
      body.keys,
      ({ key }) => (typeof key === 'string' ? key.slice(0, LONGEST_SHOWN) : ''),
      async (item) => {
        const { value } = parseBody(bulkItem, item);
        const change = toKeyChange(value);
        this.policies.assertWithin(change);
        return this.rows.row(await this.keys.update(author, { hashes: [hashOfNamed(value.key)] }, change));
      },
    );
  }

  /** For the day a master key leaks: no key of anybody works until it is unblocked. */
  @Handles('POST /key/block_all')
  @Answers('Blocks every key', BLOCKED_COUNT)
  @HttpCode(200)
  async blockAll(@By() author: Author, @AdminBody(blockAllBody) _body: object): Promise<object> {
    return { blocked: await this.keys.blockAll(author) };
  }
}
