/** What a picture or a document may take at most; its bytes are no text, and to count them as such would be wrong a thousandfold. */
const TOKENS_OF_MEDIA = 1_600;
/** What a message's frame takes besides its text, and what primes the answer. */
const TOKENS_OF_MESSAGE = 3;
const TOKENS_OF_ANSWER = 3;

/** A request as a tokenizer sees it. */
export interface Countable {
  readonly texts: readonly string[];
  /** For what is no text: frames, pictures, documents. */
  readonly extraTokens: number;
}

/** The parts of a chat or Messages request that a model reads. Never throws: what it does not know is counted as its JSON. */
export function countableOf(body: {
  readonly system?: unknown;
  readonly messages?: readonly object[] | undefined;
  readonly prompt?: unknown;
  readonly tools?: unknown;
}): Countable {
  const texts: string[] = [];
  let extraTokens = 0;
  const read = (value: unknown): void => {
    if (typeof value === 'string') texts.push(value);
    else if (Array.isArray(value)) for (const item of value) read(item);
    else if (isMap(value)) {
      if (isMedia(value)) extraTokens += TOKENS_OF_MEDIA;
      else if (typeof value['text'] === 'string') texts.push(value['text']);
      else if (value['content'] !== undefined) read(value['content']);
      else texts.push(JSON.stringify(value));
    }
  };
  for (const message of body.messages ?? []) {
    const { role, content, name, ...others } = message as Record<string, unknown>;
    extraTokens += TOKENS_OF_MESSAGE;
    read(role);
    read(name);
    read(content);
    const rest = Object.values(others).filter((value) => value !== null && value !== undefined);
    if (rest.length > 0) texts.push(JSON.stringify(rest));
  }
  if (body.messages !== undefined) extraTokens += TOKENS_OF_ANSWER;
  read(body.system);
  read(body.prompt);
  if (body.tools !== undefined && body.tools !== null) texts.push(JSON.stringify(body.tools));
  return { texts, extraTokens };
}

function isMedia(part: Readonly<Record<string, unknown>>): boolean {
  return /^(?:image|image_url|input_image|document|file|input_file|input_audio)$/.test(String(part['type']));
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
