import { GatewayError, isRecord } from '#libs/kernel';
import { patchBodyValidation, ScimError, scimPatch } from 'scim-patch';
import { parse } from 'scim2-parse-filter';
import { spelled } from './scim-schemas.js';

type Plain = Record<string, unknown>;

/** Operations in one request, and characters of a path: what is longer is nobody's identity provider. */
const MOST_OPERATIONS = 1_000;
const LONGEST_PATH = 500;

/** Names that lead out of a resource into what all objects share. */
const FOREIGN = /(?:^|[.\s[:"])(?:__proto__|constructor|prototype)(?:$|[.\s\]:"[])/;
const MEMBER = /^members\[(.*)\]$/i;

interface Operation {
  readonly op: 'add' | 'remove' | 'replace';
  readonly path?: string;
  readonly value?: unknown;
}

/**
 * The resource with the operations of a PATCH body applied (RFC 7644, 3.5.2), as Okta and Entra ID write them. `resource` is
 * left alone. Throws 400 with the standard's `scimType`.
 */
export function patched(resource: Plain, body: Plain): Plain {
  try {
    patchBodyValidation(body as never);
    const sent = body['Operations'] as readonly Plain[];
    if (sent.length > MOST_OPERATIONS) throw refused('invalidValue', 'There are too many operations.');
    const operations = sent.map(plainly);
    return scimPatch(structuredClone(resource) as never, operations as never, {
      mutateDocument: true,
      treatMissingAsAdd: true,
    }) as unknown as Plain;
  } catch (thrown) {
    if (thrown instanceof GatewayError) throw thrown;
    if (!(thrown instanceof ScimError))
      throw refused('invalidValue', 'The operations cannot be applied to this resource.', thrown);
    throw refused(thrown.scimCode ?? 'invalidSyntax', thrown.message, thrown);
  }
}

/** One operation in the one spelling that the library knows. */
function plainly(sent: Plain): Operation {
  const op = String(sent['op']).toLowerCase() as Operation['op'];
  const path = sent['path'];
  const value = sent['value'];
  assertOwn(value);
  if (path === undefined || path === null || path === '') {
    if (!isRecord(value))
      throw refused('invalidValue', 'An operation without a path needs an object as its value.');
    const named = Object.fromEntries(Object.entries(value).map(([name, each]) => [spelled(name), each]));
    return { op, value: 'members' in named ? { ...named, members: membersIn(named['members']) } : named };
  }
  if (typeof path !== 'string' || path.length > LONGEST_PATH || /\p{Cc}/u.test(path) || FOREIGN.test(path))
    throw refused('invalidPath', 'The path cannot be used.');
  const one = MEMBER.exec(path)?.[1];
  if (one !== undefined) return { op, path: 'members', value: [{ value: memberNamed(one, op) }] };
  // The library takes the last colon for the end of a schema's name.
  if (/\[[^\]]*:/.test(path)) throw refused('invalidPath', 'A colon in a path cannot be used.');
  const named = spelled(path);
  if (named !== 'members') return { op, path: named, ...(value === undefined ? {} : { value }) };
  return { op, path: named, ...(value === undefined ? {} : { value: membersIn(value) }) };
}

/** `members[value eq "x"]`: the one way a member is named in a path. */
function memberNamed(filter: string, op: Operation['op']): string {
  const parsed = parse(filter);
  const isOne = parsed.op === 'eq' && parsed.attrPath.toLowerCase() === 'value';
  if (!isOne || typeof parsed.compValue !== 'string' || op !== 'remove')
    throw refused('invalidPath', 'A member is removed by members[value eq "id"].');
  return parsed.compValue;
}

/** Members by their ids alone, so that two ways of writing one are the same. */
function membersIn(value: unknown): readonly { readonly value: string }[] {
  return (Array.isArray(value) ? value : [value]).map((each: unknown) => {
    const id = isRecord(each) ? each['value'] : each;
    if (typeof id !== 'string')
      throw refused('invalidValue', 'A member needs the id of a user as its value.');
    return { value: id };
  });
}

function assertOwn(value: unknown): void {
  if (Array.isArray(value)) for (const each of value) assertOwn(each);
  if (!isRecord(value)) return;
  for (const [name, each] of Object.entries(value)) {
    if (FOREIGN.test(name)) throw refused('invalidPath', 'The value has a name that cannot be used.');
    assertOwn(each);
  }
}

function refused(type: string, message: string, cause?: unknown): GatewayError {
  return new GatewayError('request.bad_field', message, { type, cause });
}
