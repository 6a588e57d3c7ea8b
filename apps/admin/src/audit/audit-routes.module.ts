import { Module } from '@nestjs/common';
import { AuditModule } from '#libs/audit';
import { RbacModule } from '#libs/rbac';
import { AdminCalls } from '../http/admin-calls.js';
import { AccessRecorder } from './access-recorder.js';
import { AuditController } from './audit.controller.js';

/** Reading the trail, and writing who knocked. */
@Module({
  imports: [AuditModule, RbacModule],
  controllers: [AuditController],
  providers: [AccessRecorder, AdminCalls],
})
export class AuditRoutesModule {}
