import { type ErrorShape, errorShapeOf } from '#libs/http';
import { z } from 'zod';
import type { RouteId, RoutePolicy } from '../policy.js';
import type { DescribedRoute } from './described-route.js';
import type { JsonSchema, JsonSchemas } from './json-schemas.js';

/** How a refusal looks, whatever the route; clients of two families read another shape. */
const error = z
  .looseObject({
    error: z.looseObject({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z
        .union([z.string(), z.int()])
        .describe('The status, as text; a number where a limit of ours refuses'),
    }),
  })
  .meta({ id: 'Error', description: 'A refusal; some families carry `detail` beside it.' });
const anthropicError = z
  .looseObject({
    type: z.literal('error'),
    error: z.looseObject({ type: z.string(), message: z.string() }),
  })
  .meta({ id: 'AnthropicError', description: 'A refusal as clients of the Messages API read it.' });
const scimError = z
  .looseObject({
    schemas: z.array(z.string()),
    status: z.string(),
    scimType: z.string().optional(),
    detail: z.string(),
  })
  .meta({ id: 'ScimError', description: 'A refusal as identity providers read it (RFC 7644, 3.12).' });

/** What scrapers of the metrics page read: one sentence. */
const sentence = z.union([z.string(), error]);
const PAGE = { 'text/html': { schema: { type: 'string' } } } as const;

const REFUSALS: Readonly<Record<number, string>> = {
  400: 'A field breaks a rule; `param` names it',
  401: 'No valid credential, or the route is not open to its role',
  403: 'Not allowed, or not there: the two are answered alike',
  404: 'Not there, or not yours to see',
  409: 'There is one already',
  413: 'The body is too large',
  422: 'A field has the wrong type, or a budget is used up',
  429: 'A limit is reached; `retry-after` says for how long',
  500: 'A defect, told in the log under the call id',
  503: 'A store or every provider is away; try again',
};

/** What a route may answer besides a success, by status. */
export function refusals(
  described: DescribedRoute,
  policy: RoutePolicy,
  schemas: JsonSchemas,
): Readonly<Record<string, JsonSchema>> {
  const isPage = described.answer?.mediaType === 'text/html';
  const content = { ...contentOf(described.route, schemas), ...(isPage ? PAGE : {}) };
  const named = statusesOf(described, policy).map((status) => [
    status,
    { description: REFUSALS[status], content },
  ]);
  if (isPage) named.push([303, { description: 'To where it goes on', content }]);
  return { ...Object.fromEntries(named), default: { description: 'Any other refusal', content } };
}

function contentOf(route: RouteId, schemas: JsonSchemas): JsonSchema {
  const shape = errorShapeOf(route.slice(route.indexOf(' ') + 1));
  const type = shape === 'scim' ? 'application/scim+json' : 'application/json';
  return { [type]: { schema: schemas.of(SHAPES[shape], 'output') } };
}

const SHAPES: Readonly<Record<ErrorShape, z.ZodType>> = {
  openai: error,
  anthropic: anthropicError,
  scim: scimError,
  sentence,
};

function statusesOf({ body, query, route }: DescribedRoute, policy: RoutePolicy): number[] {
  const codes = [500];
  if (policy.access !== 'public') codes.push(401, 403, 503);
  if (body || query) codes.push(400, 422);
  if (body) codes.push(413);
  if (route.includes('{') || policy.ownership !== 'none' || policy.audits !== undefined) codes.push(404);
  if (policy.audits?.endsWith('.created') === true) codes.push(409);
  if (policy.reachesProvider) codes.push(404, 429);
  return [...new Set(codes)].sort((a, b) => a - b);
}
