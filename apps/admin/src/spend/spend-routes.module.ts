import { Module } from '@nestjs/common';
import {
  DailySums,
  EntityActivity,
  KeyActivity,
  Ranking,
  Reading,
  SpendLog,
  TagUse,
  Views,
} from '#libs/budget';
import { RbacModule } from '#libs/rbac';
import { StandingsModule } from '#libs/tenancy';
import { ActivityScopes } from '../activity/activity-scopes.js';
import { DailyActivityController } from '../activity/daily-activity.controller.js';
import { DailyActivityReport } from '../activity/daily-activity.js';
import { GlobalActivityController } from '../activity/global-activity.controller.js';
import { TagUseController } from '../activity/tag-use.controller.js';
import { AdminCalls } from '../http/admin-calls.js';
import { LogRows } from '../privacy/log-rows.js';
import { DailySummary } from './daily-summary.js';
import { GlobalSpendController } from './global-spend.controller.js';
import { GlobalSpend } from './global-spend.js';
import { ProviderBudgetsController } from './provider-budgets.controller.js';
import { SpendReportController } from './spend-report.controller.js';
import { SpendReport } from './spend-report.js';
import { SpendRowsController } from './spend-rows.controller.js';
import { TeamSpendController } from './team-spend.controller.js';
import { TeamSpend } from './team-spend.js';
import { SpendController } from './spend.controller.js';

/** What was spent, for people: read on connections of its own. */
@Module({
  imports: [RbacModule, StandingsModule],
  controllers: [
    SpendController,
    SpendRowsController,
    SpendReportController,
    TeamSpendController,
    ProviderBudgetsController,
    GlobalSpendController,
    GlobalActivityController,
    DailyActivityController,
    TagUseController,
  ],
  providers: [
    AdminCalls,
    Views,
    Reading,
    DailySums,
    KeyActivity,
    EntityActivity,
    Ranking,
    SpendLog,
    TagUse,
    DailySummary,
    LogRows,
    GlobalSpend,
    SpendReport,
    TeamSpend,
    ActivityScopes,
    DailyActivityReport,
  ],
})
export class SpendRoutesModule {}
