import { Config } from '#libs/config';
import { usdNumber } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { z } from 'zod';
import { AdminController } from '../http/decorators.js';

const values = z.object({ values: z.record(z.string(), z.unknown()) });

/** The operator's own say in prices, as this process goes by it. Changed in the file, or by `/config/update`. */
@AdminController()
export class CostSettingsController {
  constructor(private readonly config: Config) {}

  @Handles('GET /config/cost_discount_config')
  @Answers('Shows what is taken off the prices of providers', values)
  discounts(): object {
    return { values: this.config.pricing.discounts };
  }

  @Handles('GET /config/cost_margin_config')
  @Answers('Shows what is put on the prices of providers', values)
  margins(): object {
    const margins = Object.entries(this.config.pricing.margins).map(([provider, margin]) => {
      const fixed = usdNumber(margin.perRequestNanoUsd);
      return [provider, fixed === 0 ? margin.share : { percentage: margin.share, fixed_amount: fixed }];
    });
    return { values: Object.fromEntries(margins) as object };
  }

  @Handles('GET /config/block_requests_for_models_without_pricing')
  @Answers('Says whether models without a price are refused', z.object({ enabled: z.boolean() }))
  unpriced(): object {
    return { enabled: this.config.budgets.blockUnpricedModels };
  }
}
