import { Module } from '@nestjs/common';
import { CustomSso } from './custom-sso.js';
import { Provisioning } from './provisioning.js';
import { SignInFlows } from './sign-in-flows.js';
import { SingleSignOn } from './single-sign-on.js';

/** Sign-in of people at an identity provider: only the control plane has it. Expects, provided globally: Config, Clock, Logger, DataSource, Identities. */
@Module({
  providers: [CustomSso, Provisioning, SignInFlows, SingleSignOn],
  exports: [Provisioning, SignInFlows, SingleSignOn],
})
export class SingleSignOnModule {}
