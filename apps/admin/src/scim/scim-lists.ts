import { GatewayError } from '#libs/kernel';
import type { Slice } from '#libs/tenancy';
import { type Filter, parse } from 'scim2-parse-filter';
import { LIST_SCHEMA, MOST_RESULTS } from './scim-words.js';

type Plain = Record<string, unknown>;
type Query = Readonly<Record<string, unknown>>;

const LONGEST_FILTER = 1_000;
/** Rows when nobody says how many. */
const USUAL_COUNT = 10;
const ALWAYS: ReadonlySet<string> = new Set(['id', 'schemas', 'meta']);

/** What a list was asked for. Throws 400. */
export function listQuery(query: Query): { readonly filter: Filter | undefined; readonly slice: Slice } {
  return {
    filter: filterIn(query['filter']),
    slice: {
      startIndex: Math.max(1, wholeIn(query['startIndex'], 1, 'startIndex')),
      count: Math.min(MOST_RESULTS, Math.max(0, wholeIn(query['count'], USUAL_COUNT, 'count'))),
    },
  };
}

export function listAnswer(resources: readonly Plain[], total: number, startIndex = 1): Plain {
  return {
    schemas: [LIST_SCHEMA],
    totalResults: total,
    startIndex,
    itemsPerPage: resources.length,
    Resources: resources,
  };
}

/** Which attributes are wanted (`attributes`, `excludedAttributes`), by their first names. */
export class Wanted {
  readonly #only: ReadonlySet<string> | undefined;
  readonly #without: ReadonlySet<string>;

  constructor(query: Query) {
    const only = namesIn(query['attributes']);
    this.#only = only.size === 0 ? undefined : only;
    this.#without = namesIn(query['excludedAttributes']);
  }

  has(name: string): boolean {
    if (ALWAYS.has(name)) return true;
    const known = name.toLowerCase();
    return this.#only === undefined ? !this.#without.has(known) : this.#only.has(known);
  }

  of(resource: Plain): Plain {
    return Object.fromEntries(Object.entries(resource).filter(([name]) => this.has(name)));
  }
}

/** The names before the first dot or bracket: `emails.value` wants `emails`. */
function namesIn(text: unknown): ReadonlySet<string> {
  if (typeof text !== 'string') return new Set();
  const names = text.split(',').map((name) => name.trim().toLowerCase());
  return new Set(
    names.filter(Boolean).map((name) => (name.startsWith('urn:') ? name : (/^[^.[]*/.exec(name)?.[0] ?? ''))),
  );
}

/**
 * A filter as a tree; values in it are data. Control characters are no part of any filter, and the library's tokenizer would
 * take exponential time over some of them.
 */
function filterIn(text: unknown): Filter | undefined {
  if (text === undefined || text === '') return undefined;
  if (typeof text !== 'string' || text.length > LONGEST_FILTER || /\p{Cc}/u.test(text))
    throw new GatewayError('request.bad_field', 'The filter cannot be read.', { type: 'invalidFilter' });
  try {
    return parse(text);
  } catch (cause) {
    throw new GatewayError('request.bad_field', 'The filter cannot be read.', {
      type: 'invalidFilter',
      cause,
    });
  }
}

function wholeIn(text: unknown, usual: number, name: string): number {
  if (text === undefined || text === '') return usual;
  if (typeof text === 'string' && /^-?\d{1,9}$/.test(text)) return Number(text);
  throw new GatewayError('request.bad_field', `'${name}' must be a whole number.`, { type: 'invalidValue' });
}
