import { Module } from '@nestjs/common';
import { SamlSignIn } from '../saml/saml-sign-in.js';
import { CustomSso } from './custom-sso.js';
import { Provisioning } from './provisioning.js';
import { SignInFlows } from './sign-in-flows.js';
import { SingleSignOn } from './single-sign-on.js';

/** Sign-in of people at an identity provider: only the control plane has it. Expects, provided globally: Config, Clock, Logger, DataSource, Identities. */
@Module({
  providers: [CustomSso, Provisioning, SamlSignIn, SignInFlows, SingleSignOn],
  exports: [Provisioning, SamlSignIn, SignInFlows, SingleSignOn],
})
export class SingleSignOnModule {}
