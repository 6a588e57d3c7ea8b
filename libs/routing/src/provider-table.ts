import type { WireFormat } from './deployment.js';

/** What differs between upstreams that otherwise speak the same language. */
export interface ProviderProfile {
  readonly wire: Exclude<WireFormat, 'mock'>;
  /** Absent: `api_base` has to be configured. */
  readonly apiBase?: string;
  /** Variables read for the key when the entry has none, first found wins. */
  readonly keyVariables: readonly string[];
  /** Variables read for the base when the entry has none. */
  readonly baseVariables: readonly string[];
  /** Appended to a base that lacks it, because the configuration custom of that provider leaves it out. */
  readonly baseSuffix?: string;
}

const openai = (
  apiBase: string | undefined,
  name: string,
  extra: Partial<ProviderProfile> = {},
): ProviderProfile => ({
  wire: 'openai',
  ...(apiBase === undefined ? {} : { apiBase }),
  keyVariables: [`${name}_API_KEY`],
  baseVariables: [`${name}_API_BASE`, `${name}_BASE_URL`],
  ...extra,
});

const ollama = openai('http://localhost:11434', 'OLLAMA', { baseSuffix: '/v1' });
const fireworks = openai('https://api.fireworks.ai/inference/v1', 'FIREWORKS_AI', {
  keyVariables: ['FIREWORKS_API_KEY', 'FIREWORKS_AI_API_KEY'],
});
const together = openai('https://api.together.xyz/v1', 'TOGETHER_AI', {
  keyVariables: ['TOGETHER_API_KEY', 'TOGETHERAI_API_KEY', 'TOGETHER_AI_API_KEY'],
});

/** Every provider that is served today. */
export const PROVIDERS: ReadonlyMap<string, ProviderProfile> = new Map([
  ['openai', openai('https://api.openai.com/v1', 'OPENAI')],
  ['text-completion-openai', openai('https://api.openai.com/v1', 'OPENAI')],
  ['custom_openai', openai(undefined, 'OPENAI')],
  ['openai_like', openai(undefined, 'OPENAI_LIKE')],
  ['azure', openai(undefined, 'AZURE')],
  ['azure_ai', openai(undefined, 'AZURE_AI')],
  ['hosted_vllm', openai(undefined, 'HOSTED_VLLM')],
  ['vllm', openai(undefined, 'HOSTED_VLLM')],
  ['llamafile', openai('http://127.0.0.1:8080/v1', 'LLAMAFILE')],
  ['ollama', ollama],
  ['ollama_chat', ollama],
  ['lm_studio', openai('http://localhost:1234/v1', 'LM_STUDIO')],
  ['litellm_proxy', openai(undefined, 'LITELLM_PROXY')],
  ['groq', openai('https://api.groq.com/openai/v1', 'GROQ')],
  ['mistral', openai('https://api.mistral.ai/v1', 'MISTRAL')],
  ['deepseek', openai('https://api.deepseek.com/v1', 'DEEPSEEK')],
  ['openrouter', openai('https://openrouter.ai/api/v1', 'OPENROUTER')],
  ['together_ai', together],
  ['xai', openai('https://api.x.ai/v1', 'XAI')],
  ['fireworks_ai', fireworks],
  [
    'perplexity',
    openai('https://api.perplexity.ai', 'PERPLEXITY', {
      keyVariables: ['PERPLEXITY_API_KEY', 'PERPLEXITYAI_API_KEY'],
    }),
  ],
  ['cerebras', openai('https://api.cerebras.ai/v1', 'CEREBRAS')],
  ['nvidia_nim', openai('https://integrate.api.nvidia.com/v1', 'NVIDIA_NIM')],
  ['deepinfra', openai('https://api.deepinfra.com/v1/openai', 'DEEPINFRA')],
  ['sambanova', openai('https://api.sambanova.ai/v1', 'SAMBANOVA')],
  [
    'anthropic',
    {
      wire: 'anthropic',
      apiBase: 'https://api.anthropic.com',
      keyVariables: ['ANTHROPIC_API_KEY'],
      baseVariables: ['ANTHROPIC_API_BASE', 'ANTHROPIC_BASE_URL'],
    },
  ],
]);

/** Providers of the drop-in's configuration that are not served yet: named, so that `bedrock/x` is never sent to OpenAI as a model name. */
const UNSUPPORTED_PROVIDERS: ReadonlySet<string> = new Set([
  'bedrock',
  'bedrock_converse',
  'sagemaker',
  'sagemaker_chat',
  'vertex_ai',
  'vertex_ai_beta',
  'gemini',
  'palm',
  'google',
  'cohere',
  'cohere_chat',
  'huggingface',
  'replicate',
  'watsonx',
  'databricks',
  'cloudflare',
  'voyage',
  'jina_ai',
  'ai21',
  'ai21_chat',
  'nlp_cloud',
  'aleph_alpha',
  'petals',
  'clarifai',
  'predibase',
  'triton',
  'snowflake',
  'github',
  'github_copilot',
  'codestral',
  'text-completion-codestral',
  'azure_text',
  'anthropic_text',
  'assemblyai',
  'deepgram',
  'elevenlabs',
  'infinity',
  'topaz',
  'oobabooga',
  'baseten',
  'maritalk',
  'friendliai',
  'galadriel',
  'novita',
  'nebius',
  'nscale',
  'dashscope',
  'moonshot',
  'volcengine',
  'featherless_ai',
  'meta_llama',
  'oci',
  'gigachat',
  'hyperbolic',
  'lambda_ai',
  'v0',
  'morph',
  'empower',
  'heroku',
  'datarobot',
  'xinference',
  'custom',
  'runwayml',
  'recraft',
  'bytez',
  'vercel_ai_gateway',
  'black_forest_labs',
]);

const OPENAI_MODEL =
  /^(?:ft:)?(?:gpt-|chatgpt-|o[1-9](?:-|$)|text-embedding-|text-davinci-|davinci-|babbage-|codex-|computer-use-)/;
const ANTHROPIC_MODEL = /^claude-/;

export interface ModelReference {
  /** `openai`; undefined when neither a prefix nor the name tells. */
  readonly provider: string | undefined;
  readonly model: string;
}

/** Splits `provider/model`. A prefix that is no provider belongs to the model (`mistralai/mistral-7b`); bare names are recognised by their family. */
export function parseModelReference(reference: string, explicitProvider?: string): ModelReference {
  const slash = reference.indexOf('/');
  const prefix = slash > 0 ? reference.slice(0, slash) : '';
  if (explicitProvider !== undefined) {
    return {
      provider: explicitProvider,
      model: prefix === explicitProvider ? reference.slice(slash + 1) : reference,
    };
  }
  if (PROVIDERS.has(prefix) || UNSUPPORTED_PROVIDERS.has(prefix))
    return { provider: prefix, model: reference.slice(slash + 1) };
  if (OPENAI_MODEL.test(reference)) return { provider: 'openai', model: reference };
  if (ANTHROPIC_MODEL.test(reference)) return { provider: 'anthropic', model: reference };
  return { provider: undefined, model: reference };
}
