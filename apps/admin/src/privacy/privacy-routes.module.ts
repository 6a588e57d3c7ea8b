import { Module } from '@nestjs/common';
import { AuditModule } from '#libs/audit';
import { RbacModule } from '#libs/rbac';
import { AdminCalls } from '../http/admin-calls.js';
import { Disclosure } from './disclosure.js';
import { Erasure } from './erasure.js';
import { PrivacyController } from './privacy.controller.js';

/** Export and erasure of one person. */
@Module({
  imports: [AuditModule, RbacModule],
  controllers: [PrivacyController],
  providers: [AdminCalls, Disclosure, Erasure],
})
export class PrivacyRoutesModule {}
