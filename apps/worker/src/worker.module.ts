import { BullModule } from '@nestjs/bullmq';
import { Module } from '@nestjs/common';
import { AuditModule, AuditSealer } from '#libs/audit';
import { Config } from '#libs/config';
import { DataSource } from 'typeorm';
import { MaintenanceProcessor } from './maintenance.processor.js';
import { queueOptions } from './queue-connection.js';
import { Retention } from './retention.js';
import { Scheduler } from './scheduler.js';
import { MAINTENANCE_QUEUE } from './schedules.js';
import { SqliteMirror } from './sqlite-mirror.js';

/** All that repeats. Wants `Config`, `Clock`, `Logger`, `DataSource` and `BudgetModule` from the application. */
@Module({
  imports: [
    AuditModule,
    BullModule.forRootAsync({
      inject: [Config, DataSource],
      useFactory: (config: Config, dataSource: DataSource) => queueOptions(config, dataSource),
    }),
    BullModule.registerQueue({ name: MAINTENANCE_QUEUE }),
  ],
  providers: [AuditSealer, MaintenanceProcessor, Retention, Scheduler, SqliteMirror],
})
export class WorkerModule {}
