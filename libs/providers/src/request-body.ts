import { isUtf8 } from 'node:buffer';
import { repeatedName } from '#libs/http';
import { GatewayError, isRecord } from '#libs/kernel';
import { refused, scanBody, scanMembers } from './members.js';
import type { RequestBody } from './upstream.js';

/** Objects inside the body whose members decide what is counted. */
const GOVERNED_OBJECTS = ['stream_options', 'thinking', 'reasoning', 'metadata', 'litellm_metadata'];

/**
 * Reads a body once: what it says, and where its members are. Throws `request.invalid` (param `request_body`) on anything
 * but one UTF-8 JSON object that every parser reads the same way. The bytes are kept, not copied.
 */
export function parseRequestBody(bytes: Buffer): RequestBody {
  if (bytes.length === 0) throw invalid('The request body is empty; a JSON object is expected.');
  if (!isUtf8(bytes)) throw invalid('The request body is not valid UTF-8.');
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (thrown) {
    // The parser's message quotes the body, which may hold prompts or keys: the log does not get it either.
    throw invalid('The request body is not valid JSON.', thrown instanceof SyntaxError ? undefined : thrown);
  }
  if (!isRecord(json)) throw invalid('The request body must be a JSON object.');
  const { members, total } = scanBody(bytes);
  // A parser keeps one of several members of a name: where it found fewer than there are, another one may keep another.
  if (membersOf(json) !== total) throw refused(repeatedName(bytes.toString('utf8')) ?? '', 'occurs twice');
  for (const name of GOVERNED_OBJECTS) {
    const member = members.get(name);
    if (member && bytes[member.valueStart] === 0x7b)
      scanMembers(bytes.subarray(0, member.valueEnd), member.valueStart);
  }
  return new ParsedBody(bytes, members, json as Record<string, unknown>);
}

/** How many members all objects of a tree have together. As deep as a scan lets a body be. */
function membersOf(tree: object): number {
  let count = 0;
  if (Array.isArray(tree)) {
    for (const item of tree as unknown[])
      if (typeof item === 'object' && item !== null) count += membersOf(item);
    return count;
  }
  for (const name in tree) {
    count += 1;
    const value = (tree as Record<string, unknown>)[name];
    if (typeof value === 'object' && value !== null) count += membersOf(value);
  }
  return count;
}

/**
 * While a provider answers, what a body says is needed only if the call has to be sent again. Kept all that time, a long
 * prompt would be copied by every collection and outlive its call in the old generation.
 */
class ParsedBody implements RequestBody {
  #json: Readonly<Record<string, unknown>> | undefined;

  constructor(
    readonly bytes: Buffer,
    readonly members: RequestBody['members'],
    json: Readonly<Record<string, unknown>>,
  ) {
    this.#json = json;
  }

  get json(): Readonly<Record<string, unknown>> {
    return (this.#json ??= JSON.parse(this.bytes.toString('utf8')) as Record<string, unknown>);
  }

  forget(): void {
    this.#json = undefined;
  }
}

function invalid(message: string, cause?: unknown): GatewayError {
  return new GatewayError('request.invalid', message, {
    param: 'request_body',
    ...(cause === undefined ? {} : { cause }),
  });
}
