import { Module } from '@nestjs/common';
import { AuditModule } from '#libs/audit';
import { CallerDirectory } from './caller-directory.js';
import { KeyCatalogue } from './key-catalogue.js';
import { KeyDirectory } from './key-directory.js';
import { KeyJudge } from './key-judge.js';
import { KeyRotation } from './key-rotation.js';
import { Keys } from './keys.js';
import { Teams } from './teams.js';
import { Transactions } from './transactions.js';
import { Users } from './users.js';

/** Needs `DataSource`, `Changes`, `Clock`, `InstallationKey` and a `SpendReader` from whoever assembles the product. */
@Module({
  imports: [AuditModule],
  providers: [
    CallerDirectory,
    KeyCatalogue,
    KeyDirectory,
    KeyJudge,
    KeyRotation,
    Keys,
    Teams,
    Transactions,
    Users,
  ],
  exports: [CallerDirectory, KeyCatalogue, KeyDirectory, KeyRotation, Keys, Teams, Users, Transactions],
})
export class TenancyModule {}
