import { Module } from '@nestjs/common';
import { AuditModule } from '#libs/audit';
import { ProvidersModule } from '#libs/providers';
import { RbacModule } from '#libs/rbac';
import { RoutingModule } from '#libs/routing';
import { RuntimeModule } from '#libs/runtime';
import { AccessGroupsController } from '../access-groups/access-groups.controller.js';
import { ModelGroupsController } from '../access-groups/model-groups.controller.js';
import { CredentialsController } from '../credentials/credentials.controller.js';
import { DeploymentProbe } from '../health/deployment-probe.js';
import { ModelHealthController } from '../health/model-health.controller.js';
import { AdminCalls } from '../http/admin-calls.js';
import { AllowedIpsController } from '../settings/allowed-ips.controller.js';
import { FeaturesController } from '../health/features.controller.js';
import { ServiceHealthController } from '../health/service-health.controller.js';
import { CostSettingsController } from '../settings/cost-settings.controller.js';
import { CallbacksController } from '../settings/callbacks.controller.js';
import { DefaultsController } from '../settings/defaults.controller.js';
import { PassThroughController } from '../settings/pass-through.controller.js';
import { SettingsController } from '../settings/settings.controller.js';
import { ModelAnswers } from './model-answers.js';
import { ModelReadsController } from './model-reads.controller.js';
import { ModelsController } from './models.controller.js';
import { PublicModelsController } from './public-models.controller.js';

/** What changes while it runs: models, credentials, access groups, settings. */
@Module({
  imports: [AuditModule, ProvidersModule, RbacModule, RoutingModule, RuntimeModule],
  controllers: [
    ModelsController,
    ModelReadsController,
    PublicModelsController,
    CostSettingsController,
    PassThroughController,
    ServiceHealthController,
    FeaturesController,
    CredentialsController,
    AccessGroupsController,
    ModelGroupsController,
    SettingsController,
    DefaultsController,
    AllowedIpsController,
    CallbacksController,
    ModelHealthController,
  ],
  providers: [AdminCalls, ModelAnswers, DeploymentProbe],
})
export class RuntimeRoutesModule {}
