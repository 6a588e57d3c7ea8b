import {
  DailySums,
  EntityActivity,
  KeyActivity,
  PostgresSpendReader,
  Ranking,
  Reading,
  SpendLog,
  type SpendLedger,
  TagUse,
  Views,
} from '#libs/budget';
import type { Config } from '#libs/config';
import { SystemClock } from '#libs/kernel';
import type { AccessGroupIndex } from '#libs/runtime';
import type { Pseudonyms } from '#libs/telemetry';
import { KeyCatalogue, KeyViews, type Standings, TeamCatalogue, UserCatalogue } from '#libs/tenancy';
import type { DataSource } from 'typeorm';
import { ActivityScopes } from '../activity/activity-scopes.js';
import { DailyActivityController } from '../activity/daily-activity.controller.js';
import { DailyActivityReport } from '../activity/daily-activity.js';
import { GlobalActivityController } from '../activity/global-activity.controller.js';
import { TagUseController } from '../activity/tag-use.controller.js';
import { BudgetCalendar } from '../http/budget-calendar.js';
import { GovernedAnswers } from '../http/governed-answers.js';
import { KeyAnswers } from '../keys/key-answers.js';
import { KeyReadsController } from '../keys/key-reads.controller.js';
import { KeyUsers } from '../keys/key-users.js';
import { LogRows } from '../privacy/log-rows.js';
import { DailySummary } from '../spend/daily-summary.js';
import { GlobalSpendController } from '../spend/global-spend.controller.js';
import { GlobalSpend } from '../spend/global-spend.js';
import { SpendReportController } from '../spend/spend-report.controller.js';
import { SpendReport } from '../spend/spend-report.js';
import { SpendRowsController } from '../spend/spend-rows.controller.js';
import { SpendController } from '../spend/spend.controller.js';
import { TeamSpendController } from '../spend/team-spend.controller.js';
import { TeamSpend } from '../spend/team-spend.js';
import { TeamAnswers } from '../teams/team-answers.js';
import { TeamReadsController } from '../teams/team-reads.controller.js';
import { UserAnswers } from '../users/user-answers.js';
import { UserReadsController } from '../users/user-reads.controller.js';

interface ReadingParts {
  /** Whose connections reports are read on. */
  readonly dataSource: DataSource;
  /** Stores what has ended, wherever that is. */
  readonly ledger: Pick<SpendLedger, 'flush'>;
  readonly config: Pick<Config, 'budgets'>;
  readonly pseudonyms: Pseudonyms;
  readonly groups: AccessGroupIndex;
  readonly standings: Standings;
}

/** The controllers that read apart, by their names, put together without a container: the reading process has nothing else of one. */
export function readingControllers(parts: ReadingParts): Readonly<Record<string, object>> {
  return { ...reportControllers(parts), ...listControllers(parts) };
}

function reportControllers({
  dataSource,
  ledger,
  config,
  pseudonyms,
  standings,
}: ReadingParts): Readonly<Record<string, object>> {
  const clock = new SystemClock();
  const reading = new Reading(dataSource);
  const views = new Views(dataSource, standings);
  const sums = new DailySums(reading, ledger);
  const entities = new EntityActivity(reading);
  const keys = new KeyActivity(reading);
  const ranking = new Ranking(reading, ledger);
  const scopes = new ActivityScopes(views);
  const log = new SpendLog(reading, ledger);
  const summary = new DailySummary(sums, entities, keys);
  const overview = new GlobalSpend(sums, entities, keys, ranking, config, clock);
  return {
    SpendController: new SpendController(log, views, summary, new LogRows(pseudonyms)),
    SpendRowsController: new SpendRowsController(ranking, sums, views),
    SpendReportController: new SpendReportController(new SpendReport(sums, entities, keys), views, keys),
    TeamSpendController: new TeamSpendController(scopes, new TeamSpend(sums, dataSource)),
    GlobalSpendController: new GlobalSpendController(overview),
    GlobalActivityController: new GlobalActivityController(sums, views),
    TagUseController: new TagUseController(views, sums, new TagUse(reading, ledger), clock),
    DailyActivityController: new DailyActivityController(
      scopes,
      new DailyActivityReport(sums, entities, keys),
    ),
  };
}

function listControllers({
  dataSource,
  ledger,
  config,
  groups,
  standings,
}: ReadingParts): Readonly<Record<string, object>> {
  const clock = new SystemClock();
  const spend = new PostgresSpendReader(dataSource, ledger, config, clock);
  const governed = new GovernedAnswers(new BudgetCalendar(config, clock));
  const keys = new KeyAnswers(governed, groups);
  const teams = new TeamAnswers(governed, keys, spend, groups, { settled: notApart });
  const users = new UserAnswers(governed, keys, teams, spend, groups, { settled: notApart });
  const keyCatalogue = new KeyCatalogue(dataSource, clock, new KeyViews(dataSource, clock, spend), standings);
  const teamCatalogue = new TeamCatalogue(dataSource, clock, {
    get people() {
      return notApart();
    },
  });
  return {
    KeyReadsController: new KeyReadsController(keyCatalogue, keys, new KeyUsers(dataSource)),
    TeamReadsController: new TeamReadsController(teamCatalogue, teams, keys, spend),
    UserReadsController: new UserReadsController(new UserCatalogue(dataSource, standings), users, {
      list: notApart,
    }),
  };
}

/** What only handlers need that are not read apart. */
function notApart(): never {
  throw new Error('This is known to the process that serves calls alone.');
}
