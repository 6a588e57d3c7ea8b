import { Module } from '@nestjs/common';
import { AuditModule } from '#libs/audit';
import { AuthModule, SamlModule } from '#libs/auth';
import { RbacModule } from '#libs/rbac';
import { AdminCalls } from '../http/admin-calls.js';
import { SamlController } from './saml.controller.js';
import { SamlPlacesOf } from './saml-places.js';

/** Single sign-on with SAML 2.0. */
@Module({
  imports: [AuthModule, AuditModule, RbacModule, SamlModule],
  controllers: [SamlController],
  providers: [AdminCalls, SamlPlacesOf],
})
export class SamlRoutesModule {}
