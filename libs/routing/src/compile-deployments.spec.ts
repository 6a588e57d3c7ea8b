import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { ModelEntry } from '#libs/config';
import { Secret } from '#libs/kernel';
import { compileDeployments } from './compile-deployments.js';

const entry = (
  params: Record<string, unknown>,
  info: Record<string, unknown> = {},
  modelName = 'g',
): ModelEntry => ({ modelName, params, info, path: 'model_list.0' });
const environment = (name: string) =>
  ({ OPENAI_API_KEY: 'sk-env', GROQ_API_KEY: 'gsk-env', OLLAMA_API_BASE: 'http://ollama:11434' })[name];
const one = (params: Record<string, unknown>, info: Record<string, unknown> = {}) =>
  compileDeployments([entry(params, info)], environment).deployments[0];
const problems = (params: Record<string, unknown>) =>
  compileDeployments([entry(params)], environment).problems.map(({ code, path }) => `${code} ${path}`);

describe('an entry of model_list', () => {
  it.each<[Record<string, unknown>, Record<string, unknown>]>([
    [
      { model: 'openai/gpt-4o' },
      { provider: 'openai', upstreamModel: 'gpt-4o', apiBase: 'https://api.openai.com/v1', wire: 'openai' },
    ],
    [{ model: 'gpt-4o' }, { provider: 'openai', upstreamModel: 'gpt-4o' }],
    [{ model: 'o3-mini' }, { provider: 'openai' }],
    [
      { model: 'claude-sonnet-4-5' },
      { provider: 'anthropic', wire: 'anthropic', apiBase: 'https://api.anthropic.com' },
    ],
    [{ model: 'groq/llama-3' }, { provider: 'groq', apiBase: 'https://api.groq.com/openai/v1' }],
    [{ model: 'ollama/llama2' }, { provider: 'ollama', apiBase: 'http://ollama:11434/v1' }],
    [{ model: 'openrouter/meta/llama' }, { provider: 'openrouter', upstreamModel: 'meta/llama' }],
    [
      { model: 'mistralai/mistral-7b', api_base: 'http://vllm:8000/v1/' },
      { provider: 'openai', upstreamModel: 'mistralai/mistral-7b', apiBase: 'http://vllm:8000/v1' },
    ],
    [
      { model: 'x', custom_llm_provider: 'groq' },
      { provider: 'groq', upstreamModel: 'x' },
    ],
    [
      { model: 'azure/dep', api_base: 'https://a.openai.azure.com/', api_version: '2024-01-01' },
      {
        provider: 'azure',
        upstreamModel: 'dep',
        apiBase: 'https://a.openai.azure.com',
        apiVersion: '2024-01-01',
      },
    ],
    [
      { model: 'openai/x', mock_response: 'hi' },
      { wire: 'mock', mockResponse: 'hi' },
    ],
    [
      { model: 'bedrock/x', mock_response: 'hi' },
      { wire: 'mock', provider: 'bedrock' },
    ],
    [
      {
        model: 'gpt-4o',
        rpm: '10',
        tpm: 20,
        timeout: 5,
        stream_timeout: 0.5,
        max_retries: 4,
        allowed_keys: ['k'],
        cooldown_time: 2,
      },
      {
        requestsPerMinute: 10,
        tokensPerMinute: 20,
        timeoutMs: 5000,
        streamTimeoutMs: 500,
        maxRetries: 4,
        allowedKeys: ['k'],
        cooldownMs: 2000,
      },
    ],
    [
      { model: 'gpt-4o', temperature: 0.1, seed: 3, stream: true, aws_region_name: 'x' },
      { defaultBody: { temperature: 0.1, seed: 3 } },
    ],
    [
      {
        model: 'gpt-4o',
        input_cost_per_token: 2.5e-7,
        output_cost_per_token: '0.00001',
        cache_read_input_token_cost: 1e-8,
      },
      {
        prices: {
          input_cost_per_token: '0.00000025',
          output_cost_per_token: '0.00001',
          cache_read_input_token_cost: '0.00000001',
        },
      },
    ],
    [
      {
        model: 'gpt-4o',
        tiered_pricing: [
          { range: [0, 32000], input_cost_per_token: 2e-7, output_cost_per_token: 1e-6 },
          { range: [32000, null], input_cost_per_token: 4e-7 },
        ],
      },
      {
        prices: {
          input_cost_per_token: '0.0000002',
          output_cost_per_token: '0.000001',
          input_cost_per_token_above_32000_tokens: '0.0000004',
        },
      },
    ],
    [{ model: 'gpt-4o', extra_headers: { 'X-A': 'b' } }, { extraHeaders: { 'x-a': 'b' } }],
  ])('%j is understood', (params, expected) => {
    expect(one(params)).toMatchObject(expected);
  });

  it('finds the customary key of its provider', () => {
    expect(one({ model: 'gpt-4o' })?.apiKey?.reveal()).toBe('sk-env');
    expect(one({ model: 'gpt-4o', api_key: new Secret('own') })?.apiKey?.reveal()).toBe('own');
    expect(problems({ model: 'mistral/x' })).toEqual([
      'routing.key_missing model_list.0.litellm_params.api_key',
    ]);
  });

  it('is kept out when its provider is not there, and never sent elsewhere', () => {
    const { deployments, problems: found } = compileDeployments([
      entry({ model: 'bedrock/anthropic.claude' }),
    ]);
    expect(deployments).toEqual([]);
    expect(found).toMatchObject([
      {
        code: 'routing.provider_unsupported',
        provider: 'bedrock',
        group: 'g',
        message: expect.stringContaining('"bedrock"') as string,
      },
    ]);
  });

  it.each([
    [{}, 'routing.entry_invalid model_list.0.litellm_params.model'],
    [{ model: 'mystery' }, 'routing.entry_invalid model_list.0.litellm_params.model'],
    [{ model: 'azure/x' }, 'routing.entry_invalid model_list.0.litellm_params.api_base'],
    [
      { model: 'openai/x', api_base: 'file:///etc/passwd' },
      'routing.entry_invalid model_list.0.litellm_params.api_base',
    ],
    [{ model: 'gpt-4o', rpm: -1 }, 'routing.entry_invalid model_list.0.litellm_params.rpm'],
    [{ model: 'gpt-4o', n: 5 }, 'routing.parameter_ignored model_list.0.litellm_params.n'],
  ])('%j is told as a problem with its path', (params, problem) => {
    expect(problems(params)).toEqual([problem]);
  });

  it('has an id that is stable, its own, and not its key', () => {
    const a = one({ model: 'gpt-4o', api_key: new Secret('sk-a'), rpm: 1 });
    expect(a?.id).toMatch(/^[0-9a-f]{64}$/);
    expect(one({ rpm: 1, api_key: new Secret('sk-a'), model: 'gpt-4o' })?.id).toBe(a?.id);
    expect(one({ rpm: 1, api_key: new Secret('sk-b'), model: 'gpt-4o' })?.id).not.toBe(a?.id);
    expect(one({ model: 'gpt-4o' }, { id: 'mine' })?.id).toBe('mine');
  });

  /** Attack: a debug log of the catalogue gives away provider keys. */
  it('shows no secret when printed, and sends none in a body', () => {
    const deployment = one({
      model: 'gpt-4o',
      api_key: new Secret('sk-hidden'),
      aws_secret_access_key: new Secret('aws-hidden'),
      custom_secret: new Secret('more-hidden'),
    });
    expect(inspect(deployment, { depth: 9 }) + JSON.stringify(deployment)).not.toContain('hidden');
    expect(deployment?.defaultBody).toEqual({});
  });
});
