import { Module } from '@nestjs/common';
import { AuthModule, SamlModule } from '#libs/auth';
import { RbacModule } from '#libs/rbac';
import { AdminCalls } from '../http/admin-calls.js';
import { SignInRoutesModule } from '../sign-in/sign-in-routes.module.js';
import { SsoRoutesModule } from '../sign-in/sso-routes.module.js';
import { SamlController } from './saml.controller.js';
import { SamlSignInPages } from './saml-sign-in-pages.js';

/** Single sign-on with SAML 2.0. */
@Module({
  imports: [AuthModule, RbacModule, SamlModule, SignInRoutesModule, SsoRoutesModule],
  controllers: [SamlController],
  providers: [AdminCalls, SamlSignInPages],
})
export class SamlRoutesModule {}
