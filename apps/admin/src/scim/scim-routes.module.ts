import { Module } from '@nestjs/common';
import { RbacModule } from '#libs/rbac';
import { TenancyModule } from '#libs/tenancy';
import { AdminCalls } from '../http/admin-calls.js';
import { ScimDiscoveryController } from './scim-discovery.controller.js';
import { ScimGroupsController } from './scim-groups.controller.js';
import { ScimUsersController } from './scim-users.controller.js';

/** Provisioning by identity providers (SCIM 2.0). */
@Module({
  imports: [TenancyModule, RbacModule],
  controllers: [ScimDiscoveryController, ScimUsersController, ScimGroupsController],
  providers: [AdminCalls],
})
export class ScimRoutesModule {}
