import { Module } from '@nestjs/common';
import { AccessJournal } from './access-journal.js';
import { AuditSearch } from './audit-search.js';
import { AuditTrail } from './audit-trail.js';

/** Writing to the trail and reading it. Wants an `InstallationKey`, `DataSource`, `Clock` and `Logger` from whoever assembles the product. */
@Module({
  providers: [AccessJournal, AuditSearch, AuditTrail],
  exports: [AccessJournal, AuditSearch, AuditTrail],
})
export class AuditModule {}
