import { isStorableText, type NanoUsd, parseUsd } from '#libs/kernel';
import { isParamPath } from '#libs/config';
import { parseDuration, parsePeriod } from '#libs/tenancy';
import { z } from 'zod';
import { FOLDED_OF_KEYS } from './folded.js';

/** Names end up in index entries (PostgreSQL's limit is 2.7 KB), header values and log lines. */
const LONGEST_NAME = 256;
/** A list in a grant is walked on every request of its owner. */
const LONGEST_LIST = 1_000;
/** Metadata travels with the compiled caller in every process's memory. */
const LARGEST_METADATA_BYTES = 64 * 1024;
/** Deeper than any honest document, shallow enough for every JSON reader's stack. */
const DEEPEST_METADATA = 32;
/** PostgreSQL's integer; two billion a minute is no limit any more. */
const MOST_PER_MINUTE = 2_147_483_647;

/** Text of any letters and lines. */
export function storable(longest: number) {
  return z.string().max(longest).refine(isStorableText, 'text may not contain NUL or broken Unicode');
}

/** One line of text: whatever its letters mean elsewhere (SQL, templates, markup), it is stored as it is. */
export const name = z
  .string()
  .max(LONGEST_NAME)
  .refine(
    (text) => !/[\p{Cc}\u2028\u2029]/u.test(text) && text.isWellFormed(),
    'control characters are not allowed',
  );

/** A name where null and the empty text both mean "none". */
export const optionalName = name
  .nullable()
  .transform((text) => text || null)
  .optional();

export const flag = z.boolean().nullable().optional();

/** Null is an empty list, as in the contract. */
export const names = z
  .array(name.min(1))
  .max(LONGEST_LIST)
  .nullable()
  .transform((list) => list ?? [])
  .optional();

/** What the OpenAPI document says of an amount. */
const AMOUNT_SHAPE = {
  type: ['number', 'string', 'null'],
  minimum: 0,
  maximum: 1_000_000_000,
} as const;
const TEXT_SHAPE = { type: ['string', 'null'] } as const;
const LIFETIME_SHAPE = { type: ['string', 'integer', 'null'] } as const;

/** Reads what one kind of field may say; undefined: it may not say that. */
type Reader<T> = (value: unknown) => T | undefined;

const readAmount: Reader<NanoUsd> = (value) => {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined;
  try {
    return parseUsd(value);
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
};
const AMOUNT_RULE = 'an amount is a number of dollars from 0 to one billion';

const readPeriod: Reader<string> = (value) => (typeof value === 'string' ? parsePeriod(value) : undefined);
const PERIOD_RULE = 'Invalid budget_duration: send 30s, 5m, 1h, 30d, 1w, 1mo or 1y';

/** A dollar amount: a finite number that is not negative, or the same as text; null and the empty text mean "none". */
export const amount = ruled(readAmount, AMOUNT_RULE, AMOUNT_SHAPE);

/** The same where there has to be one. */
export const dollars = required(readAmount, AMOUNT_RULE, { ...AMOUNT_SHAPE, type: ['number', 'string'] });

/** A limit: a whole number, 0 or more (0 blocks); null means "none". */
export const limit = limitUpTo(MOST_PER_MINUTE);

/** Tokens are counted in larger numbers than requests. */
export const tokenLimit = limitUpTo(Number.MAX_SAFE_INTEGER);

function limitUpTo(most: number) {
  return ruled(
    (value): number | undefined => {
      const count = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
      return typeof count === 'number' && Number.isInteger(count) && count >= 0 && count <= most
        ? count
        : undefined;
    },
    `a limit is a whole number from 0 to ${most}`,
    {
      type: ['integer', 'string', 'null'],
      minimum: 0,
      maximum: most,
    },
  );
}

/** How often a budget starts again, in canonical spelling. */
export const period = ruled(readPeriod, PERIOD_RULE, TEXT_SHAPE);

/** The same where there has to be one. */
export const duration = required(readPeriod, PERIOD_RULE, { type: 'string' });

/** How long something lives; null, `-1` and the empty text mean "for ever". */
export const lifetime = ruled(
  (value): string | null | undefined => {
    if (value === '-1' || value === -1) return null;
    return typeof value === 'string' && parseDuration(value) !== undefined ? value.trim() : undefined;
  },
  'Invalid duration: send 30s, 5m, 1h, 30d, 1w, 1mo or 1y, or -1 for ever',
  LIFETIME_SHAPE,
);

/** A length of time that ends; null and the empty text mean "none". */
export const interval = ruled(
  (value): string | undefined =>
    typeof value === 'string' && parseDuration(value) !== undefined ? value.trim() : undefined,
  'Invalid duration: send 30s, 5m, 1h, 30d, 1w, 1mo or 1y',
  TEXT_SHAPE,
);

/** A moment, ISO 8601 with or without a zone (then UTC); null and the empty text mean "none". */
export const instant = ruled(
  (value): Date | undefined => {
    if (typeof value !== 'string' || !INSTANT.test(value)) return undefined;
    const zoned = /(?:Z|[+-]\d{2}:?\d{2})$/i.test(value) || value.length === 10 ? value : `${value}Z`;
    const date = new Date(zoned.replace(' ', 'T'));
    return Number.isNaN(date.getTime()) ? undefined : date;
  },
  'a moment is a date and time like 2026-01-31T10:00:00Z',
  TEXT_SHAPE,
);
const INSTANT = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/i;

/** Public model name -> real model name. */
export const aliasMap = z
  .record(name.min(1), name.min(1))
  .refine((map) => Object.keys(map).length <= LONGEST_LIST, `at most ${LONGEST_LIST} entries`)
  .nullable()
  .transform((map) => map ?? {})
  .optional();

/** What the OpenAPI document says of a field. */
type Shape = Readonly<Record<string, unknown>>;

/** A field of ours that may be left out; null and the empty text are null. */
function ruled<T>(read: Reader<T>, rule: string, shape: Shape) {
  const readOrNone: Reader<T | null> = (value) => (value === null || value === '' ? null : read(value));
  return required(readOrNone, rule, { ...shape, description: rule }).optional();
}

/** A field of ours that is refused with 400 and the rule when `read` makes nothing of it. */
function required<T>(read: Reader<T>, rule: string, shape: Shape) {
  return z
    .unknown()
    .meta(shape)
    .transform((value, context): T => {
      const made = read(value);
      if (made !== undefined) return made;
      context.addIssue({ code: 'custom', message: rule });
      return z.NEVER;
    });
}

/**
 * Free data of the owner. What the drop-in contract reads out of metadata but is not there yet is refused by name, because a
 * limit that is stored and does nothing is worse than an error.
 */
export const metadata = z
  .record(z.string(), z.unknown())
  .superRefine((data, context) => {
    const problem = problemIn(data);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    const governing = Object.keys(data).find(
      (member) => GOVERNING_MEMBERS.has(member) && !isEmpty(data[member]),
    );
    if (governing !== undefined) {
      context.addIssue({
        code: 'custom',
        path: [governing],
        message: 'is not there yet, and would do nothing here',
      });
    }
  })
  .nullable()
  .transform((data) => data ?? {})
  .optional();

/** Free members that mean something to somebody else: parameters of a provider, facts about a model. */
export const openMap = z.record(z.string(), z.unknown()).superRefine((data, context) => {
  const problem = problemIn(data);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

/** Paths of pass-through endpoints: exact, a path above, or a prefix ending in `*`; `/` stands for all. Groups mean nothing here. */
export const passThroughPaths = z
  .array(z.string().min(1).max(256).startsWith('/', 'send paths'))
  .max(200)
  .nullable()
  .optional();

/** Model -> those that stand in for it, in order. */
export const modelLists = z
  .record(name.min(1), z.array(name.min(1)).max(20))
  .refine((map) => Object.keys(map).length <= 200, 'at most 200 models')
  .nullable()
  .optional();

/** Members that calls have to have: `user`, `metadata.generation_name`. What could never be found would refuse everything. */
export const requiredParams = z
  .array(
    name.refine(isParamPath, 'send names of request members, dots between them: metadata.generation_name'),
  )
  .max(50)
  .nullable()
  .optional();

/** Whether the value says nothing: what a client sends for a field it does not use. */
export function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return true;
  return typeof value === 'object' && !(value instanceof Date) && Object.keys(value).length === 0;
}

/** What the contract reads out of metadata and a noun that takes it has taken out by now: see `folded`. */
const GOVERNING_MEMBERS: ReadonlySet<string> = new Set([
  ...FOLDED_OF_KEYS,
  'model_itpm_limit',
  'model_otpm_limit',
  'model_max_budget',
  'mcp_rpm_limit',
  'rpm_limit',
  'tpm_limit',
  'max_budget',
  'soft_budget',
  'budget_duration',
  'guardrails',
  'policies',
  'disable_global_guardrails',
  'allow_litellm_changed_by_header',
]);

/** What makes a document unfit to be stored, in words; walks without recursion, so depth cannot exhaust the stack. */
function problemIn(root: unknown): string | undefined {
  const open: { value: unknown; depth: number }[] = [{ value: root, depth: 1 }];
  let bytes = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next;
    bytes += 8;
    if (typeof value === 'string') {
      bytes += value.length;
      if (!isStorableText(value)) return 'text may not contain NUL or broken Unicode';
    } else if (typeof value === 'object' && value !== null) {
      if (depth > DEEPEST_METADATA) return `is nested deeper than ${DEEPEST_METADATA} levels`;
      for (const [member, child] of Object.entries(value)) {
        bytes += member.length;
        if (!isStorableText(member)) return 'names may not contain NUL or broken Unicode';
        open.push({ value: child, depth: depth + 1 });
      }
    } else if (typeof value === 'number' && !Number.isFinite(value)) return 'numbers must be finite';
    if (bytes > LARGEST_METADATA_BYTES) return `is larger than ${LARGEST_METADATA_BYTES / 1024} KB`;
  }
  return undefined;
}
