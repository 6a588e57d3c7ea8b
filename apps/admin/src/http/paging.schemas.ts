import { z } from 'zod';

/** Far beyond any table, and small enough that the offset stays an exact number. */
const FARTHEST_PAGE = 10_000_000;
const LARGEST_PAGE = 100;

/** `page` and `page_size` of the people's lists; too large a page is refused, never cut. */
export function paging(usual: number) {
  return {
    page: z.coerce.number().int().min(1).max(FARTHEST_PAGE).default(1),
    page_size: z.coerce.number().int().min(1).max(LARGEST_PAGE).default(usual),
  };
}

export function sortOrder(usual: 'asc' | 'desc') {
  return z.enum(['asc', 'desc']).default(usual);
}
