import { Module } from '@nestjs/common';
import { RbacModule } from '#libs/rbac';
import { RuntimeModule } from '#libs/runtime';
import { TenancyModule } from '#libs/tenancy';
import { AdminCalls } from '../http/admin-calls.js';
import { InvitationsController } from '../invitations/invitations.controller.js';
import { KeyRoutesModule } from '../keys/key-routes.module.js';
import { OrganizationAnswers } from '../organizations/organization-answers.js';
import { OrganizationMembersController } from '../organizations/organization-members.controller.js';
import { OrganizationsController } from '../organizations/organizations.controller.js';
import { ProjectsController } from '../projects/projects.controller.js';
import { RolesController } from '../roles/roles.controller.js';
import { TeamAnswers } from '../teams/team-answers.js';
import { TeamMembersController } from '../teams/team-members.controller.js';
import { TeamReadsController } from '../teams/team-reads.controller.js';
import { TeamsController } from '../teams/teams.controller.js';
import { UserAnswers } from '../users/user-answers.js';
import { UserReadsController } from '../users/user-reads.controller.js';
import { UserAuthController } from '../users/user-auth.controller.js';
import { UsersController } from '../users/users.controller.js';

/** People, and what they belong to. */
@Module({
  imports: [TenancyModule, RbacModule, RuntimeModule, KeyRoutesModule],
  controllers: [
    UserAuthController,
    UsersController,
    UserReadsController,
    RolesController,
    TeamsController,
    TeamReadsController,
    TeamMembersController,
    OrganizationsController,
    OrganizationMembersController,
    ProjectsController,
    InvitationsController,
  ],
  providers: [AdminCalls, OrganizationAnswers, TeamAnswers, UserAnswers],
})
export class PeopleRoutesModule {}
