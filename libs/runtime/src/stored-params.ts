import { holdsKey, isSecretName, Secret } from '#libs/kernel';

/**
 * Parameters of a model that are stored as they are. Everything else is sealed, also where nobody would look for a secret:
 * a header of one's own, a body member that a provider wants.
 */
const PLAIN: ReadonlySet<string> = new Set([
  'model', 'custom_llm_provider', 'api_base', 'base_url', 'api_version', 'litellm_credential_name', 'region_name', 'rpm', 'tpm',
  'itpm', 'otpm', 'max_parallel_requests', 'weight', 'order', 'timeout', 'stream_timeout', 'cooldown_time', 'max_retries',
  'num_retries', 'max_budget', 'budget_duration', 'tags', 'drop_params', 'allowed_keys', 'vertex_project', 'vertex_location',
  'aws_region_name',
]); // prettier-ignore
const PRICE = /(?:^|_)cost(?:_|$)/;

export interface SplitParams {
  readonly plain: Record<string, unknown>;
  readonly sealed: Record<string, unknown>;
}

/** Which of a model's parameters may lie open in the database, and which are sealed. */
export function splitParams(params: Readonly<Record<string, unknown>>): SplitParams {
  const plain: Record<string, unknown> = {};
  const sealed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(params)) {
    (isPlain(name, value) ? plain : sealed)[name] = value;
  }
  return { plain, sealed };
}

function isPlain(name: string, value: unknown): boolean {
  if (PRICE.test(name)) return typeof value !== 'object';
  if (!PLAIN.has(name)) return false;
  const text = JSON.stringify(value) ?? '';
  if (holdsKey(text)) return false;
  // A URL can carry a password or a key of its own.
  return typeof value !== 'string' || !value.includes('://') || !/[@?#]/.test(value);
}

/**
 * Parameters as people may see them: secrets left out, and texts under names that this product does not know masked, because
 * nobody can tell what they are. A reference to a variable (`os.environ/NAME`) is no secret.
 */
export function shownParams(params: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(params)) {
    const one = PLAIN.has(name) || PRICE.test(name) ? shownValue(name, value) : shownStranger(name, value);
    if (one !== undefined) shown[name] = one;
  }
  return shown;
}

/** Facts about a model as people may see them: what looks like a secret is masked all the same. */
export function shownInfo(info: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(info)
      .map(([name, value]) => [name, shownValue(name, value)] as const)
      .filter(([, value]) => value !== undefined),
  );
}

function shownStranger(name: string, value: unknown): unknown {
  return value instanceof Secret || isSecretName(name) ? undefined : maskTexts(value);
}

function shownValue(name: string, value: unknown): unknown {
  if (value instanceof Secret) return undefined;
  if (typeof value === 'string') {
    if (value.startsWith('os.environ/')) return value;
    if (isSecretName(name)) return undefined;
    if (holdsKey(value)) return '[masked]';
    return value.replace(/^(\w+:\/\/)[^/@]*@/, '$1').replace(/^(\w+:\/\/[^?#]*)[?#].*$/, '$1');
  }
  if (isSecretName(name)) return undefined;
  if (Array.isArray(value))
    return value.map((item) => shownValue('', item)).filter((item) => item !== undefined);
  if (typeof value !== 'object' || value === null) return value;
  return shownInfo(value as Record<string, unknown>);
}

/** `sk-a****wxyz`: what lets an administrator tell which of his secrets it is. Short ones show nothing. */
export function maskSecret(text: string): string {
  if (text.startsWith('os.environ/')) return text;
  return text.length <= 16 ? '****' : `${text.slice(0, 4)}****${text.slice(-4)}`;
}

/** Every text of a tree masked; numbers and flags tell nothing. */
export function maskTexts(tree: Readonly<Record<string, unknown>>): Record<string, unknown>;
export function maskTexts(tree: unknown): unknown;
export function maskTexts(tree: unknown): unknown {
  return withTexts(tree, (text) => maskSecret(text instanceof Secret ? text.reveal() : text));
}

/** The texts behind `Secret`s, for what reads plain ones. */
export function revealed(tree: Readonly<Record<string, unknown>>): Record<string, unknown>;
export function revealed(tree: unknown): unknown {
  return withTexts(tree, (text) => (text instanceof Secret ? text.reveal() : text));
}

/** The same tree with other texts. */
function withTexts(tree: unknown, of: (text: string | Secret) => string): unknown {
  if (typeof tree === 'string' || tree instanceof Secret) return of(tree);
  if (Array.isArray(tree)) return tree.map((item) => withTexts(item, of));
  if (typeof tree !== 'object' || tree === null) return tree;
  return Object.fromEntries(Object.entries(tree).map(([name, item]) => [name, withTexts(item, of)]));
}
