import { FirstSchema1700000000001 } from './1700000000001-first-schema.js';

/** In the order they run. Append only. */
export const MIGRATIONS = [FirstSchema1700000000001];
