import { FirstSchema1700000000001 } from './1700000000001-first-schema.js';
import { Governed1700000000002 } from './1700000000002-governed.js';

/** In the order they run. Append only. */
export const MIGRATIONS = [FirstSchema1700000000001, Governed1700000000002];
