import { Module } from '@nestjs/common';
import { RbacModule } from '#libs/rbac';
import { RoutingModule } from '#libs/routing';
import { TenancyModule } from '#libs/tenancy';
import { AdminCalls } from '../http/admin-calls.js';
import { CostEstimateController } from './cost-estimate.controller.js';
import { PriceQuoteController } from './price-quote.controller.js';
import { QuotedModels } from './quoted-models.js';
import { SpendResetController } from './spend-reset.controller.js';

/** What calls cost, by the models there are; and everybody's new start. */
@Module({
  imports: [RbacModule, RoutingModule, TenancyModule],
  controllers: [PriceQuoteController, CostEstimateController, SpendResetController],
  providers: [AdminCalls, QuotedModels],
})
export class PricingRoutesModule {}
