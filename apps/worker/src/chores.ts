import { Injectable } from '@nestjs/common';

import { AlertCourier } from './alerts/alert-courier.js';
import { Retention } from './retention.js';
import { ScheduledRotations } from './scheduled-rotations.js';
import { SqliteMirror } from './sqlite-mirror.js';

/** What leaves the database, on its way to somebody else. */
@Injectable()
export class OutgoingChores {
  constructor(
    readonly mirror: SqliteMirror,
    readonly courier: AlertCourier,
  ) {}
}

/** What has had its time. */
@Injectable()
export class DueChores {
  constructor(
    readonly retention: Retention,
    readonly rotations: ScheduledRotations,
  ) {}
}
