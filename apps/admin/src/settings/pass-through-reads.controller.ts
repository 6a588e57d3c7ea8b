import { hash } from 'node:crypto';
import { Config, type PassThroughEndpoint } from '#libs/config';
import { GatewayError, Secret, usdNumber } from '#libs/kernel';
import { Answers, Handles } from '#libs/rbac';
import { z } from 'zod';
import { AdminController, AdminQuery } from '../http/decorators.js';
import { name } from '../http/fields.schemas.js';

const endpointQuery = z.object({ endpoint_id: name.optional() });

/** Where calls go with the operator's credentials. Only the file says so (docs/decisions/061); here it can be looked at. */
@AdminController()
export class PassThroughReadsController {
  constructor(private readonly config: Config) {}

  @Handles('GET /config/pass_through_endpoint')
  @Answers(
    'Lists pass-through endpoints; secrets are masked',
    z.object({ endpoints: z.array(z.looseObject({ path: z.string() })) }),
  )
  list(@AdminQuery(endpointQuery) { endpoint_id: id }: z.output<typeof endpointQuery>): object {
    const all = this.config.passThrough.map(shown);
    const endpoints = id === undefined ? all : all.filter((one) => one.id === id);
    if (endpoints.length > 0 || id === undefined) return { endpoints };
    throw new GatewayError('request.not_found', 'There is no such endpoint.', { param: 'endpoint_id' });
  }
}

function shown(endpoint: PassThroughEndpoint) {
  const { origin, path, query } = endpoint.target;
  return {
    // Made from the path, so that it is the same on every replica and after every start.
    id: hash('sha256', endpoint.path).slice(0, 16),
    path: endpoint.path,
    // Some addresses are secrets themselves: https://hooks.example/services/T0/B0/XXXXXXXX.
    target: origin + path.replace(/(?<=\/)[^/]{17,}/g, '*****'),
    headers: masked(endpoint.headers),
    default_query_params: masked(query),
    include_subpath: endpoint.includeSubpath,
    methods: endpoint.methods,
    cost_per_request: endpoint.costNanoUsd === undefined ? null : usdNumber(endpoint.costNanoUsd),
    auth: endpoint.requiresCaller,
    rpm_limit: endpoint.requestsPerMinute ?? null,
    is_from_config: true,
  };
}

function masked(pairs: readonly (readonly [string, string | Secret])[]): Record<string, string> {
  return Object.fromEntries(pairs.map(([key, value]) => [key, value instanceof Secret ? '*****' : value]));
}
