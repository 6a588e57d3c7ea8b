import { Module } from '@nestjs/common';
import { AuditTrail } from './audit-trail.js';

/** Writing to the trail. Wants an `InstallationKey` from whoever assembles the product. */
@Module({ providers: [AuditTrail], exports: [AuditTrail] })
export class AuditModule {}
