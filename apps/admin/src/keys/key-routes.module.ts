import { Module } from '@nestjs/common';
import { RbacModule } from '#libs/rbac';
import { RuntimeModule } from '#libs/runtime';
import { TenancyModule } from '#libs/tenancy';
import { AdminCalls } from '../http/admin-calls.js';
import { BudgetCalendar } from '../http/budget-calendar.js';
import { GovernedAnswers } from '../http/governed-answers.js';
import { JwtKeyMappingsController } from '../jwt/jwt-key-mappings.controller.js';
import { KeyAnswers } from './key-answers.js';
import { KeyBulkController } from './key-bulk.controller.js';
import { KeyPolicies } from './key-policies.js';
import { KeyReadsController } from './key-reads.controller.js';
import { KeyRotationController } from './key-rotation.controller.js';
import { KeyRows } from './key-rows.js';
import { KeyUsers } from './key-users.js';
import { TeamKeys } from './team-keys.js';
import { TeamKeysController } from './team-keys.controller.js';
import { TeamRoles } from './team-roles.js';
import { KeysController } from './keys.controller.js';

/** Virtual keys. */
@Module({
  imports: [TenancyModule, RbacModule, RuntimeModule],
  controllers: [
    KeysController,
    KeyBulkController,
    TeamKeysController,
    KeyRotationController,
    KeyReadsController,
    JwtKeyMappingsController,
  ],
  providers: [
    AdminCalls,
    BudgetCalendar,
    GovernedAnswers,
    KeyAnswers,
    KeyPolicies,
    KeyRows,
    KeyUsers,
    TeamKeys,
    TeamRoles,
  ],
  exports: [BudgetCalendar, GovernedAnswers, KeyAnswers, KeyPolicies],
})
export class KeyRoutesModule {}
