import { HttpCode, Param } from '@nestjs/common';
import type { PassThroughEndpoint } from '#libs/config';
import { readAs, Team } from '#libs/database';
import { GatewayError, type Principal, textsIn } from '#libs/kernel';
import { Answers, Caller, Handles, pathCovers, routeInTheWayOf } from '#libs/rbac';
import { type EndpointView, PassThroughEndpoints } from '#libs/runtime';
import { type Author, teamNotFound } from '#libs/tenancy';
import { DataSource } from 'typeorm';
import { AdminBody, AdminController, AdminQuery, By } from '../http/decorators.js';
import {
  endpointChangeBody,
  type EndpointChangeBody,
  endpointNamed,
  type EndpointNamed,
  endpointQuery,
  type EndpointQuery,
  endpointsAnswer,
  newEndpointBody,
  type NewEndpointBody,
  toApiEndpoint,
  toSettings,
} from './pass-through.schemas.js';

/** Where calls go with the operator's credentials (docs/decisions/061). No answer shows a credential. */
@AdminController()
export class PassThroughController {
  constructor(
    private readonly endpoints: PassThroughEndpoints,
    private readonly database: DataSource,
  ) {}

  @Handles('GET /config/pass_through_endpoint')
  @Answers('Lists pass-through endpoints; secrets are masked', endpointsAnswer)
  async list(@Caller() caller: Principal, @AdminQuery(endpointQuery) query: EndpointQuery): Promise<object> {
    const { endpoint_id: id, team_id: teamId } = query;
    const all = teamId === undefined ? await this.endpoints.list() : await this.#ofTeam(caller, teamId);
    const found = id === undefined ? all : all.filter((one) => one.id === id);
    if (found.length > 0 || id === undefined) return answer(found);
    throw new GatewayError('request.not_found', 'There is no such endpoint.', { param: 'endpoint_id' });
  }

  @Handles('GET /config/pass_through_endpoint/team/{team_id}')
  @Answers('Lists the pass-through endpoints that a team may call', endpointsAnswer)
  async ofTeam(@Caller() caller: Principal, @Param('team_id') teamId: string): Promise<object> {
    return answer(await this.#ofTeam(caller, teamId));
  }

  @Handles('POST /config/pass_through_endpoint')
  @Answers('Makes a pass-through endpoint, served everywhere within a second', endpointsAnswer)
  @HttpCode(200)
  async create(@By() author: Author, @AdminBody(newEndpointBody) body: NewEndpointBody): Promise<object> {
    return answer([await this.endpoints.create(author, toSettings(body), assertFree)]);
  }

  @Handles('POST /config/pass_through_endpoint/{id}')
  @Answers('Changes what is sent of a pass-through endpoint; a masked value stays', endpointsAnswer)
  @HttpCode(200)
  async update(
    @By() author: Author,
    @Param('id') id: string,
    @AdminBody(endpointChangeBody) body: EndpointChangeBody,
  ): Promise<object> {
    return answer([await this.endpoints.update(author, id, toSettings(body), assertFree)]);
  }

  @Handles('DELETE /config/pass_through_endpoint')
  @Answers('Deletes a pass-through endpoint', endpointsAnswer)
  async delete(@By() author: Author, @AdminQuery(endpointNamed) query: EndpointNamed): Promise<object> {
    return answer([await this.endpoints.delete(author, query.endpoint_id)]);
  }

  async #ofTeam(caller: Principal, id: string): Promise<EndpointView[]> {
    const team = await readAs(this.database, caller, (manager) => manager.findOneBy(Team, { id }));
    if (team === null) throw teamNotFound(id);
    const { allowed_passthrough_routes: allowed, denied_passthrough_routes: denied } = team.metadata;
    const all = await this.endpoints.list();
    return all.filter(
      ({ path }) =>
        textsIn(allowed).some((entry) => pathCovers(entry, path)) &&
        !textsIn(denied).some((entry) => entry === '/' || pathCovers(entry, path)),
    );
  }
}

function answer(views: readonly EndpointView[]): object {
  return { endpoints: views.map(toApiEndpoint) };
}

function assertFree(endpoint: PassThroughEndpoint): void {
  const route = routeInTheWayOf(endpoint);
  if (route === undefined) return;
  throw new GatewayError('request.bad_field', `'path' stands in the way of ${route}: choose another path.`, {
    param: 'path',
  });
}
