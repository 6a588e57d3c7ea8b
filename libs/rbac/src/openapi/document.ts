import { POLICY, policyOf, type RouteId, type RoutePolicy } from '../policy.js';
import type { DescribedRoute } from './described-route.js';
import { type JsonSchema, JsonSchemas } from './json-schemas.js';
import { refusals } from './refusals.js';

/** An OpenAPI 3.1 document. */
export type OpenApiDocument = Readonly<Record<string, unknown>>;

/** Where a credential may stand; the first that is there counts. */
const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'A virtual key, the master key or a token.' },
  apiKey: { type: 'apiKey', in: 'header', name: 'x-litellm-api-key' },
} as const;

/** Writes the document of these routes: shapes from the schemas that validate, security from the policy table. */
export function openApiDocument(
  routes: readonly DescribedRoute[],
  { version, basePath = '' }: { version: string; basePath?: string },
): OpenApiDocument {
  const schemas = new JsonSchemas();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const described of routes) {
    const [method = '', path = ''] = described.route.split(' ');
    (paths[path] ??= {})[method.toLowerCase()] = operation(described, schemas);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tollgate',
      version,
      description: 'The proxy and its control plane. Roles, groups and ownership come from the policy table.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: basePath || '/' }],
    tags: [...new Set(routes.map(({ route }) => tagOf(route)))].sort().map((name) => ({ name })),
    paths,
    components: { securitySchemes: SECURITY_SCHEMES, schemas: schemas.components },
  };
}

function operation(described: DescribedRoute, schemas: JsonSchemas): JsonSchema {
  const { route, answer, body, query, status } = described;
  const policy = policyOf(route);
  const parameters = [
    ...pathParameters(route),
    ...(query ? queryParameters(schemas.of(query, 'input')) : []),
  ];
  return {
    operationId: operationIdOf(route),
    summary: answer?.summary ?? '',
    tags: [tagOf(route)],
    ...securityOf(policy),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body
      ? {
          requestBody: {
            required: body.optional !== true,
            content: { 'application/json': { schema: schemas.of(body.schema, 'input') } },
          },
        }
      : {}),
    responses: {
      [status]: success(described, schemas),
      ...refusals(described, policy, schemas),
    },
  };
}

function success({ answer, route }: DescribedRoute, schemas: JsonSchemas): JsonSchema {
  const description = 'Done';
  if (answer === undefined || (answer.schema === null && answer.mediaType === undefined))
    return { description };
  const schema = answer.schema === null ? { type: 'string' } : schemas.of(answer.schema, 'output');
  const content: JsonSchema = { [answer.mediaType ?? 'application/json']: { schema } };
  if (policyOf(route).reachesProvider && !route.endsWith('embeddings'))
    content['text/event-stream'] = { schema: { type: 'string' } };
  return { description, content };
}

/**
 * The roles a route is open to, in the list OpenAPI 3.1 has for them; `x-` members say what it has no words for. An empty
 * list: every caller.
 */
function securityOf({ access, groups, ownership, reachesProvider, audits }: RoutePolicy): JsonSchema {
  const roles = typeof access === 'string' ? [] : [...access];
  return {
    security: access === 'public' ? [] : Object.keys(SECURITY_SCHEMES).map((scheme) => ({ [scheme]: roles })),
    'x-access': typeof access === 'string' ? access : 'roles',
    'x-route-groups': [...groups],
    'x-ownership': ownership,
    'x-reaches-provider': reachesProvider,
    ...(audits === undefined ? {} : { 'x-audits': audits }),
  };
}

function pathParameters(route: RouteId): JsonSchema[] {
  return [...route.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters(schema: JsonSchema): JsonSchema[] {
  const { properties = {}, required = [] } = schema as {
    properties?: Record<string, JsonSchema>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

function operationIdOf(route: RouteId): string {
  const isTwin = route.endsWith('/') && Object.hasOwn(POLICY, route.slice(0, -1));
  const name = route
    .replace(/[^a-z0-9]+/gi, '_')
    .replace(/_$/, '')
    .toLowerCase();
  return isTwin ? `${name}_slash` : name;
}

/** The first segment that says what it is about: `/v1/chat/completions` is about chat. */
function tagOf(route: RouteId): string {
  const segments = route.slice(route.indexOf(' ') + 2).split('/');
  return segments.find((each) => each !== '' && !/^v\d/.test(each) && !each.startsWith('{')) ?? 'about';
}
