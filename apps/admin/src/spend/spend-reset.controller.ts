import { HttpCode } from '@nestjs/common';
import { Answers, Handles } from '#libs/rbac';
import { type Author, SpendReset } from '#libs/tenancy';
import { z } from 'zod';
import { AdminController, By } from '../http/decorators.js';

/** Starts everybody's spend anew. */
@AdminController()
export class SpendResetController {
  constructor(private readonly reset: SpendReset) {}

  /** Of keys and teams; users, organizations and the log keep what they have. */
  @Handles('POST /global/spend/reset')
  @Answers(
    'Sets back what all keys and teams have spent; with the master key alone',
    z.object({ message: z.string(), status: z.string() }),
  )
  @HttpCode(200)
  async all(@By() author: Author): Promise<object> {
    const count = await this.reset.all(author);
    return { message: `Spend of ${count} keys and teams was set back.`, status: 'success' };
  }
}
