import { type Endpoint, isRecord } from '#libs/kernel';

type Json = Readonly<Record<string, unknown>>;

/** A member of a request that names what an earlier call made at the provider. */
export interface ObjectReference {
  /** Its path, for the refusal. */
  readonly param: string;
  readonly id: unknown;
}

const NONE: readonly ObjectReference[] = Object.freeze([]);

/**
 * What of a request names an object at the provider that some call made: an answer or an item of it, a conversation, a container.
 * Files and stored prompts are not among them: no route here makes any, so whatever ids there are the operator gave out.
 */
export function referencesIn(json: Json, endpoint: Endpoint): readonly ObjectReference[] {
  if (endpoint !== 'responses' && endpoint !== 'messages') return NONE;
  const found: ObjectReference[] = [];
  const note = (param: string, id: unknown): void => {
    if (id !== undefined && id !== null) found.push({ param, id });
  };
  if (endpoint === 'messages') {
    const { container } = json;
    note('container', isRecord(container) ? container['id'] : container);
    return found;
  }
  const { previous_response_id: previous, conversation, input, tools } = json;
  note('previous_response_id', previous);
  if (conversation !== undefined && conversation !== null)
    note('conversation', isRecord(conversation) ? (conversation['id'] ?? conversation) : conversation);
  if (Array.isArray(input))
    for (const item of input)
      // Without a kind, an item that has an id and no content is a reference, too.
      if (
        isRecord(item) &&
        (item['type'] === 'item_reference' || (item['type'] ?? item['role'] ?? undefined) === undefined)
      )
        note('input', item['id'] ?? item);
  if (Array.isArray(tools))
    for (const tool of tools)
      if (isRecord(tool) && !isRecord(tool['container'])) note('tools', tool['container']);
  return found;
}

/** Ids in an answer, or in one event of its stream, by which a later call could name what this one made. */
export function idsIn(payload: unknown, endpoint: Endpoint): readonly string[] {
  if (!isRecord(payload)) return [];
  const ids: unknown[] = [];
  if (endpoint === 'messages') {
    for (const one of [payload, payload['message'], payload['delta']])
      if (isRecord(one) && isRecord(one['container'])) ids.push(one['container']['id']);
  } else {
    const response = isRecord(payload['response']) ? payload['response'] : payload;
    ids.push(response['id'], response['previous_response_id']);
    const { output } = response;
    for (const item of [payload['item'], ...(Array.isArray(output) ? output : [])])
      if (isRecord(item)) ids.push(item['id'], item['container_id']);
  }
  return ids.filter(isName);
}

/** As it can stand between quotes; anything else is no id that a provider gives. */
function isName(id: unknown): id is string {
  return typeof id === 'string' && /^[\w.:=+/~-]{1,512}$/.test(id);
}

/**
 * An answer with other names for what it made at the provider: whole, or frame by frame. Ids are learnt where they are told and
 * replaced wherever one stands as a whole text, so an event that only mentions an item names it alike. Every other byte stays.
 */
export class RenamedIds {
  readonly #names = new Map<string, string>();

  constructor(
    private readonly endpoint: Endpoint,
    private readonly rename: (id: string) => string,
  ) {}

  /** `bytes`: a JSON body, or whole frames of a stream. */
  apply(bytes: Buffer): Buffer {
    const text = bytes.toString('latin1');
    if (this.endpoint === 'messages' && !text.includes('"container"') && this.#names.size === 0) return bytes;
    if (/^\s*\{/.test(text)) this.#learn(text);
    else
      for (const [, payload] of text.matchAll(/^data: ?(\{.*)$/gm))
        if (payload !== undefined && TELLS_IDS.test(payload)) this.#learn(payload);
    let renamed = text;
    for (const [id, name] of this.#names) {
      const quoted = `"${id}"`;
      if (renamed.includes(quoted)) renamed = renamed.replaceAll(quoted, () => `"${name}"`);
    }
    return renamed === text ? bytes : Buffer.from(renamed, 'latin1');
  }

  #learn(latin1: string): void {
    let payload: unknown;
    try {
      payload = JSON.parse(latin1);
    } catch (thrown) {
      if (thrown instanceof SyntaxError) return;
      throw thrown;
    }
    for (const id of idsIn(payload, this.endpoint))
      if (!this.#names.has(id)) this.#names.set(id, this.rename(id));
  }
}

/** Ids are plain ASCII, so the rest of a payload may be read in any alphabet. */
const TELLS_IDS = /"id"\s*:|"container_id"\s*:/;
