import { type BudgetAt, periodAt, Ranking } from '#libs/budget';
import { Config } from '#libs/config';
import { Clock, usdNumber } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { AdminController } from '../http/decorators.js';
import { toApiTime } from '../http/wire.js';
import { providerBudgetsShape } from './spend-shapes.js';

/** What providers may cost (`provider_budget_config`), and what of it is left. */
@AdminController()
export class ProviderBudgetsController {
  constructor(
    private readonly ranking: Ranking,
    private readonly config: Config,
    private readonly clock: Clock,
  ) {}

  @Handles('GET /provider/budgets')
  @Answers('Shows the budgets of providers and what they have spent', providerBudgetsShape)
  async budgets(): Promise<object> {
    const { providers, timezone, resetTime } = this.config.budgets;
    const shown = Object.entries(providers).map(([id, { capNanoUsd, duration }]) => {
      const period =
        duration === undefined
          ? undefined
          : periodAt({ duration, timezone, resetTime, anchorMs: 0 }, this.clock.nowMs());
      const at: BudgetAt = {
        scope: { type: 'provider', id },
        ...(period && { budget: 'main', periodId: period.id }),
      };
      return { id, capNanoUsd, duration, period, at };
    });
    const spent = await this.ranking.spentAt(shown.map(({ at }) => at));
    return {
      providers: Object.fromEntries(
        shown.map(({ id, capNanoUsd, duration, period }, index) => [
          id,
          {
            budget_limit: usdNumber(capNanoUsd),
            time_period: duration ?? null,
            spend: usdNumber(spent[index] ?? 0n),
            budget_reset_at: period === undefined ? null : toApiTime(new Date(period.endsAtMs)),
          },
        ]),
      ),
    };
  }
}
