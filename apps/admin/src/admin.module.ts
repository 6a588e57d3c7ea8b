import { Module } from '@nestjs/common';
import { RbacModule } from '#libs/rbac';
import { TenancyModule } from '#libs/tenancy';
import { DocsController } from './docs/docs.controller.js';
import { AuditRoutesModule } from './audit/audit-routes.module.js';
import { HealthController } from './health/health.controller.js';
import { MetaController } from './health/meta.controller.js';
import { AdminCalls } from './http/admin-calls.js';
import { BudgetCalendar } from './http/budget-calendar.js';
import { KeyAnswers } from './keys/key-answers.js';
import { KeyReadsController } from './keys/key-reads.controller.js';
import { KeysController } from './keys/keys.controller.js';
import { MetricsController } from './metrics/metrics.controller.js';
import { SpendRoutesModule } from './spend/spend-routes.module.js';
import { TeamsController } from './teams/teams.controller.js';
import { UsersController } from './users/users.controller.js';

/** Probes, metrics and the few public facts: served by every role. */
@Module({ controllers: [HealthController, MetaController, DocsController, MetricsController] })
export class ProbesModule {}

/** The control plane. */
@Module({
  imports: [TenancyModule, RbacModule, ProbesModule, AuditRoutesModule, SpendRoutesModule],
  controllers: [KeysController, KeyReadsController, UsersController, TeamsController],
  providers: [AdminCalls, BudgetCalendar, KeyAnswers],
})
export class AdminModule {}
