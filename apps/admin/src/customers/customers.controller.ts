import { HttpCode } from '@nestjs/common';
import { type Principal, usdNumber } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { type Author, Customers, type CustomerView } from '#libs/tenancy';
import { z } from 'zod';
import { AdminBody, AdminController, AdminQuery, By } from '../http/decorators.js';
import { GovernedAnswers } from '../http/governed-answers.js';
import {
  customerIdsBody,
  type CustomerIdsBody,
  customerQuery,
  type CustomerQuery,
  newCustomerBody,
  type NewCustomerBody,
  toCustomerChange,
  toCustomerUpdate,
  updateCustomerBody,
  type UpdateCustomerBody,
} from './customers.schemas.js';

const CUSTOMER = z.looseObject({
  user_id: z.string(),
  alias: z.string().nullable(),
  blocked: z.boolean(),
  spend: z.number(),
  models: z.array(z.string()),
  budget_id: z.string().nullable(),
  litellm_budget_table: z.looseObject({}).nullable(),
});
const BLOCKED = z.object({ blocked_users: z.array(CUSTOMER) });

/** End users of clients' products, under both of their names. */
@AdminController()
export class CustomersController {
  constructor(
    private readonly customers: Customers,
    private readonly governed: GovernedAnswers,
  ) {}

  @Handles('POST /customer/new', 'POST /end_user/new')
  @Answers('Gives an end user limits, a budget or a name', CUSTOMER)
  @HttpCode(200)
  async create(@By() author: Author, @AdminBody(newCustomerBody) body: NewCustomerBody): Promise<object> {
    return this.#row(
      await this.customers.create(author, body.user_id, toCustomerChange(body), body.spend ?? 0n),
    );
  }

  @Handles('POST /customer/update', 'POST /end_user/update')
  @Answers('Changes what is sent of an end user', CUSTOMER)
  @HttpCode(200)
  async update(
    @By() author: Author,
    @AdminBody(updateCustomerBody) body: UpdateCustomerBody,
  ): Promise<object> {
    return this.#row(await this.customers.update(author, body.user_id, toCustomerUpdate(body)));
  }

  @Handles('GET /customer/info', 'GET /end_user/info')
  @Answers('Shows an end user', CUSTOMER)
  async info(@Caller() caller: Principal, @AdminQuery(customerQuery) query: CustomerQuery): Promise<object> {
    return this.#row(await this.customers.info(caller, query.end_user_id));
  }

  @Handles('GET /customer/list', 'GET /end_user/list')
  @Answers('Lists the end users that have settings', z.array(CUSTOMER))
  async list(@Caller() caller: Principal): Promise<object> {
    return (await this.customers.list(caller)).map((view) => this.#row(view));
  }

  @Handles('POST /customer/delete', 'POST /end_user/delete')
  @Answers(
    'Takes settings back; spend stays',
    z.object({ deleted_customers: z.number(), message: z.string() }),
  )
  @HttpCode(200)
  async delete(@By() author: Author, @AdminBody(customerIdsBody) body: CustomerIdsBody): Promise<object> {
    const deleted = await this.customers.delete(author, body.user_ids);
    return { deleted_customers: deleted, message: `Successfully deleted customers: ${deleted}` };
  }

  @Handles('POST /customer/block', 'POST /end_user/block')
  @Answers('Refuses every call for these end users', BLOCKED)
  @HttpCode(200)
  block(@By() author: Author, @AdminBody(customerIdsBody) body: CustomerIdsBody): Promise<object> {
    return this.#setBlocked(author, body, true);
  }

  @Handles('POST /customer/unblock', 'POST /end_user/unblock')
  @Answers('Lets these end users in again', BLOCKED)
  @HttpCode(200)
  unblock(@By() author: Author, @AdminBody(customerIdsBody) body: CustomerIdsBody): Promise<object> {
    return this.#setBlocked(author, body, false);
  }

  async #setBlocked(author: Author, { user_ids: ids }: CustomerIdsBody, blocked: boolean): Promise<object> {
    const views = await this.customers.setBlocked(author, ids, blocked);

    return { blocked_users: views.map((view) => this.#row(view)) };
  }

  #row({ customer, budget, spentNanoUsd }: CustomerView): Record<string, unknown> {
    return {
      user_id: customer.id,
      blocked: customer.blocked,
      alias: customer.alias,
      spend: usdNumber(spentNanoUsd),
      allowed_model_region: customer.allowedModelRegion,
      default_model: customer.defaultModel,
      models: customer.models,
      budget_id: customer.budgetId,
      litellm_budget_table: this.governed.effective(customer, budget),
      object_permission_id: null,
      object_permission: null,
    };
  }
}
