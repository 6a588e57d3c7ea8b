import { type CallFacts, type Endpoint, GatewayError, isRecord, isStorableText } from '#libs/kernel';
import { ANY_CAP, capFields, type RequestBody } from '#libs/providers';

/** Longer than any model name there is; a bound so that names can be logged and cached. */
const MAX_MODEL_NAME = 256;
/** No model answers with this many tokens; larger numbers are mistakes or attacks on arithmetic. */
const MAX_OUTPUT_TOKENS = 100_000_000;
/** OpenAI's own bound for `n`. */
const MAX_CHOICES = 128;
/** Tags are counted per tag; a caller must not choose how much memory that takes. */
const MAX_TAGS = 32;
const MAX_TAG_LENGTH = 128;
const MAX_CUSTOMER_LENGTH = 256;

type Json = Readonly<Record<string, unknown>>;

/** Everything governance needs of a parsed body. Throws `request.invalid` (400) naming the field for anything it could misjudge. */
export function readCallFacts(
  endpoint: Endpoint,
  body: RequestBody,
  pathModel: string | undefined,
  inputTokenBound: number,
): CallFacts {
  const json = body.json;
  const model = pathModel ?? json['model'];
  if (model === undefined || model === null || model === '') {
    throw invalid(
      'Invalid model name passed in model=. Call /v1/models to see the models you may use.',
      'model',
    );
  }
  if (typeof model !== 'string' || model.length > MAX_MODEL_NAME) {
    throw invalid(`\`model\` must be a string of at most ${MAX_MODEL_NAME} characters.`, 'model');
  }
  requireInput(endpoint, json);
  const stream = optionalBoolean(json, 'stream') ?? false;
  // Its answer would come, and cost, when nobody here hears of it.
  if (optionalBoolean(json, 'background') === true)
    throw invalid('Answers in the background are not there yet; leave `background` out.', 'background');
  const maxOutputTokens = outputCap(endpoint, json);
  const thinkingTokens = thinkingBudget(json);
  const customerId = customerOf(json);
  return {
    endpoint,
    requestedModel: model,
    stream,
    inputTokenBound,
    choices: choicesOf(json),
    tags: tagsOf(json),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    ...(thinkingTokens === undefined ? {} : { thinkingTokens }),
    ...(customerId === undefined ? {} : { customerId }),
  };
}

function requireInput(endpoint: Endpoint, json: Json): void {
  switch (endpoint) {
    case 'chat':
    case 'messages':
      if (!Array.isArray(json['messages']) || json['messages'].length === 0) {
        throw invalid('`messages` must be a list with at least one message.', 'messages');
      }
      for (const message of json['messages']) {
        if (
          typeof message !== 'object' ||
          message === null ||
          typeof (message as Json)['role'] !== 'string'
        ) {
          throw invalid('Every entry of `messages` must be an object with a `role`.', 'messages');
        }
      }
      return;
    case 'completions':
      requireText(json, 'prompt');
      return;
    case 'embeddings':
      requireText(json, 'input');
      return;
    case 'responses':
      if (json['input'] !== undefined || json['prompt'] === undefined) requireText(json, 'input');
      return;
  }
}

function requireText(json: Json, field: string): void {
  const value = json[field];
  if (typeof value === 'string' || (Array.isArray(value) && value.length > 0)) return;
  throw invalid(`\`${field}\` must be a string or a list that is not empty.`, field);
}

/**
 * The largest cap the caller sent, under whichever name: the bound must hold for the one the upstream honours. A cap that
 * stands there only under another endpoint's name is none, because who ignores it may answer as long as it likes.
 */
function outputCap(endpoint: Endpoint, json: Json): number | undefined {
  if (endpoint === 'embeddings') return 0;
  const own = capFields(endpoint);
  let cap: number | undefined;
  let isOwn = false;
  for (const field of ANY_CAP) {
    const value = optionalInteger(json, field, 1, MAX_OUTPUT_TOKENS);
    if (value === undefined) continue;
    if (cap === undefined || value > cap) cap = value;
    isOwn ||= own.includes(field);
  }
  return isOwn ? cap : undefined;
}

function choicesOf(json: Json): number {
  const n = optionalInteger(json, 'n', 1, MAX_CHOICES) ?? 1;
  const bestOf = optionalInteger(json, 'best_of', 1, MAX_CHOICES) ?? 1;
  return Math.max(n, bestOf);
}

function thinkingBudget(json: Json): number | undefined {
  const thinking = json['thinking'];
  if (typeof thinking !== 'object' || thinking === null) return undefined;
  return optionalInteger(thinking as Json, 'budget_tokens', 0, MAX_OUTPUT_TOKENS);
}

/** contract/auth 1.6, the body's part: `user`, then metadata's ids, then `safety_identifier`. */
function customerOf(json: Json): string | undefined {
  return (
    identifier(json['user']) ??
    identifier(objectOf(json['litellm_metadata'])?.['user']) ??
    identifier(objectOf(json['metadata'])?.['user_id']) ??
    identifier(json['safety_identifier'])
  );
}

export function identifier(value: unknown): string | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (text === '') return undefined;
  if (text.length > MAX_CUSTOMER_LENGTH) {
    throw invalid(`A customer id may have at most ${MAX_CUSTOMER_LENGTH} characters.`, 'user');
  }
  if (looksLikeKey(text)) throw invalid('A key is nobody’s name: send it as a credential only.', 'user');
  if (!isStorableText(text)) throw invalid('A customer id may not hold NUL or broken Unicode.', 'user');
  return text;
}

function tagsOf(json: Json): readonly string[] {
  const sent =
    json['tags'] ?? objectOf(json['metadata'])?.['tags'] ?? objectOf(json['litellm_metadata'])?.['tags'];
  return sent === undefined || sent === null ? [] : checkTags(sent);
}

/** Tags of a body or of the `x-litellm-tags` header, checked the same way. */
export function checkTags(sent: unknown): readonly string[] {
  if (!Array.isArray(sent)) throw invalid('`tags` must be a list of strings.', 'tags');
  // A set: comparing each with each would let one body of a million tags hold the process for minutes.
  const tags = [...new Set<unknown>(sent)];
  if (tags.length > MAX_TAGS || !tags.every(isTag)) {
    throw invalid(
      `\`tags\` takes at most ${MAX_TAGS} strings of 1 to ${MAX_TAG_LENGTH} characters, without NUL or broken Unicode, and no keys.`,
      'tags',
    );
  }
  return tags as string[];
}

function isTag(tag: unknown): boolean {
  return (
    typeof tag === 'string' &&
    tag !== '' &&
    tag.length <= MAX_TAG_LENGTH &&
    isStorableText(tag) &&
    !looksLikeKey(tag)
  );
}

/** One of ours, or of a provider's, in a place whose values are kept and shown: somebody mistook one field for another. */
export function looksLikeKey(text: string): boolean {
  return text.startsWith('sk-') && /^sk-[\w.-]{16,}$/.test(text);
}

function objectOf(value: unknown): Json | undefined {
  return isRecord(value) ? value : undefined;
}

function optionalInteger(json: Json, field: string, least: number, most: number): number | undefined {
  const value = json[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw invalid(`\`${field}\` must be a whole number from ${least} to ${most}.`, field);
  }
  return value;
}

function optionalBoolean(json: Json, field: string): boolean | undefined {
  const value = json[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw invalid(`\`${field}\` must be true or false.`, field);
  return value;
}

function invalid(message: string, param: string): GatewayError {
  return new GatewayError('request.invalid', message, { param });
}
