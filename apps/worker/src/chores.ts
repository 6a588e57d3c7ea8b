import { Injectable } from '@nestjs/common';

import { SoftBudgets } from '#libs/budget';
import { AlertCourier } from './alerts/alert-courier.js';
import { DayTables } from './day-tables.js';
import { Retention } from './retention.js';
import { ScheduledRotations } from './scheduled-rotations.js';
import { SqliteMirror } from './sqlite-mirror.js';

/** What people are to be told of, and what leaves the database on its way to them. */
@Injectable()
export class OutgoingChores {
  constructor(
    readonly mirror: SqliteMirror,
    readonly courier: AlertCourier,
    readonly soft: SoftBudgets,
  ) {}
}

/** What has had its time, and what the next days need. */
@Injectable()
export class DueChores {
  constructor(
    readonly retention: Retention,
    readonly rotations: ScheduledRotations,
    readonly days: DayTables,
  ) {}
}
