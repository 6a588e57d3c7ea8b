import { Module } from '@nestjs/common';
import { AuthModule } from '../auth.module.js';
import { CustomSso } from './custom-sso.js';
import { FlowCookie } from './flow-cookie.js';
import { HeaderIdentity } from './header-identity.js';
import { Provisioning } from './provisioning.js';
import { SignInFlows } from './sign-in-flows.js';
import { SingleSignOn } from './single-sign-on.js';

/** Sign-in of people at an identity provider: only the control plane has it. Expects, provided globally: Config, Clock, Logger, DataSource, Identities. */
@Module({
  imports: [AuthModule],
  providers: [CustomSso, FlowCookie, HeaderIdentity, Provisioning, SignInFlows, SingleSignOn],
  exports: [FlowCookie, HeaderIdentity, Provisioning, SignInFlows, SingleSignOn],
})
export class SingleSignOnModule {}
