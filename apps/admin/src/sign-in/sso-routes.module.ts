import { Module } from '@nestjs/common';
import { AuditModule } from '#libs/audit';
import { AuthModule, SingleSignOnModule } from '#libs/auth';
import { RbacModule } from '#libs/rbac';
import { AdminCalls } from '../http/admin-calls.js';
import { Admission } from './admission.js';
import { HeaderSignIn } from './header-sign-in.js';
import { RegisteredAddress } from './registered-address.js';
import { SignInRoutesModule } from './sign-in-routes.module.js';
import { SsoController } from './sso.controller.js';
import { SsoSettingsController } from './sso-settings.controller.js';
import { SsoSignIn } from './sso-sign-in.js';

/** Single sign-on: at an OpenID provider, and behind a proxy that has done it. */
@Module({
  imports: [AuthModule, AuditModule, SingleSignOnModule, RbacModule, SignInRoutesModule],
  controllers: [SsoController, SsoSettingsController],
  // In the order of preference: the operator's function first, as the contract has it (auth 5.1).
  providers: [AdminCalls, Admission, HeaderSignIn, RegisteredAddress, SsoSignIn],
  exports: [Admission, RegisteredAddress, SingleSignOnModule],
})
export class SsoRoutesModule {}
