import { type EndpointSettings, type EndpointView } from '#libs/runtime';
import { z } from 'zod';
import { amount, flag, limit, name, optionalName } from '../http/fields.schemas.js';
import type { BodyDefinition } from '../http/request-body.js';
import { toApiUsd } from '../http/wire.js';

/** Longer is no address, and no header that a server takes. */
const address = z.string().max(4_096);
const texts = z
  .record(z.string().max(256), z.union([address, z.number(), z.boolean()]))
  .nullable()
  .optional();

const FIELDS = {
  headers: texts,
  default_query_params: texts,
  methods: z.array(name.min(1)).min(1).max(10).nullable().optional(),
  include_subpath: flag,
  forward_headers: flag,
  auth: flag,
  custom_auth_parser: optionalName,
  cost_per_request: amount,
  timeout: z.number().nullable().optional(),
  rpm_limit: limit,
  max_parallel_requests: limit,
} as const;
const NOT_BUILT = ['guardrails', 'merge_query_params'];

export const newEndpointBody = {
  schema: z.object({ path: name.min(1), target: address.min(1), id: optionalName, ...FIELDS }),
  notBuilt: NOT_BUILT,
} as const satisfies BodyDefinition;
export type NewEndpointBody = z.output<typeof newEndpointBody.schema>;

export const endpointChangeBody = {
  schema: z.object({ path: name.min(1).optional(), target: address.min(1).optional(), ...FIELDS }),
  notBuilt: NOT_BUILT,
} as const satisfies BodyDefinition;
export type EndpointChangeBody = z.output<typeof endpointChangeBody.schema>;

export const endpointQuery = z.object({ endpoint_id: name.optional(), team_id: name.optional() });
export type EndpointQuery = z.output<typeof endpointQuery>;
export const endpointNamed = z.object({ endpoint_id: name.min(1) });
export type EndpointNamed = z.output<typeof endpointNamed>;

/** In the words of the file; null says nothing. */
export function toSettings({ cost_per_request: cost, ...rest }: EndpointChangeBody): EndpointSettings {
  const sent = { ...rest, cost_per_request: toApiUsd(cost ?? null) };
  return Object.fromEntries(
    Object.entries(sent).filter(([, value]) => value !== null && value !== undefined),
  );
}

export const endpointsAnswer = z.object({ endpoints: z.array(z.looseObject({ path: z.string() })) });

export function toApiEndpoint({
  id,
  path,
  target,
  headers,
  query,
  settings,
  source,
}: EndpointView): Record<string, unknown> {
  return {
    id,
    path,
    target,
    headers,
    default_query_params: query,
    include_subpath: false,
    methods: null,
    cost_per_request: null,
    auth: true,
    rpm_limit: null,
    ...settings,
    guardrails: null,
    is_from_config: source === 'config',
  };
}
