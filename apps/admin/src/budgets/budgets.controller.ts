import { HttpCode } from '@nestjs/common';
import type { Principal } from '#libs/kernel';
import { Answers, Caller, Handles } from '#libs/rbac';
import { type Author, budgetNotFound, SharedBudgets } from '#libs/tenancy';
import { z } from 'zod';
import { AdminBody, AdminController, AdminQuery, By } from '../http/decorators.js';
import { GovernedAnswers } from '../http/governed-answers.js';
import { toGovernedChange } from '../http/governed.schemas.js';
import {
  budgetIdBody,
  type BudgetIdBody,
  budgetIdsBody,
  type BudgetIdsBody,
  budgetQuery,
  type BudgetQuery,
  newBudgetBody,
  type NewBudgetBody,
  updateBudgetBody,
  type UpdateBudgetBody,
} from './budgets.schemas.js';

const BUDGET = z.looseObject({
  budget_id: z.string(),
  max_budget: z.number().nullable(),
  soft_budget: z.number().nullable(),
  budget_duration: z.string().nullable(),
});

/** What a console offers to edit, and in which words. */
const SETTINGS: readonly (readonly [name: string, type: string, description: string])[] = [
  ['max_parallel_requests', 'Integer', 'Requests at once'],
  ['tpm_limit', 'Integer', 'Tokens per minute'],
  ['rpm_limit', 'Integer', 'Requests per minute'],
  ['budget_duration', 'String', 'How often the budget starts again, such as 30d'],
  ['max_budget', 'Float', 'Dollars that may be spent in one period; more is refused'],
  ['soft_budget', 'Float', 'Dollars whose spending alerts; nothing is refused'],
  ['model_max_budget', 'Object', 'Dollars and limits per model'],
];

/** Budgets under names of their own. */
@AdminController()
export class BudgetsController {
  constructor(
    private readonly budgets: SharedBudgets,
    private readonly governed: GovernedAnswers,
  ) {}

  @Handles('POST /budget/new')
  @Answers('Makes a budget that others can point to', BUDGET)
  @HttpCode(200)
  async create(@By() author: Author, @AdminBody(newBudgetBody) body: NewBudgetBody): Promise<object> {
    const { budget_id: id, ...settings } = body;
    return this.governed.budget(
      await this.budgets.create(author, id ?? undefined, toGovernedChange(settings)),
    );
  }

  @Handles('POST /budget/update')
  @Answers('Changes what is sent of a budget, for everything that points to it', BUDGET)
  @HttpCode(200)
  async update(@By() author: Author, @AdminBody(updateBudgetBody) body: UpdateBudgetBody): Promise<object> {
    const { budget_id: id, ...settings } = body;
    return this.governed.budget(await this.budgets.update(author, id ?? '', toGovernedChange(settings)));
  }

  @Handles('POST /budget/info')
  @Answers('Shows budgets', z.array(BUDGET))
  @HttpCode(200)
  async info(@Caller() caller: Principal, @AdminBody(budgetIdsBody) body: BudgetIdsBody): Promise<object> {
    const budgets = await this.budgets.find(caller, body.budgets);
    return budgets.map((budget) => this.governed.budget(budget));
  }

  @Handles('GET /budget/list')
  @Answers('Lists all budgets', z.array(BUDGET))
  async list(@Caller() caller: Principal): Promise<object> {
    return (await this.budgets.list(caller)).map((budget) => this.governed.budget(budget));
  }

  @Handles('GET /budget/settings')
  @Answers(
    'Says what can be edited of a budget, with its values',
    z.array(z.looseObject({ field_name: z.string() })),
  )
  async settings(@Caller() caller: Principal, @AdminQuery(budgetQuery) query: BudgetQuery): Promise<object> {
    const [budget] = await this.budgets.find(caller, [query.budget_id]);
    if (budget === undefined) throw budgetNotFound(query.budget_id);
    const row = this.governed.budget(budget);
    return SETTINGS.map(([name, type, description]) => ({
      field_name: name,
      field_type: type,
      field_description: description,
      field_value: row[name] ?? null,
      stored_in_db: row[name] !== null,
      field_default_value: null,
    }));
  }

  @Handles('POST /budget/delete')
  @Answers('Deletes a budget and frees what pointed to it', BUDGET)
  @HttpCode(200)
  async delete(@By() author: Author, @AdminBody(budgetIdBody) body: BudgetIdBody): Promise<object> {
    return this.governed.budget(await this.budgets.delete(author, body.id));
  }
}
