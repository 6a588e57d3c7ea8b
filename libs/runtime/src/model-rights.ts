import { GatewayError } from '#libs/kernel';

/**
 * What a team's administrator may say about a model of the team. Not where it is sent: an address of his choice would let
 * him reach into the network this proxy stands in, or hand the proxy's own keys to himself. Not its prices either: with a price of zero no budget would ever end.
 */
const PARAMS: ReadonlySet<string> = new Set([
  'model', 'api_key', 'api_version', 'organization', 'rpm', 'tpm', 'max_parallel_requests', 'weight', 'order', 'timeout',
  'stream_timeout', 'max_retries', 'num_retries', 'cooldown_time', 'tags', 'temperature', 'top_p', 'max_tokens', 'drop_params',
]); // prettier-ignore
const INFO: ReadonlySet<string> = new Set(['mode', 'description', 'tier']);

export function assertTeamMaySet(
  params: Readonly<Record<string, unknown>>,
  info: Readonly<Record<string, unknown>>,
): void {
  const field =
    Object.keys(params)
      .filter((name) => !PARAMS.has(name))
      .map((name) => `litellm_params.${name}`)[0] ??
    Object.keys(info)
      .filter((name) => !INFO.has(name))
      .map((name) => `model_info.${name}`)[0];
  if (field === undefined) return;
  throw new GatewayError(
    'rbac.forbidden',
    `'${field.slice(0, 128)}' can only be set by an administrator of the proxy.`,
    { param: field.slice(0, 128) },
  );
}
