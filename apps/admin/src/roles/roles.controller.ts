import { HttpCode } from '@nestjs/common';
import { Config, type RoleBase } from '#libs/config';
import { GatewayError, type Principal } from '#libs/kernel';
import { Answers, Caller, emptyEntries, Handles } from '#libs/rbac';
import { type Author, CustomRoles } from '#libs/tenancy';
import type { z } from 'zod';
import { AdminBody, AdminController, AdminQuery, By } from '../http/decorators.js';
import {
  DELETED_ROLE,
  deleteRoleBody,
  type DeleteRoleBody,
  newRoleBody,
  type NewRoleBody,
  ROLE,
  ROLE_INFO,
  ROLE_LIST,
  roleChangeBody,
  type RoleChangeBody,
  roleQuery,
  toApiRole,
  toRoleSettings,
} from './roles.schemas.js';

/** Roles of the operator's own. What is not listed is not allowed: a role without routes and models leaves its holders nothing. */
@AdminController()
export class RolesController {
  constructor(
    private readonly roles: CustomRoles,
    private readonly config: Config,
  ) {}

  @Handles('POST /role/new')
  @Answers('Makes a role: a built-in one, narrowed to routes and models', ROLE)
  @HttpCode(200)
  async create(@By() author: Author, @AdminBody(newRoleBody) body: NewRoleBody): Promise<object> {
    this.#assertOpens(body.base ?? 'internal_user', body.routes ?? []);
    const role = await this.roles.create(author, body.role, toRoleSettings(body));
    return toApiRole({ source: 'db', role });
  }

  @Handles('POST /role/update')
  @Answers('Changes what is sent of a role: lists are replaced', ROLE)
  @HttpCode(200)
  async update(@By() author: Author, @AdminBody(roleChangeBody) body: RoleChangeBody): Promise<object> {
    const { view } = await this.roles.find(author.principal, body.role);
    this.#assertOpens(body.base ?? (view.role.base as RoleBase), body.routes ?? view.role.routes ?? []);
    const role = await this.roles.update(author, body.role, toRoleSettings(body));
    return toApiRole({ source: 'db', role });
  }

  @Handles('POST /role/delete')
  @Answers('Deletes a role; whoever has it has no rights from then on', DELETED_ROLE)
  @HttpCode(200)
  async delete(
    @By() author: Author,
    @AdminBody(deleteRoleBody) { role, forget }: DeleteRoleBody,
  ): Promise<z.output<typeof DELETED_ROLE>> {
    const holders = await this.roles.delete(author, role, forget === true);
    const tokens =
      forget === true
        ? 'A token scope of this name says nothing any more.'
        : 'Tokens that carry the name have no rights either; "forget": true makes it a scope like any other again.';
    return {
      role,
      holders,
      message: `Role ${role} is deleted. ${holders} users have it and no rights now, until they are given another role. ${tokens}`,
    };
  }

  @Handles('GET /role/info')
  @Answers('Shows a role and how many users have it', ROLE_INFO)
  async info(
    @Caller() caller: Principal,
    @AdminQuery(roleQuery) { role }: z.output<typeof roleQuery>,
  ): Promise<object> {
    const { view, holders } = await this.roles.find(caller, role);
    return { ...toApiRole(view), holders };
  }

  @Handles('GET /role/list')
  @Answers("Lists the operator's own roles: those of the file first", ROLE_LIST)
  async list(@Caller() caller: Principal): Promise<object> {
    return { roles: (await this.roles.list(caller)).map(toApiRole) };
  }

  /** An entry that gives nothing is a mistake, or somebody's hope for more than roles can give. */
  #assertOpens(base: RoleBase, routes: readonly string[]): void {
    const [first] = emptyEntries(
      base,
      routes,
      this.config.passThrough.map(({ path }) => path),
    );
    if (first === undefined) return;
    const message =
      first.why === 'unknown'
        ? `'routes' names no route: ${first.entry}. Send paths, paths ending in *, or groups of docs/permissions.md.`
        : `'routes' names what a role on ${base} cannot reach: ${first.entry}. Roles narrow their base; nothing of the proxy administrators' can be given by one.`;
    throw new GatewayError('request.bad_field', message, { param: 'routes', detail: message });
  }
}
