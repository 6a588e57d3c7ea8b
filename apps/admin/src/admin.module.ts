import { Module } from '@nestjs/common';
import { RbacModule } from '#libs/rbac';
import { TenancyModule } from '#libs/tenancy';
import { DocsController } from './docs/docs.controller.js';
import { PrivacyRoutesModule } from './privacy/privacy-routes.module.js';
import { AuditRoutesModule } from './audit/audit-routes.module.js';
import { DecisionRoutesModule } from './decisions/decision-routes.module.js';
import { HealthController } from './health/health.controller.js';
import { MetaController } from './health/meta.controller.js';
import { AdminCalls } from './http/admin-calls.js';
import { MoneyRoutesModule } from './budgets/money-routes.module.js';
import { KeyRoutesModule } from './keys/key-routes.module.js';
import { MetricsController } from './metrics/metrics.controller.js';
import { RuntimeRoutesModule } from './models/runtime-routes.module.js';
import { PricingRoutesModule } from './spend/pricing-routes.module.js';
import { SamlRoutesModule } from './saml/saml-routes.module.js';
import { ScimRoutesModule } from './scim/scim-routes.module.js';
import { SpendRoutesModule } from './spend/spend-routes.module.js';
import { SignInRoutesModule } from './sign-in/sign-in-routes.module.js';
import { SsoRoutesModule } from './sign-in/sso-routes.module.js';
import { PeopleRoutesModule } from './people/people-routes.module.js';

/** Probes, metrics and the few public facts: served by every role. */
@Module({ controllers: [HealthController, MetaController, DocsController, MetricsController] })
export class ProbesModule {}

/** The control plane. */
@Module({
  imports: [
    TenancyModule,
    RbacModule,
    ProbesModule,
    KeyRoutesModule,
    MoneyRoutesModule,
    PeopleRoutesModule,
    AuditRoutesModule,
    DecisionRoutesModule,
    PrivacyRoutesModule,
    RuntimeRoutesModule,
    SamlRoutesModule,
    ScimRoutesModule,
    SpendRoutesModule,
    PricingRoutesModule,
    SignInRoutesModule,
    SsoRoutesModule,
  ],
  providers: [AdminCalls],
})
export class AdminModule {}
