import { type Change, GatewayError, type Principal } from '#libs/kernel';
import { parseRequestBody, type RequestBody } from '#libs/providers';
import { POLICY, roleField, type RouteId } from '#libs/rbac';
import { type CompletionRoute, completionRouteOf } from '../http/completion-routes.js';

/** A call that is only thought of. */
export interface ThoughtCall {
  readonly route: RouteId;
  readonly model: string | undefined;
  readonly estimatedTokens: number;
  readonly maxTokens: number | undefined;
  readonly customerId: string | undefined;
  readonly tags: readonly string[];
  /** Absent: that of whoever asks, which has been let in. */
  readonly address?: string;
}

/** `POST /v1/chat/completions`, or the path alone where one method serves it. Throws `request.invalid` for a route that does not exist. */
export function routeNamed(text: string): RouteId {
  const named = text.includes(' ') ? text : undefined;
  const found = (Object.keys(POLICY) as RouteId[]).filter((route) =>
    named === undefined ? route.slice(route.indexOf(' ') + 1) === text : route === named,
  );
  const [only] = found.length > 1 ? found.filter((route) => route.startsWith('POST ')) : found;
  if (only !== undefined) return only;
  throw new GatewayError(
    'request.invalid',
    'There is no such route; write it as `POST /v1/chat/completions`.',
    {
      param: 'route',
    },
  );
}

/** The completion that the thought call would be; undefined for every other route. Throws without a model. */
export function completionOf({ route, model }: ThoughtCall): CompletionRoute | undefined {
  const completion = completionRouteOf(route, model);
  if (completion !== undefined && model === undefined)
    throw new GatewayError('request.invalid', 'A completion needs a model.', { param: 'model' });
  return completion;
}

/** The smallest body that says what the thought call says. */
export function bodyOf(
  { model, maxTokens, customerId, tags }: ThoughtCall,
  endpoint: CompletionRoute['endpoint'],
): RequestBody {
  const text = 'x';
  const cap = endpoint === 'responses' ? 'max_output_tokens' : 'max_tokens';
  return parseRequestBody(
    Buffer.from(
      JSON.stringify({
        model,
        ...(endpoint === 'chat' || endpoint === 'messages'
          ? { messages: [{ role: 'user', content: text }] }
          : {}),
        ...(endpoint === 'completions' ? { prompt: text } : {}),
        ...(endpoint === 'embeddings' || endpoint === 'responses' ? { input: text } : {}),
        ...(maxTokens === undefined || endpoint === 'embeddings' ? {} : { [cap]: maxTokens }),
        ...(customerId === undefined ? {} : customerMember(endpoint, customerId)),
        ...(tags.length === 0
          ? {}
          : {
              metadata: {
                ...(customerId !== undefined && endpoint === 'messages' ? { user_id: customerId } : {}),
                tags,
              },
            }),
      }),
    ),
  );
}

function customerMember(endpoint: CompletionRoute['endpoint'], customerId: string): object {
  return endpoint === 'messages' ? { metadata: { user_id: customerId } } : { user: customerId };
}

/** The caller with one change made; undefined where no change of the caller would do. */
export function changed(
  principal: Principal,
  { action, scope, field, value }: Change,
): Principal | undefined {
  const text = String(value);
  switch (action) {
    case 'grant_model':
      return {
        ...principal,
        modelGrants: principal.modelGrants.map((grant) =>
          grant.scope.type === scope?.type &&
          grant.scope.id === scope.id &&
          (grant.role === undefined || field === roleField(grant.role))
            ? { ...grant, models: [...grant.models, text] }
            : grant,
        ),
      };
    case 'allow_route':
      if (scope?.type === 'key' && principal.key !== undefined)
        return {
          ...principal,
          key: { ...principal.key, allowedRoutes: [...(principal.key.allowedRoutes ?? []), text] },
        };
      return field === 'token'
        ? {
            ...principal,
            credentialRoutes: (principal.credentialRoutes ?? []).map((list) => [...list, text]),
          }
        : { ...principal, roleRoutes: (principal.roleRoutes ?? []).map((list) => [...list, text]) };
    case 'grant_role':
      return { ...principal, role: value as Principal['role'] };
    default:
      return undefined;
  }
}
