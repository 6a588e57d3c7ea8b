import type { Endpoint } from '#libs/kernel';
import type { Deployment } from '#libs/routing';

const NONE: readonly string[] = [];
const CAP_FIELDS: Readonly<Record<Endpoint, readonly string[]>> = {
  chat: ['max_tokens', 'max_completion_tokens'],
  completions: ['max_tokens'],
  embeddings: NONE,
  responses: ['max_output_tokens'],
  messages: ['max_tokens'],
};
/** Every name of an output cap, of whichever endpoint. */
export const ANY_CAP: readonly string[] = [...new Set(Object.values(CAP_FIELDS).flat())];

/** Chat servers that know only one of the two names; the other would be ignored, and with it the cap. */
const ONLY_MAX_TOKENS = new Set([
  'mistral',
  'deepseek',
  'ollama',
  'ollama_chat',
  'perplexity',
  'lm_studio',
  'together_ai',
  'deepinfra',
  'llamafile',
  'nvidia_nim',
]);
const ONLY_MAX_COMPLETION_TOKENS = new Set(['cerebras']);
/** These refuse `max_tokens`. */
const REASONING_MODEL = /^(?:ft:)?(?:o[1-9](?:-|$)|gpt-5|codex-)/;
/** The Responses API refuses less. */
const RESPONSES_MINIMUM = 16;

/** Members that carry the output cap of this endpoint. */
export function capFields(endpoint: Endpoint): readonly string[] {
  return CAP_FIELDS[endpoint];
}

/** The one chat field this upstream honours, or undefined when it takes either. */
function requiredField(deployment: Deployment): string | undefined {
  if (ONLY_MAX_TOKENS.has(deployment.provider)) return 'max_tokens';
  if (ONLY_MAX_COMPLETION_TOKENS.has(deployment.provider)) return 'max_completion_tokens';
  if (
    isOpenAi(deployment) &&
    REASONING_MODEL.test(deployment.baseModel?.replace(/^(?:azure|openai)\//, '') ?? deployment.upstreamModel)
  )
    return 'max_completion_tokens';
  return undefined;
}

function isOpenAi(deployment: Deployment): boolean {
  return deployment.provider === 'azure' || deployment.apiBase.startsWith('https://api.openai.com/');
}

/**
 * The cap members to change, if any. A governed cap lowers whichever member the caller sent, and is added under the name the
 * upstream honours when none was sent; it never raises the caller's own. A member under a name the upstream would ignore is renamed; another endpoint's is lowered too, for whoever reads it here.
 */
export function capEdits(
  endpoint: Endpoint,
  deployment: Deployment,
  json: Readonly<Record<string, unknown>>,
  governed: number | undefined,
  edit: (name: string, value: string | null) => void,
): void {
  const fields = CAP_FIELDS[endpoint];
  const [usual] = fields;
  if (usual === undefined) return;
  const required = endpoint === 'chat' ? requiredField(deployment) : undefined;
  const floor = endpoint === 'responses' ? RESPONSES_MINIMUM : 1;
  const limit = governed === undefined ? Infinity : Math.max(Math.floor(governed), floor);
  for (const field of ANY_CAP)
    if (typeof json[field] === 'number' && Number(json[field]) > limit) edit(field, String(limit));
  const sent = fields.filter((field) => typeof json[field] === 'number');
  if (sent.length === 0) {
    if (limit !== Infinity)
      edit(
        required ?? (endpoint === 'chat' && isOpenAi(deployment) ? 'max_completion_tokens' : usual),
        String(limit),
      );
    return;
  }
  const lowest = Math.min(limit, ...sent.map((field) => Number(json[field])));
  if (required !== undefined && sent.some((field) => field !== required)) {
    for (const field of sent) if (field !== required) edit(field, null);
    edit(required, String(lowest));
  }
}
