import { Module } from '@nestjs/common';
import { AuthModule } from '../auth.module.js';
import { SingleSignOnModule } from '../sso/single-sign-on.module.js';
import { SamlSignIn } from './saml-sign-in.js';

/** Sign-in of people at a SAML provider: only the control plane has it. Expects, provided globally: Config, Clock, Logger. */
@Module({
  imports: [AuthModule, SingleSignOnModule],
  providers: [SamlSignIn],
  exports: [SamlSignIn, SingleSignOnModule],
})
export class SamlModule {}
