import { Module } from '@nestjs/common';
import { RoutingModule } from '#libs/routing';
import { TenancyModule } from '#libs/tenancy';
import { AccessGroupIndex } from './access-group-index.js';
import { AccessGroups } from './access-groups.js';
import { Credentials } from './credentials.js';
import { LiveCatalogue } from './live-catalogue.js';
import { LiveChanges } from './live-changes.js';
import { ModelGroups } from './model-groups.js';
import { Models } from './models.js';
import { PassThroughEndpoints } from './pass-through-endpoints.js';
import { RuntimeStore } from './runtime-store.js';
import { Settings } from './settings.js';

const FOR_OTHERS = [
  AccessGroupIndex,
  AccessGroups,
  Credentials,
  LiveCatalogue,
  ModelGroups,
  Models,
  PassThroughEndpoints,
  RuntimeStore,
  Settings,
];

/** Needs `Config`, `DataSource`, `SecretColumns`, `Changes` and `Logger` from whoever assembles the product. */
@Module({
  imports: [RoutingModule, TenancyModule],
  providers: [...FOR_OTHERS, LiveChanges],
  exports: FOR_OTHERS,
})
export class RuntimeModule {}
