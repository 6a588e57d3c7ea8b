import { BullModule } from '@nestjs/bullmq';
import { Module } from '@nestjs/common';
import { AuditModule, AuditSealer } from '#libs/audit';
import { Config } from '#libs/config';
import { TenancyModule } from '#libs/tenancy';
import { DataSource } from 'typeorm';
import { AlertCourier } from './alerts/alert-courier.js';
import { DueChores, OutgoingChores } from './chores.js';
import { DayTables } from './day-tables.js';
import { JobStoreTrouble } from './job-store-trouble.js';
import { MaintenanceProcessor } from './maintenance.processor.js';
import { queueOptions } from './queue-connection.js';
import { Retention } from './retention.js';
import { ScheduledRotations } from './scheduled-rotations.js';
import { Scheduler } from './scheduler.js';
import { MAINTENANCE_QUEUE } from './schedules.js';
import { SqliteMirror } from './sqlite-mirror.js';

/** All that repeats. Wants `Config`, `Clock`, `Logger`, `DataSource` and `BudgetModule` from the application. */
@Module({
  imports: [
    AuditModule,
    TenancyModule,
    BullModule.forRootAsync({
      inject: [Config, DataSource],
      useFactory: (config: Config, dataSource: DataSource) => queueOptions(config, dataSource),
    }),
    BullModule.registerQueue({ name: MAINTENANCE_QUEUE }),
  ],
  providers: [
    AlertCourier,
    DayTables,
    DueChores,
    OutgoingChores,
    AuditSealer,
    JobStoreTrouble,
    MaintenanceProcessor,
    Retention,
    ScheduledRotations,
    Scheduler,
    SqliteMirror,
  ],
})
export class WorkerModule {}
