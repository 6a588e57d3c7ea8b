import type { Findings } from './problems.js';

interface ProviderVariables {
  readonly key?: readonly string[];
  readonly base?: readonly string[];
  readonly version?: readonly string[];
  readonly organization?: readonly string[];
  /** The address is always the customer's own, so the key of the environment belongs to it. */
  readonly ownAddress?: true;
}

/** Where each provider's own tools look for the key and the address, so that a file without them works here too. */
const VARIABLES: Readonly<Record<string, ProviderVariables>> = {
  openai: { key: ['OPENAI_API_KEY'], base: ['OPENAI_API_BASE', 'OPENAI_BASE_URL'], organization: ['OPENAI_ORGANIZATION'] },
  azure: { key: ['AZURE_API_KEY'], base: ['AZURE_API_BASE'], version: ['AZURE_API_VERSION'], ownAddress: true },
  anthropic: { key: ['ANTHROPIC_API_KEY'], base: ['ANTHROPIC_API_BASE', 'ANTHROPIC_BASE_URL'] },
  groq: { key: ['GROQ_API_KEY'] },
  mistral: { key: ['MISTRAL_API_KEY'], base: ['MISTRAL_API_BASE'] },
  deepseek: { key: ['DEEPSEEK_API_KEY'], base: ['DEEPSEEK_API_BASE'] },
  openrouter: { key: ['OPENROUTER_API_KEY'], base: ['OPENROUTER_API_BASE'] },
  together_ai: { key: ['TOGETHERAI_API_KEY', 'TOGETHER_AI_API_KEY', 'TOGETHER_API_KEY'] },
  xai: { key: ['XAI_API_KEY'], base: ['XAI_API_BASE'] },
  hosted_vllm: { key: ['HOSTED_VLLM_API_KEY'], base: ['HOSTED_VLLM_API_BASE'], ownAddress: true },
  ollama: { key: ['OLLAMA_API_KEY'], base: ['OLLAMA_API_BASE'] },
};

/** The provider that `provider/model` or `custom_llm_provider` names; a bare `claude...` is Anthropic's, any other bare name OpenAI's. */
export function providerOf(params: { readonly model: string; readonly custom_llm_provider?: string | undefined }): string {
  if (params.custom_llm_provider) return params.custom_llm_provider;
  const slash = params.model.indexOf('/');
  if (slash > 0) return params.model.slice(0, slash);
  return params.model.startsWith('claude') ? 'anthropic' : 'openai';
}

/**
 * Fills in what the file leaves to the environment. A key of the environment is never paired with an address written in
 * the file: whoever can change the address could otherwise read the key.
 */
export function applyProviderDefaults(
  params: Readonly<Record<string, unknown>>,
  provider: string,
  path: string,
  lookUp: (name: string) => string | undefined,
  findings: Findings,
): Record<string, unknown> {
  const variables = VARIABLES[provider];
  if (!variables || params['mock_response'] !== undefined) return { ...params };
  const first = (names: readonly string[] = []): string | undefined =>
    names.map((name) => lookUp(name)).find((value) => value !== undefined && value !== '');
  const filled: Record<string, unknown> = { ...params };
  const writtenBase = params['api_base'] ?? params['base_url'];
  if (filled['api_key'] === undefined && variables.key) {
    const key = first(variables.key);
    if (key !== undefined && writtenBase !== undefined && variables.ownAddress !== true) {
      findings.notice(
        `${path}.api_key`,
        `not set: ${variables.key[0]} of the environment is not sent to the api_base of this entry; write api_key: os.environ/${variables.key[0]} if that is meant`,
      );
    } else if (key !== undefined) filled['api_key'] = key;
  }
  const base = first(variables.base);
  if (writtenBase === undefined && base !== undefined) filled['api_base'] = base;
  const version = first(variables.version);
  if (filled['api_version'] === undefined && version !== undefined) filled['api_version'] = version;
  const organization = first(variables.organization);
  if (filled['organization'] === undefined && organization !== undefined) filled['organization'] = organization;
  return filled;
}
