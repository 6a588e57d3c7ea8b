import { GatewayError, isRecord } from '#libs/kernel';
import type { z } from 'zod';
import { isEmpty } from './fields.schemas.js';
import { governingFieldMeantBy } from './near-miss.js';

/** What one admin route accepts in its body. */
export interface BodyDefinition<S extends z.ZodObject = z.ZodObject> {
  readonly schema: S;
  /** Fields of the contract that are not there yet: only their default may be sent. */
  readonly notBuilt?: readonly string[];
  /** Fields that would be dangerous to drop, and why they are refused. */
  readonly refused?: ReadonlyMap<string, string>;
  /** Fields that may also stand inside `metadata`, where the contract keeps them; at the top they win. */
  readonly folded?: readonly string[];
  /** True: no body at all means `{}`. */
  readonly optional?: boolean;
  /** True: a field nobody knows is refused with 422. */
  readonly strict?: boolean;
}

export interface ParsedBody<S extends z.ZodObject> {
  readonly value: z.output<S>;
  /** Unknown fields, in the order sent; nothing was done with them. */
  readonly ignored: readonly string[];
}

/** More unknown names than this are counted, not listed: the header has to fit every proxy's buffer. */
const MOST_LISTED = 20;

/** Fields that narrow who may use a key; dropping one would widen it. */
const NARROWING =
  /^(allowed|denied|blocked)_(ips?|networks?|cidrs?|hosts?|regions?)$|^ip_(allow|white|deny)_?list$/i;

/**
 * Reads one admin body: known fields parsed, unknown ones listed. Throws 400 naming the field for a contract field that
 * is not built yet, for a near miss of a limit or grant, and for a value out of range; 422 with `detail` for a wrong type.
 */
export function parseBody<S extends z.ZodObject>(
  definition: BodyDefinition<S>,
  body: unknown,
): ParsedBody<S> {
  const sent = body === undefined && definition.optional ? {} : body;
  if (!isRecord(sent)) throw notAnObject(sent);
  const known: Record<string, unknown> = {};
  const ignored: string[] = [];
  for (const [name, value] of Object.entries(unfolded(sent, definition.folded))) {
    if (Object.hasOwn(definition.schema.shape, name)) known[name] = value;
    else if (definition.notBuilt?.includes(name)) assertDefault(name, value);
    else assertHarmless(name, definition, ignored);
  }
  if (definition.strict && ignored[0] !== undefined) throw extraForbidden(ignored[0].slice(0, 64));
  const parsed = definition.schema.safeParse(known, { reportInput: false });
  if (!parsed.success) throw firstProblem(parsed.error.issues, 'body');
  return { value: parsed.data, ignored };
}

/** The body with the folded fields at the top. */
function unfolded(sent: object, folded: readonly string[] | undefined): object {
  const { metadata } = sent as { metadata?: unknown };
  if (folded === undefined || typeof metadata !== 'object' || metadata === null) return sent;
  const entries = Object.entries(metadata);
  const inside = entries.filter(([name]) => folded.includes(name));
  if (inside.length === 0) return sent;
  const rest = entries.filter(([name]) => !folded.includes(name));
  return { ...Object.fromEntries(inside), ...sent, metadata: Object.fromEntries(rest) };
}

/** Reads a query by its schema; unknown names are ignored. Throws 400 or 422 as for a body. */
export function parseQuery<S extends z.ZodObject>(schema: S, query: unknown): z.output<S> {
  const parsed = schema.safeParse({ ...(query as object) });
  if (!parsed.success) throw firstProblem(parsed.error.issues, 'query');
  return parsed.data;
}

/** The `x-ignored-fields` header's value: printable names only, so that a name can never forge a header. */
export function ignoredFieldsHeader(ignored: readonly string[]): string {
  const names = ignored
    .slice(0, MOST_LISTED)
    .map((name) => name.slice(0, 64).replace(/[^\x21-\x7e]|,/g, '?'));
  if (ignored.length > MOST_LISTED) names.push(`(+${ignored.length - MOST_LISTED})`);
  return names.join(',');
}

function assertDefault(name: string, value: unknown): void {
  if (isEmpty(value)) return;
  throw new GatewayError(
    'request.bad_field',
    `'${name}' is not there yet. Leave it out or send its default.`,
    {
      param: name,
    },
  );
}

function assertHarmless(name: string, definition: BodyDefinition, ignored: string[]): void {
  const reason = definition.refused?.get(name);
  if (reason !== undefined) throw new GatewayError('request.unprocessable', reason, { param: name });
  if (NARROWING.test(name)) {
    throw new GatewayError(
      'request.bad_field',
      `'${name}' cannot be set here; dropping it would widen access.`,
      {
        param: name,
      },
    );
  }
  const meant = governingFieldMeantBy(name);
  const takesIt =
    meant !== undefined &&
    (Object.hasOwn(definition.schema.shape, meant) || definition.notBuilt?.includes(meant));
  if (takesIt) {
    throw new GatewayError(
      'request.bad_field',
      `'${name}' is not a field of this route. Did you mean '${meant}'?`,
      {
        param: name.slice(0, 64),
      },
    );
  }
  ignored.push(name);
}

function extraForbidden(name: string): GatewayError {
  return new GatewayError('request.unprocessable', `'${name}' is not a field of this route.`, {
    param: name,
    detail: [{ type: 'extra_forbidden', loc: ['body', name], msg: 'Extra inputs are not permitted' }],
  });
}

function notAnObject(sent: unknown): GatewayError {
  const missing = sent === undefined || sent === null;
  return new GatewayError(
    'request.unprocessable',
    missing ? 'A JSON body is required.' : 'The body must be a JSON object.',
    {
      detail: [
        {
          type: missing ? 'missing' : 'model_attributes_type',
          loc: ['body'],
          msg: missing ? 'Field required' : 'Input should be a JSON object',
        },
      ],
    },
  );
}

/**
 * Rules of ours are `custom` issues and, in bodies, sizes: 400 with one sentence. Everything else is a wrong shape: 422, with
 * the `detail` list that clients of the drop-in contract read.
 */
function firstProblem(issues: readonly z.core.$ZodIssue[], part: 'body' | 'query'): GatewayError {
  const [issue] = issues;
  if (issue === undefined) return new GatewayError('request.unprocessable', `The ${part} is not valid.`);
  const where = issue.path.map(String).join('.').slice(0, 200);
  const sentence = where === '' ? issue.message : `'${where}': ${issue.message}`;
  const param = issue.path[0] === undefined ? null : String(issue.path[0]);
  const isSize = (issue.code === 'too_big' || issue.code === 'too_small') && part === 'body';
  const isRule = issue.code === 'custom' && issue.params?.['shape'] !== true;
  if (isSize || isRule) return new GatewayError('request.bad_field', sentence, { param });
  return new GatewayError('request.unprocessable', sentence, {
    param,
    detail: issues
      .slice(0, MOST_LISTED)
      .map((each) => ({ type: typeOf(each), loc: [part, ...each.path], msg: each.message })),
  });
}

/** The contract's names for what is wrong with a value. */
function typeOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'too_big':
      return 'less_than_equal';
    case 'too_small':
      return 'greater_than_equal';
    case 'invalid_type':
      return issue.message.endsWith('received undefined') ? 'missing' : `${issue.expected}_type`;
    case 'invalid_value':
      return 'enum';
    default:
      return 'value_error';
  }
}
