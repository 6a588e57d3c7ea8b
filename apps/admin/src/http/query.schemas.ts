import { z } from 'zod';
import { name } from './fields.schemas.js';

/** Far beyond any table, and small enough that the offset stays an exact number. */
const FARTHEST_PAGE = 10_000_000;
/** Rows of people's lists: each is shown with what it has and spent. */
const LARGEST_PAGE = 100;
/** Rows that are read as they are. */
export const LARGEST_REPORT = 1_000;
const MOST_NAMES = 200;

const page = z.coerce.number().int().min(1).max(FARTHEST_PAGE).default(1);
const rows = (usual: number, most: number) => z.coerce.number().int().min(1).max(most).default(usual);

/** `page` and `page_size`; too large a page is refused, never cut. */
export const paging = (usual: number, most = LARGEST_PAGE) => ({ page, page_size: rows(usual, most) });

/** The same where the contract calls it `size`. */
export const sizedPaging = (usual: number, most = LARGEST_PAGE) => ({ page, size: rows(usual, most) });

/** How many rows of a list that has no pages. */
export const most = (usual: number) => rows(usual, LARGEST_REPORT);

export function sortOrder(usual: 'asc' | 'desc') {
  return z.enum(['asc', 'desc']).default(usual);
}

/** What a list is sorted by: a client's word for it, read as ours. */
export function sortBy<Columns extends Readonly<Record<string, string>>>(
  columns: Columns,
  usual: keyof Columns & string,
) {
  const words = Object.keys(columns) as [keyof Columns, ...(keyof Columns)[]] & [string, ...string[]];
  return z
    .enum(words)
    .default(usual as (typeof words)[number])
    .transform((word): Columns[keyof Columns] => columns[word as keyof Columns]);
}

/** Query booleans as people and clients write them. */
export function yesNo(usual = false) {
  return z
    .enum(['true', 'false', 'True', 'False', '1', '0'])
    .optional()
    .transform((word) => (word === undefined ? usual : /^(?:true|1)$/i.test(word)));
}

/** Names with commas between them; none is the same as not asking. */
export const nameList = z
  .string()
  .max(20_000)
  .transform((text) =>
    text
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== ''),
  )
  .pipe(z.array(name).max(MOST_NAMES))
  .transform((list) => (list.length === 0 ? undefined : list))
  .optional();
