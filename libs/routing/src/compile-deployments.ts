import { type NanoUsd, parseUsd, Secret } from '#libs/kernel';
import type { ModelEntry } from '#libs/config';
import type { Deployment, WireFormat } from './deployment.js';
import { deploymentId } from './deployment-id.js';
import { ModelParams } from './model-params.js';
import { parseModelReference, type ProviderProfile, PROVIDERS } from './provider-table.js';

export interface DeploymentProblem {
  readonly code:
    | 'routing.provider_unsupported'
    | 'routing.entry_invalid'
    | 'routing.parameter_ignored'
    | 'routing.key_missing';
  /** `model_list.3.litellm_params.model`. */
  readonly path: string;
  readonly message: string;
  readonly group: string;
  readonly teamId?: string;
  /** Set for `routing.provider_unsupported`. */
  readonly provider?: string;
}

export interface CompiledDeployments {
  readonly deployments: readonly Deployment[];
  /** What each deployment was made from, by its id. */
  readonly entries: ReadonlyMap<string, ModelEntry>;
  /** What kept an entry out, or was left out of one. The gateway starts without it; the operator is told. */
  readonly problems: readonly DeploymentProblem[];
}

export type EnvironmentLookup = (name: string) => string | undefined;

/** Parameters that mean something to the gateway or the drop-in, so they never travel in the body. */
const NOT_FOR_THE_BODY = [
  'litellm_credential_name',
  'timeout_by_service_tier',
  'num_retries',
  'tag_regex',
  'additional_drop_params',
  'region_name',
  'configurable_clientside_auth_params',
  'keepalive_seconds',
  'model_info',
  'merge_reasoning_content_in_choices',
  'use_in_pass_through',
  'use_litellm_proxy',
  'litellm_trace_id',
  'max_file_size_mb',
  'mock_timeout',
  'cache',
  'caching',
  'aws_region_name',
  'tenant_id',
  'client_id',
  'client_secret',
  'azure_username',
  'azure_password',
  'allowed_openai_params',
  'stream_options',
  'base_url',
  's3_bucket_name',
  'api_type',
  'max_fallbacks',
  'rpm_limit',
  'tpm_limit',
  'use_chat_completions_api',
  'vertex_project',
  'vertex_location',
  'vertex_credentials',
  'supports_system_message',
  'hf_model_name',
];
/** A configured value of these would change what is counted, or is the call itself. */
const NEVER_DEFAULTED = new Set([
  'stream',
  'messages',
  'input',
  'prompt',
  'n',
  'best_of',
  'user',
  'metadata',
]);
const PRICE_NAME =
  /(?:_cost_per_|_token_cost|^cost_per_|^search_context_cost|^tiered_pricing$|^off_peak_pricing$|^ptu_count$)/;
const CREDENTIAL_NAME = /^(?:aws_|vertex_|s3_|sagemaker_|gcs_|langfuse_|langsmith_|watsonx_|azure_ad_)/;

/** Left out, the budget never resets: that errs towards spending less. */
function durationOf(
  text: string | undefined,
  complain: (name: string, expected: string) => void,
): string | undefined {
  if (
    text === undefined ||
    /^(?:[1-9]\d{0,5}(?:s|m|h|d|w|mo|y)|hourly|daily|weekly|monthly|yearly)$/.test(text)
  )
    return text;
  complain('budget_duration', 'a duration such as 30d or 1mo');
  return undefined;
}

/** Interprets `model_list`. Pure but for `environment`; never throws: a bad entry is kept out with a problem naming its path. */
export function compileDeployments(
  models: readonly ModelEntry[],
  environment: EnvironmentLookup = () => undefined,
): CompiledDeployments {
  const problems: DeploymentProblem[] = [];
  const byId = new Map<string, Deployment>();
  const made = new Map<string, ModelEntry>();
  for (const entry of models) {
    if (entry.info['blocked'] === true) continue;
    // A model that a team's administrator added must not be sent the keys of the company that lie in the environment.
    const lookUp = entry.usesEnvironment === false ? () => undefined : environment;
    const deployment = compileEntry(entry, lookUp, problems);
    if (!deployment) continue;
    if (byId.has(deployment.id)) continue;
    byId.set(deployment.id, deployment);
    made.set(deployment.id, entry);
  }
  return { deployments: [...byId.values()], entries: made, problems };
}

function compileEntry(
  entry: ModelEntry,
  environment: EnvironmentLookup,
  problems: DeploymentProblem[],
): Deployment | undefined {
  const { modelName: group, teamId } = entry;
  const problem = (
    code: DeploymentProblem['code'],
    where: string,
    message: string,
    provider?: string,
  ): undefined => {
    problems.push({
      code,
      path: `${entry.path}.${where}`,
      message,
      group,
      ...(teamId === undefined ? {} : { teamId }),
      ...(provider === undefined ? {} : { provider }),
    });
  };
  const complain = (section: string) => (name: string, expected: string) => {
    problem('routing.entry_invalid', `${section}.${name}`, `"${name}" must be ${expected}; it is left out.`);
  };
  const params = new ModelParams(entry.params, complain('litellm_params'));
  const info = new ModelParams(entry.info, complain('model_info'));

  const reference = params.text('model');
  if (reference === undefined)
    return problem('routing.entry_invalid', 'litellm_params.model', 'The entry names no model.');
  const explicit = params.text('custom_llm_provider');
  const parsed = parseModelReference(reference, explicit);
  const configuredBase = params.text('api_base') ?? params.text('base_url');
  const mockResponse = params.text('mock_response');
  // An entry with its own endpoint and no known prefix speaks OpenAI's language: that is what "OpenAI-compatible" servers are.
  const provider =
    parsed.provider ?? (configuredBase !== undefined || mockResponse !== undefined ? 'openai' : undefined);
  if (provider === undefined) {
    return problem(
      'routing.entry_invalid',
      'litellm_params.model',
      `No provider is known for "${reference}": write it as provider/model, or give api_base.`,
    );
  }
  const profile = PROVIDERS.get(provider);
  if (!profile && mockResponse === undefined) {
    return problem(
      'routing.provider_unsupported',
      'litellm_params.model',
      `The provider "${provider}" is not there yet; calls to "${group}" cannot use this deployment.`,
      provider,
    );
  }
  const wire: WireFormat = mockResponse === undefined ? (profile?.wire ?? 'openai') : 'mock';
  const apiBase = wire === 'mock' ? '' : baseOf(configuredBase, profile, environment);
  if (apiBase === undefined) {
    return problem(
      'routing.entry_invalid',
      'litellm_params.api_base',
      `The provider "${provider}" needs an api_base that is an http or https URL.`,
    );
  }
  const apiKey = params.secret('api_key') ?? params.secret('azure_ad_token') ?? keyFrom(profile, environment);
  if (!apiKey && wire !== 'mock' && profile && apiBase === profile.apiBase && apiBase.startsWith('https:')) {
    problem(
      'routing.key_missing',
      'litellm_params.api_key',
      `No key for "${provider}": set api_key or ${profile.keyVariables[0] ?? 'a key variable'}.`,
    );
  }

  const headers = {
    ...params.record('default_headers'),
    ...params.record('headers'),
    ...params.record('extra_headers'),
  };
  const prices: Record<string, string> = {};
  collectPrices(entry.info, prices);
  collectPrices(entry.params, prices);

  const requestsPerMinute = params.number('rpm');
  const tokensPerMinute = params.number('tpm');
  const explicitWeight = params.number('weight');
  const maxBudget = params.number('max_budget');
  const deployment: Record<string, unknown> & { -readonly [Name in keyof Deployment]: Deployment[Name] } = {
    id: info.text('id') ?? deploymentId(teamId === undefined ? group : `${teamId}\n${group}`, entry.params),
    group,
    provider,
    upstreamModel: parsed.model,
    wire,
    apiBase,
    extraHeaders: Object.freeze(
      Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [
          name.toLowerCase(),
          value instanceof Secret ? value.reveal() : String(value),
        ]),
      ),
    ),
    defaultBody: {},
    weight: explicitWeight ?? 0,
    order: params.number('order') ?? 0,
    tags: params.list('tags') ?? [],
    accessGroups: info.list('access_groups') ?? [],
    prices: Object.freeze(prices),
  };
  const optional: Partial<Record<keyof Deployment, unknown>> = {
    teamId,
    apiKey: wire === 'mock' ? undefined : apiKey,
    credentialName: entry.credentialName,
    apiVersion:
      params.text('api_version') ?? (provider === 'azure' ? environment('AZURE_API_VERSION') : undefined),
    organization:
      params.text('organization') ?? (provider === 'openai' ? environment('OPENAI_ORGANIZATION') : undefined),
    mockResponse,
    requestsPerMinute,
    tokensPerMinute,
    inputTokensPerMinute: params.number('itpm'),
    outputTokensPerMinute: params.number('otpm'),
    keyRequestsPerMinute: params.number('default_api_key_rpm_limit'),
    keyTokensPerMinute: params.number('default_api_key_tpm_limit'),
    maxParallelRequests: params.number('max_parallel_requests'),
    timeoutMs: params.milliseconds('timeout') ?? params.milliseconds('request_timeout'),
    streamTimeoutMs: params.milliseconds('stream_timeout'),
    maxRetries: params.number('num_retries') ?? params.number('max_retries'),
    cooldownMs: params.milliseconds('cooldown_time'),
    allowedKeys: params.list('allowed_keys'),
    baseModel: info.text('base_model') ?? params.text('base_model'),
    maxInputTokens: info.number('max_input_tokens'),
    maxOutputTokens: info.number('max_output_tokens') ?? info.number('max_tokens'),
    mode: info.text('mode'),
    dropParams: params.flag('drop_params'),
    maxBudgetNanoUsd: maxBudget === undefined ? undefined : money(maxBudget),
    budgetDuration: durationOf(params.text('budget_duration'), complain('litellm_params')),
  };
  for (const [name, value] of Object.entries(optional)) if (value !== undefined) deployment[name] = value;

  params.ignore(NOT_FOR_THE_BODY);
  const body: Record<string, unknown> = { ...params.record('extra_body') };
  for (const [name, value] of params.rest()) {
    if (
      PRICE_NAME.test(name) ||
      CREDENTIAL_NAME.test(name) ||
      containsSecret(value) ||
      value === null ||
      value === undefined
    )
      continue;
    body[name] = value;
  }
  for (const name of Object.keys(body)) {
    if (!NEVER_DEFAULTED.has(name) && name !== 'model') continue;
    delete body[name];
    problem(
      'routing.parameter_ignored',
      `litellm_params.${name}`,
      `"${name}" belongs to the caller's request; the configured value is not sent.`,
    );
  }
  deployment.defaultBody = Object.freeze(body);
  return Object.freeze(deployment);
}

function baseOf(
  configured: string | undefined,
  profile: ProviderProfile | undefined,
  environment: EnvironmentLookup,
): string | undefined {
  const raw = configured ?? firstOf(profile?.baseVariables, environment) ?? profile?.apiBase;
  if (raw === undefined || !URL.canParse(raw)) return undefined;
  const url = new URL(raw);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
  const base = `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  const suffix = profile?.baseSuffix;
  return suffix !== undefined && !base.endsWith(suffix) ? base + suffix : base;
}

function keyFrom(profile: ProviderProfile | undefined, environment: EnvironmentLookup): Secret | undefined {
  const value = firstOf(profile?.keyVariables, environment);
  return value === undefined ? undefined : new Secret(value);
}

function firstOf(names: readonly string[] | undefined, environment: EnvironmentLookup): string | undefined {
  for (const name of names ?? []) {
    const value = environment(name);
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}

function collectPrices(values: Readonly<Record<string, unknown>>, into: Record<string, string>): void {
  for (const [name, value] of Object.entries(values)) {
    if (PRICE_NAME.test(name) && (typeof value === 'number' || typeof value === 'string'))
      into[name] = plainDecimal(value);
  }
}

/** `2.5e-7` as `0.00000025`: prices stay exact decimal texts. */
function plainDecimal(value: number | string): string {
  const match = /^(\d+)(?:\.(\d*))?e([+-]\d+)$/i.exec(String(value).trim());
  if (!match) return String(value).trim();
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `0.${'0'.repeat(-point)}${digits}`;
  return point >= digits.length
    ? digits.padEnd(point, '0')
    : `${digits.slice(0, point)}.${digits.slice(point)}`;
}

function money(value: number): NanoUsd | undefined {
  return value > 1e9 ? undefined : parseUsd(value);
}

function containsSecret(value: unknown): boolean {
  if (value instanceof Secret) return true;
  return typeof value === 'object' && value !== null && Object.values(value).some(containsSecret);
}
