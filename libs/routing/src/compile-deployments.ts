import { type NanoUsd, parseUsd, Secret } from '#libs/kernel';
import type { ModelEntry } from '#libs/config';
import type { Deployment } from './deployment.js';
import { defaultBodyOf } from './deployment-body.js';
import { deploymentId } from './deployment-id.js';
import { pricesOf } from './deployment-prices.js';
import { type DeploymentProblem, EntryProblems } from './deployment-problems.js';
import { type EnvironmentLookup, targetOf } from './deployment-target.js';
import { ModelParams } from './model-params.js';

export interface CompiledDeployments {
  readonly deployments: readonly Deployment[];
  /** What each deployment was made from, by its id. */
  readonly entries: ReadonlyMap<string, ModelEntry>;
  /** What kept an entry out, or was left out of one. The gateway starts without it; the operator is told. */
  readonly problems: readonly DeploymentProblem[];
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
  found: DeploymentProblem[],
): Deployment | undefined {
  const { modelName: group, teamId } = entry;
  const problems = new EntryProblems(entry, found);
  const params = new ModelParams(entry.params, (name, expected) =>
    problems.leftOut('litellm_params', name, expected),
  );
  const info = new ModelParams(entry.info, (name, expected) =>
    problems.leftOut('model_info', name, expected),
  );
  const target = targetOf(params, group, environment, problems);
  if (target === undefined) return undefined;
  const { provider, wire, upstreamModel, apiBase, apiKey, mockResponse } = target;
  const maxBudget = params.number('max_budget');
  const deployment: Record<string, unknown> & { -readonly [Name in keyof Deployment]: Deployment[Name] } = {
    id: info.text('id') ?? deploymentId(teamId === undefined ? group : `${teamId}\n${group}`, entry.params),
    group,
    provider,
    upstreamModel,
    wire,
    apiBase,
    extraHeaders: headersOf(params),
    defaultBody: {},
    weight: params.number('weight') ?? 0,
    order: params.number('order') ?? 0,
    tags: params.list('tags') ?? [],
    accessGroups: info.list('access_groups') ?? [],
    prices: pricesOf(entry),
  };
  const optional: Partial<Record<keyof Deployment, unknown>> = {
    teamId,
    apiKey,
    credentialName: entry.credentialName,
    apiVersion:
      params.text('api_version') ?? (provider === 'azure' ? environment('AZURE_API_VERSION') : undefined),
    organization:
      params.text('organization') ?? (provider === 'openai' ? environment('OPENAI_ORGANIZATION') : undefined),
    mockResponse,
    requestsPerMinute: params.number('rpm'),
    tokensPerMinute: params.number('tpm'),
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
    budgetDuration: durationOf(params.text('budget_duration'), problems),
  };
  for (const [name, value] of Object.entries(optional)) if (value !== undefined) deployment[name] = value;

  deployment.defaultBody = defaultBodyOf(params, problems);
  return Object.freeze(deployment);
}

function headersOf(params: ModelParams): Readonly<Record<string, string>> {
  const headers = {
    ...params.record('default_headers'),
    ...params.record('headers'),
    ...params.record('extra_headers'),
  };
  return Object.freeze(
    Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name.toLowerCase(),
        value instanceof Secret ? value.reveal() : String(value),
      ]),
    ),
  );
}

/** Left out, the budget never resets: that errs towards spending less. */
function durationOf(text: string | undefined, problems: EntryProblems): string | undefined {
  if (
    text === undefined ||
    /^(?:[1-9]\d{0,5}(?:s|m|h|d|w|mo|y)|hourly|daily|weekly|monthly|yearly)$/.test(text)
  )
    return text;
  problems.leftOut('litellm_params', 'budget_duration', 'a duration such as 30d or 1mo');
  return undefined;
}

function money(value: number): NanoUsd | undefined {
  return value > 1e9 ? undefined : parseUsd(value);
}
