import { GatewayError } from '#libs/kernel';

/** What a caller's own text may look like inside a message: one short line. */
function shown(name: unknown): string {
  const text = typeof name === 'string' ? name : name === undefined ? 'None' : typeof name;
  // eslint-disable-next-line no-control-regex -- control characters would let a name forge log lines
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ');
  return line.length > 128 ? `${line.slice(0, 128)}…` : line;
}

/** `name` undefined: the body had no model. `route` is put in front, as clients of the drop-in expect. */
export function modelUnknown(name: unknown, route = ''): GatewayError {
  const prefix = route === '' ? '' : `${route}: `;
  return new GatewayError(
    'routing.model_unknown',
    `${prefix}Invalid model name passed in model=${shown(name)}. The models you may use are listed at \`/v1/models\`.`,
    {
      param: 'model',
      internal: `model not found: ${shown(name)}`,
    },
  );
}

export function providerUnsupported(model: string, providers: readonly string[]): GatewayError {
  return new GatewayError(
    'routing.provider_unsupported',
    `The model ${shown(model)} is served by ${providers.map((name) => `"${shown(name)}"`).join(' and ')}, a provider this gateway cannot call yet.`,
    { param: 'model' },
  );
}

export function endpointUnsupported(model: string, provider: string, endpoint: string): GatewayError {
  const hint =
    provider === 'anthropic'
      ? 'Use `/v1/messages` for it.'
      : 'Use one of the OpenAI-shaped endpoints for it.';
  return new GatewayError(
    'routing.provider_unsupported',
    `The model ${shown(model)} is served by "${provider}", and calls to its "${endpoint}" endpoint are not translated yet. ${hint}`,
    { param: 'model' },
  );
}

export function allInCooldown(remainingMs: number): GatewayError {
  const seconds = Math.max(1, Math.ceil(remainingMs / 1000));
  return new GatewayError(
    'routing.all_in_cooldown',
    `No deployments available for selected model, Try again in ${seconds} seconds. All of them are resting after failures upstream.`,
    {
      headers: { 'retry-after': String(seconds) },
    },
  );
}

export function deploymentDenied(model: string): GatewayError {
  return new GatewayError(
    'rbac.deployment_denied',
    `This key may not use the model ${shown(model)}: its deployments name the keys they serve.`,
    {
      param: 'model',
      denial: {
        code: 'rbac.deployment_denied',
        wouldAllow: 'Use a key the model is reserved for.',
        change: { action: 'reserve_deployment', field: 'litellm_params.allowed_keys' },
      },
    },
  );
}

export function tagsDenied(): GatewayError {
  return new GatewayError(
    'routing.tags_denied',
    'Not allowed to access model due to tags configuration: no deployment carries a tag of this request, and there is no default one.',
  );
}
