import { Secret } from '#libs/kernel';
import type { WireFormat } from './deployment.js';
import type { EntryProblems } from './deployment-problems.js';
import type { ModelParams } from './model-params.js';
import { parseModelReference, type ProviderProfile, PROVIDERS } from './provider-table.js';

export type EnvironmentLookup = (name: string) => string | undefined;

/** Whom a deployment calls: where, in which language, as whom, for which model. */
export interface DeploymentTarget {
  readonly provider: string;
  readonly wire: WireFormat;
  /** As the provider knows it. */
  readonly upstreamModel: string;
  /** Empty for an answer of our own. */
  readonly apiBase: string;
  readonly apiKey: Secret | undefined;
  readonly mockResponse: string | undefined;
}

/** Undefined when nobody can be called so; why is among the problems. */
export function targetOf(
  params: ModelParams,
  group: string,
  environment: EnvironmentLookup,
  problems: EntryProblems,
): DeploymentTarget | undefined {
  const reference = params.text('model');
  if (reference === undefined)
    return problems.add('routing.entry_invalid', 'litellm_params.model', 'The entry names no model.');
  const explicit = params.text('custom_llm_provider');
  const parsed = parseModelReference(reference, explicit);
  const configuredBase = params.text('api_base') ?? params.text('base_url');
  const mockResponse = params.text('mock_response');
  // An entry with its own endpoint and no known prefix speaks OpenAI's language: that is what "OpenAI-compatible" servers are.
  const provider =
    parsed.provider ?? (configuredBase !== undefined || mockResponse !== undefined ? 'openai' : undefined);
  if (provider === undefined) {
    return problems.add(
      'routing.entry_invalid',
      'litellm_params.model',
      `No provider is known for "${reference}": write it as provider/model, or give api_base.`,
    );
  }
  const profile = PROVIDERS.get(provider);
  const configuredKey = params.secret('api_key') ?? params.secret('azure_ad_token');
  const upstreamModel = parsed.model;
  if (mockResponse !== undefined)
    return { provider, wire: 'mock', upstreamModel, apiBase: '', apiKey: undefined, mockResponse };
  if (!profile) {
    return problems.add(
      'routing.provider_unsupported',
      'litellm_params.model',
      `The provider "${provider}" is not there yet; calls to "${group}" cannot use this deployment.`,
      provider,
    );
  }
  const apiBase = baseOf(configuredBase, profile, environment);
  if (apiBase === undefined) {
    return problems.add(
      'routing.entry_invalid',
      'litellm_params.api_base',
      `The provider "${provider}" needs an api_base that is an http or https URL.`,
    );
  }
  const apiKey = configuredKey ?? keyFrom(profile, environment);
  if (!apiKey && apiBase === profile.apiBase && apiBase.startsWith('https:')) {
    problems.add(
      'routing.key_missing',
      'litellm_params.api_key',
      `No key for "${provider}": set api_key or ${profile.keyVariables[0] ?? 'a key variable'}.`,
    );
  }
  return { provider, wire: profile.wire, upstreamModel, apiBase, apiKey, mockResponse };
}

function baseOf(
  configured: string | undefined,
  profile: ProviderProfile,
  environment: EnvironmentLookup,
): string | undefined {
  const raw = configured ?? firstOf(profile.baseVariables, environment) ?? profile.apiBase;
  if (raw === undefined || !URL.canParse(raw)) return undefined;
  const url = new URL(raw);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
  const base = `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  const suffix = profile.baseSuffix;
  return suffix !== undefined && !base.endsWith(suffix) ? base + suffix : base;
}

function keyFrom(profile: ProviderProfile, environment: EnvironmentLookup): Secret | undefined {
  const value = firstOf(profile.keyVariables, environment);
  return value === undefined ? undefined : new Secret(value);
}

function firstOf(names: readonly string[] | undefined, environment: EnvironmentLookup): string | undefined {
  for (const name of names ?? []) {
    const value = environment(name);
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}
