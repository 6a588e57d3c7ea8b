import { Module } from '@nestjs/common';
import { RbacModule } from '#libs/rbac';
import { TenancyModule } from '#libs/tenancy';
import { CustomersController } from '../customers/customers.controller.js';
import { AdminCalls } from '../http/admin-calls.js';
import { KeyRoutesModule } from '../keys/key-routes.module.js';
import { TagsController } from '../tags/tags.controller.js';
import { BudgetsController } from './budgets.controller.js';

/** What else has limits and budgets: customers, tags, and budgets themselves. */
@Module({
  imports: [TenancyModule, RbacModule, KeyRoutesModule],
  controllers: [CustomersController, BudgetsController, TagsController],
  providers: [AdminCalls],
})
export class MoneyRoutesModule {}
