import { HttpCode } from '@nestjs/common';
import { Config } from '#libs/config';
import type { User } from '#libs/database';
import { isRefusal } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { type Author, makerOf, UserCatalogue, Users } from '#libs/tenancy';
import { z } from 'zod';
import { AdminBody, AdminController, By } from '../http/decorators.js';
import { NEW_USER } from '../people/people-answers.schemas.js';
import { parseBody } from '../http/request-body.js';
import { KeyPolicies } from '../keys/key-policies.js';
import { UserAnswers } from './user-answers.js';
import {
  bulkUpdateBody,
  type BulkUpdateBody,
  deleteUsersBody,
  type DeleteUsersBody,
  newUserBody,
  type NewUserBody,
  toNewUser,
  toUserChange,
  updateUserBody,
  type UpdateUserBody,
} from './users.schemas.js';

/** Changed one after the other in one call. */
const MOST_AT_ONCE = 500;

/** Changes users. Who may is decided in `Users`; what they look like on the wire, in `UserAnswers`. */
@AdminController()
export class UsersController {
  constructor(
    private readonly users: Users,
    private readonly catalogue: UserCatalogue,
    private readonly answers: UserAnswers,
    private readonly config: Config,
    private readonly policies: KeyPolicies,
  ) {}

  @Handles('POST /user/new')
  @Answers('Makes a user and a first key', NEW_USER)
  @HttpCode(200)
  async create(@By() author: Author, @AdminBody(newUserBody) body: NewUserBody): Promise<object> {
    const draft = toNewUser(body, this.config.keys.generatedLength);
    const { firstKey } = draft;
    // The operator's bounds hold for every key, also for one that comes with its user.
    const bounded = firstKey && { ...firstKey, settings: this.policies.bounded(firstKey.settings) };
    const made = await this.users.create(author, { ...draft, firstKey: bounded });
    return this.answers.made(made, body, makerOf(author.principal));
  }

  @Handles('POST /user/update')
  @Answers('Changes a user', z.looseObject({ user_id: z.string() }))
  @HttpCode(200)
  async update(@By() author: Author, @AdminBody(updateUserBody) body: UpdateUserBody): Promise<object> {
    const { user_id: userId, ...rest } = body;
    const user = await this.#change(author, userId ?? undefined, rest);
    return { user_id: user.id, data: await this.#row(author, user) };
  }

  /** Each for itself: one who cannot be changed does not keep the others from it. */
  @Handles('POST /user/bulk_update')
  @Answers('Changes many users, each on its own', z.looseObject({ results: z.array(z.looseObject({})) }))
  @HttpCode(200)
  async updateMany(@By() author: Author, @AdminBody(bulkUpdateBody) body: BulkUpdateBody): Promise<object> {
    const wanted = body.all_users
      ? await this.#everybody(author, body.user_updates ?? {})
      : (body.users ?? []);
    const results: object[] = [];
    let changed = 0;
    for (const sent of wanted) {
      try {
        const { user_id: userId, ...rest } = parseBody(updateUserBody, sent).value;
        const user = await this.#change(author, userId ?? undefined, rest);
        changed += 1;
        results.push({
          user_id: user.id,
          user_email: user.email,
          success: true,
          error: null,
          updated_user: await this.#row(author, user),
        });
      } catch (thrown) {
        if (!isRefusal(thrown)) throw thrown;
        results.push({
          user_id: sent['user_id'] ?? null,
          user_email: sent['user_email'] ?? null,
          success: false,
          error: thrown.publicMessage,
          updated_user: null,
        });
      }
    }
    return {
      results,
      total_requested: wanted.length,
      successful_updates: changed,
      failed_updates: wanted.length - changed,
    };
  }

  /** A bare number: the contract's answer. */
  @Handles('POST /user/delete')
  @Answers('Deletes users; answers how many', z.int())
  @HttpCode(200)
  async delete(@By() author: Author, @AdminBody(deleteUsersBody) body: DeleteUsersBody): Promise<number> {
    return this.users.delete(author, body.user_ids);
  }

  /** Named by its id, the address is a new one; without an id, the address says who it is. */
  #change(author: Author, userId: string | undefined, body: Omit<UpdateUserBody, 'user_id'>) {
    const { user_email: email, ...rest } = body;
    const named = userId === undefined ? { email: email ?? undefined } : { userId };
    return this.users.update(author, named, toUserChange(userId === undefined ? rest : body));
  }

  async #row({ principal }: Author, user: User): Promise<object> {
    return this.answers.one(user, await this.catalogue.teamIdsOf(principal, user.id));
  }

  async #everybody(
    { principal }: Author,
    change: Readonly<Record<string, unknown>>,
  ): Promise<Record<string, unknown>[]> {
    const users = await this.catalogue.everybody(principal, MOST_AT_ONCE);
    return users.map(({ id }) => ({ ...change, user_id: id }));
  }
}
