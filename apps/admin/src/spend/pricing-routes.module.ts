import { Module } from '@nestjs/common';
import { RbacModule } from '#libs/rbac';
import { RoutingModule } from '#libs/routing';
import { AdminCalls } from '../http/admin-calls.js';
import { PriceQuoteController } from './price-quote.controller.js';

/** What calls cost, by the models there are. */
@Module({
  imports: [RbacModule, RoutingModule],
  controllers: [PriceQuoteController],
  providers: [AdminCalls],
})
export class PricingRoutesModule {}
